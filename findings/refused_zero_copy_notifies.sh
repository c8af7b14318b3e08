#!/usr/bin/env bash
# io_uring on Linux 6.18: sending by zero copy over a socket that cannot is refused, where the same wish to send() is not, and the refusal is two completions.
#
# A guess: what cannot be sent in place is copied, as send() does with MSG_ZEROCOPY on any socket; or, if it is refused, by one completion, the last, since no
# memory was ever looked at.
# Seen: on Unix sockets of all three kinds send() with the flag sends the bytes, and the ring's operation fails with EOPNOTSUPP. Its completion says that
# another one follows (IORING_CQE_F_MORE), and that one comes: a notification, which reports that the bytes, none of which went anywhere, were copied.
# Over UDP and TCP on loopback both send; there the notification says "copied" as well.
# Why it matters here: who keeps a buffer until its notification has come must do so after a refusal, too; and who counts by that report how often zero
# copy paid counts refusals as copies.
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
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::{IoUring, cqueue, opcode, types};

const TEXT: [u8; 4000] = [7; 4000];
/// That the notification says how it was done, and its bit that says "copied".
const REPORT: u16 = 8;
const COPIED: i32 = i32::MIN;

fn unix(kind: i32) -> [OwnedFd; 2] {
    let mut pair = [0; 2];
    assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) }, 0);
    pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

fn udp() -> [OwnedFd; 2] {
    let [here, there] = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    there.connect(here.local_addr().unwrap()).unwrap();
    [here.into(), there.into()]
}

fn tcp() -> [OwnedFd; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    [listener.accept().unwrap().0.into(), there.into()]
}

/// What `send` with the flag says.
fn by_flag(socket: i32) -> String {
    let sent = unsafe { libc::send(socket, TEXT.as_ptr().cast(), TEXT.len(), libc::MSG_ZEROCOPY) };
    if sent < 0 { format!("error {}", std::io::Error::last_os_error().raw_os_error().unwrap()) } else { format!("{sent} bytes") }
}

/// The completions of the ring's operation.
fn by_ring(socket: i32) -> String {
    let mut ring = IoUring::new(8).unwrap();
    let send = opcode::SendZc::new(types::Fd(socket), TEXT.as_ptr(), TEXT.len() as u32).zc_flags(REPORT).build();
    unsafe { ring.submission().push(&send).unwrap() };
    let mut told = Vec::new();
    loop {
        ring.submit_and_wait(1).unwrap();
        for it in ring.completion() {
            told.push(match it.result() {
                COPIED if cqueue::notif(it.flags()) => "notification: copied".into(),
                0 if cqueue::notif(it.flags()) => "notification: in place".into(),
                bytes @ 0.. => format!("{bytes} bytes"),
                error => format!("error {}", -error),
            });
            if !cqueue::more(it.flags()) {
                return told.join(", ");
            }
        }
    }
}

fn main() {
    let pairs = [
        ("unix stream", unix(libc::SOCK_STREAM)),
        ("unix datagrams", unix(libc::SOCK_DGRAM)),
        ("unix packets", unix(libc::SOCK_SEQPACKET)),
        ("udp", udp()),
        ("tcp", tcp()),
    ];
    for (name, [_here, there]) in pairs {
        println!("{name}: send {}; ring {}", by_flag(there.as_raw_fd()), by_ring(there.as_raw_fd()));
    }
}
R
uname -r
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cmp -s - seen <<'S' || { echo "changed"; exit 1; }
unix stream: send 4000 bytes; ring error 95, notification: copied
unix datagrams: send 4000 bytes; ring error 95, notification: copied
unix packets: send 4000 bytes; ring error 95, notification: copied
udp: send 4000 bytes; ring 4000 bytes, notification: copied
tcp: send 4000 bytes; ring 4000 bytes, notification: copied
S
