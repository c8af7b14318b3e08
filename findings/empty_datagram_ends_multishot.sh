#!/usr/bin/env bash
# io_uring on Linux 6.18: an empty datagram ends a receiving that is to go on for ever, in both forms, as the end of a stream does.
#
# A guess: multishot receiving of datagrams ends by an error alone, for want of buffers or when the socket is shut down. An empty datagram is one like others:
# recvmsg gives it and goes on, and in the multishot form that fills in a header its completion has 16 bytes, which no end of a stream could be taken for.
# Seen: three bytes, none, two bytes are sent to a socket of UDP: the completion of the empty one is the last (no IORING_CQE_F_MORE), and the two bytes wait in
# the socket. So it is for packets in sequence, of which nobody has ended anything, and with the header, whose completion is then of 16 bytes and the last.
# Why it matters here: any peer ends a server's receiving by an empty datagram. A loop that takes the lack of F_MORE for an end, or counts restarts as a
# sign of too few buffers, is wrong; one starts it again and says nothing.
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
use std::io::Write;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use io_uring::{IoUring, cqueue, opcode, types};

/// The completions of one receiving, in full, with `+` where it goes on.
fn completions(socket: i32, with_header: bool, send: impl FnOnce()) -> Vec<String> {
    let mut ring = IoUring::new(8).unwrap();
    let mut room = vec![0_u8; 8 * 256];
    let buffers = opcode::ProvideBuffers::new(room.as_mut_ptr(), 256, 8, 1, 0).build();
    unsafe { ring.submission().push(&buffers).unwrap() };
    ring.submit_and_wait(1).unwrap();
    assert_eq!(ring.completion().next().unwrap().result(), 0);
    send();
    let header: libc::msghdr = unsafe { std::mem::zeroed() };
    let socket = types::Fd(socket);
    let receive = if with_header {
        opcode::RecvMsgMulti::new(socket, &header, 1).build()
    } else {
        opcode::RecvMulti::new(socket, 1).build()
    };
    // All was sent before: what can be received now is, as it is handed over.
    unsafe { ring.submission().push(&receive).unwrap() };
    ring.submit_and_wait(1).unwrap();
    ring.completion().map(|it| format!("{}{}", it.result(), if cqueue::more(it.flags()) { "+" } else { "" })).collect()
}

fn main() {
    for with_header in [false, true] {
        let (here, there) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        there.connect(here.local_addr().unwrap()).unwrap();
        let seen = completions(here.as_raw_fd(), with_header, || [3, 0, 2].iter().for_each(|&n| drop(there.send(&[1; 3][..n]))));
        println!("udp, header {with_header}: {}", seen.join(" "));

        let mut pair = [0; 2];
        assert_eq!(unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, pair.as_mut_ptr()) }, 0);
        let [here, there] = pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let send = |n: usize| unsafe { libc::send(there.as_raw_fd(), [1_u8; 3].as_ptr().cast(), n, 0) };
        let seen = completions(here.as_raw_fd(), with_header, || [3, 0, 2].iter().for_each(|&n| drop(send(n))));
        println!("packets, header {with_header}: {}", seen.join(" "));

        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(&[1; 5]).unwrap();
        let seen = completions(here.as_raw_fd(), with_header, || drop(there));
        println!("stream that ends, header {with_header}: {}", seen.join(" "));
    }
}
R
uname -r
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cmp -s - seen <<'S' || { echo "changed"; exit 1; }
udp, header false: 3+ 0
packets, header false: 3+ 0
stream that ends, header false: 5+ 0
udp, header true: 19+ 16
packets, header true: 19+ 16
stream that ends, header true: 21+ 16
S
