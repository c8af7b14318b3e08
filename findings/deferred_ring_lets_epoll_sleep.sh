#!/usr/bin/env bash
# io_uring on Linux 6.18: who waits by epoll for the file of a ring with IORING_SETUP_DEFER_TASKRUN is interrupted once and then sleeps on, though there is something.
#
# A guess: a ring's file is readable while there are completions, or work that makes some; who sleeps on it is woken when either comes, whatever the ring's flags, and
# epoll, level-triggered, says so again and again.
# Seen: a datagram for a receiving that is under way interrupts epoll_wait (EINTR, perhaps more than once), with either kind of ring. Called again, it says "readable" of an ordinary ring;
# of a deferred one it sleeps to the end of its time, level- and edge-triggered, while poll(2), which looks anew, says readable. An eventfd registered with the
# ring is written to in time, and epoll on that is woken.
# Why it matters here: runtimes call epoll_wait again when it is interrupted, so one that watches a deferred ring's own file hangs; and a test that only looks with
# poll(2) sees nothing of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
io-uring = "=0.7.16"
libc = "=0.2.191"
T
cat >src/main.rs <<'R'
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::{IoUring, opcode, types};

/// The sender waits so long, for the other to sleep; that one sleeps ten times as long at the most.
const WHILE: u64 = 200;

const INTERRUPTED: &str = "interrupted";

fn said(number: i32) -> String {
    match number {
        1 => "woken".into(),
        0 => "asleep to the end".into(),
        _ if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => INTERRUPTED.into(),
        _ => std::io::Error::last_os_error().to_string(),
    }
}

fn poll(fd: i32, milliseconds: i32) -> String {
    let mut watched = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    said(unsafe { libc::poll(&mut watched, 1, milliseconds) })
}

fn epoll(fd: i32, milliseconds: i32, edge: bool) -> String {
    let flags = libc::EPOLLIN | if edge { libc::EPOLLET } else { 0 };
    let mut event = libc::epoll_event { events: flags as u32, u64: 0 };
    unsafe {
        let watcher = libc::epoll_create1(0);
        assert_eq!(libc::epoll_ctl(watcher, libc::EPOLL_CTL_ADD, fd, &mut event), 0);
        // Called again when it is interrupted, as every runtime does.
        let mut woken;
        let mut interrupted = "";
        loop {
            woken = said(libc::epoll_wait(watcher, &mut event, 1, milliseconds));
            if woken != INTERRUPTED {
                break;
            }
            interrupted = "interrupted, then ";
        }
        let woken = format!("{interrupted}{woken}");
        libc::close(watcher);
        woken
    }
}

fn main() {
    for deferred in [false, true] {
        for how in ["poll", "epoll", "epoll, edges", "epoll of a registered eventfd"] {
            let mut builder = IoUring::<io_uring::squeue::Entry, io_uring::cqueue::Entry>::builder();
            if deferred {
                builder.setup_single_issuer().setup_defer_taskrun();
            }
            let mut ring = builder.build(8).unwrap();
            let told = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK) };
            if how == "epoll of a registered eventfd" {
                ring.submitter().register_eventfd(told).unwrap();
            }
            let [here, there] = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
            let mut room = [0_u8; 100];
            let receive = opcode::Recv::new(types::Fd(here.as_raw_fd()), room.as_mut_ptr(), 100).build();
            unsafe { ring.submission().push(&receive).unwrap() };
            ring.submit().unwrap();
            let to = here.local_addr().unwrap();
            let sender = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(WHILE));
                there.send_to(b"a datagram", to).unwrap();
            });
            let long = 10 * WHILE as i32;
            let woken = match how {
                "poll" => poll(ring.as_raw_fd(), long),
                "epoll" => epoll(ring.as_raw_fd(), long, false),
                "epoll, edges" => epoll(ring.as_raw_fd(), long, true),
                _ => epoll(told, long, false),
            };
            sender.join().unwrap();
            println!(
                "{}, {how}: {}, then a fresh look says {}",
                if deferred { "deferred" } else { "ordinary" },
                woken,
                if poll(ring.as_raw_fd(), 0) == "woken" { "readable" } else { "nothing" },
            );
            ring.submit_and_wait(1).unwrap();
            assert_eq!(ring.completion().next().unwrap().result(), 10);
            unsafe { libc::close(told) };
        }
    }
}
R
cargo build -q --release
timeout 60 target/release/probe >seen
cat seen
cat >expected <<'T'
ordinary, poll: woken, then a fresh look says readable
ordinary, epoll: interrupted, then woken, then a fresh look says readable
ordinary, epoll, edges: interrupted, then woken, then a fresh look says readable
ordinary, epoll of a registered eventfd: interrupted, then woken, then a fresh look says readable
deferred, poll: woken, then a fresh look says readable
deferred, epoll: interrupted, then asleep to the end, then a fresh look says readable
deferred, epoll, edges: interrupted, then asleep to the end, then a fresh look says readable
deferred, epoll of a registered eventfd: interrupted, then woken, then a fresh look says readable
T
cmp -s expected seen || { echo "changed"; exit 1; }
