#!/usr/bin/env bash
# io_uring on Linux 6.18: a thread that has closed a ring is interrupted once in its next wait, without any signal.
#
# A guess: a ring with nothing under way goes without a trace; what is cancelled with one is the ring's affair. EINTR is for programs with signal handlers,
# and this one has none.
# Seen: closing a ring leaves work to be done in the thread that used it, and a wait that cannot be begun again ends for it: receiving from a socket with a
# timeout and epoll_wait say EINTR, long before the time is over, each time. Without a timeout, and by poll, nothing is seen: the kernel begins those anew.
# A moment of sleep between closing and waiting takes it away.
# Why it matters here: who gives up a ring and goes on with ordinary calls, as after a refusal, has read_timeout's loops fail at once, with an error that no
# test of the same loops without a ring has shown.
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
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

type Wait = fn(UnixStream) -> std::io::Result<()>;

fn receive(mut stream: UnixStream) -> std::io::Result<()> {
    stream.read(&mut [0; 1]).map(drop)
}

fn receive_in_time(stream: UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    receive(stream)
}

fn poll(stream: UnixStream) -> std::io::Result<()> {
    let mut place = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    match unsafe { libc::poll(&mut place, 1, 20_000) } {
        1 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn epoll(stream: UnixStream) -> std::io::Result<()> {
    let mut place = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    let list = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    unsafe { libc::epoll_ctl(list, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &mut place) };
    match unsafe { libc::epoll_wait(list, &mut place, 1, 20_000) } {
        1 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// What the wait after a ring says, on a thread of its own. The byte comes half a second later.
fn after_a_ring(ring: bool, pause: bool, wait: Wait) -> String {
    let (stream, mut other) = UnixStream::pair().unwrap();
    let (over, is_over) = mpsc::channel::<()>();
    let waits = thread::spawn(move || {
        if ring {
            drop(io_uring::IoUring::new(8).unwrap());
        }
        if pause {
            thread::sleep(Duration::from_millis(300));
        }
        let answer = wait(stream);
        drop(over);
        answer
    });
    let _ = is_over.recv_timeout(Duration::from_millis(800));
    let _ = other.write_all(b"x");
    match waits.join().unwrap() {
        Ok(()) => "served".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn main() {
    let waits: [(&str, Wait); 4] = [("read", receive), ("read, timeout", receive_in_time), ("poll", poll), ("epoll_wait", epoll)];
    for (name, wait) in waits {
        let [without, with, later] = [(false, false), (true, false), (true, true)].map(|(ring, pause)| after_a_ring(ring, pause, wait));
        println!("{name}: no ring {without}, after a ring {with}, a while after it {later}");
    }
}
R
uname -r
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cmp -s - seen <<'S' || { echo "changed"; exit 1; }
read: no ring served, after a ring served, a while after it served
read, timeout: no ring served, after a ring Interrupted, a while after it served
poll: no ring served, after a ring served, a while after it served
epoll_wait: no ring served, after a ring Interrupted, a while after it served
S
