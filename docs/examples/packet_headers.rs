//! An Ethernet frame in one buffer: headers put in front of a payload, parsed, rewritten in place, and owned apart.
//!
//! `cargo run --example packet_headers` answers a UDP datagram as an echo server at the lowest layer would: no byte of the payload
//! moves between arrival and departure.

#[path = "shared/ending.rs"]
mod ending;

use std::process::ExitCode;

use ending::Ending;
use smarena::{ParseError, SmBuf};
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Ref, Unaligned};

#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Ethernet {
    target: [u8; 6],
    source: [u8; 6],
    protocol: U16,
}

/// Without options, as hosts send it.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Ipv4 {
    version_and_length: u8,
    service: u8,
    total_length: U16,
    id: U16,
    fragment: U16,
    time_to_live: u8,
    protocol: u8,
    checksum: U16,
    source: U32,
    target: U32,
}

#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Udp {
    source: U16,
    target: U16,
    length: U16,
    checksum: U16,
}

/// What stands in front of a datagram's payload.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Headers {
    ethernet: Ethernet,
    ip: Ipv4,
    udp: Udp,
}

const IPV4: u16 = 0x0800;
const UDP: u8 = 17;

/// The Internet checksum: the ones' complement of the ones' complement sum of all 16-bit words.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while let (high @ 1.., low) = (sum >> 16, sum & 0xffff) {
        sum = high + low;
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

/// Why a frame was not answered.
#[derive(Debug, PartialEq)]
enum Refusal {
    TooShort,
    NotUdp,
    Corrupt,
    Expired,
}

/// Puts the headers of a datagram in front of `payload`, into its headroom.
fn send(payload: &mut SmBuf, from: (u32, u16), to: (u32, u16)) {
    let udp_length = u16::try_from(size_of::<Udp>() + payload.len()).expect("a datagram's length");
    payload.prepend_struct(&Udp {
        source: from.1.into(),
        target: to.1.into(),
        length: udp_length.into(),
        // 0: not used, as IPv4 allows.
        checksum: 0.into(),
    });
    let mut ip = Ipv4 {
        version_and_length: 0x45,
        service: 0,
        total_length: (udp_length + 20).into(),
        id: 1.into(),
        fragment: 0x4000.into(),
        time_to_live: 64,
        protocol: UDP,
        checksum: 0.into(),
        source: from.0.into(),
        target: to.0.into(),
    };
    ip.checksum = checksum(&[ip.as_bytes()]).into();
    payload.prepend_struct(&ip);
    payload.prepend_struct(&Ethernet { target: [2; 6], source: [1; 6], protocol: IPV4.into() });
}

/// Turns a datagram around, in place: addresses and ports swapped, one hop less to live, the checksum anew.
fn answer(frame: &mut SmBuf) -> Result<(), Refusal> {
    let (headers, payload) = Headers::mut_from_prefix(frame).map_err(|_| Refusal::TooShort)?;
    let Headers { ethernet, ip, udp } = headers;
    if ethernet.protocol != IPV4 || ip.version_and_length != 0x45 || ip.protocol != UDP {
        return Err(Refusal::NotUdp);
    }
    if checksum(&[ip.as_bytes()]) != 0 || usize::from(udp.length) != size_of::<Udp>() + payload.len() {
        return Err(Refusal::Corrupt);
    }
    ip.time_to_live = ip.time_to_live.checked_sub(1).filter(|&left| left > 0).ok_or(Refusal::Expired)?;
    core::mem::swap(&mut ethernet.source, &mut ethernet.target);
    core::mem::swap(&mut ip.source, &mut ip.target);
    core::mem::swap(&mut udp.source, &mut udp.target);
    ip.checksum = 0.into();
    ip.checksum = checksum(&[ip.as_bytes()]).into();
    Ok(())
}

/// A datagram taken apart without copying: its headers, typed and owned, to one place; its payload to another.
fn take_apart(frame: SmBuf) -> Result<(Ref<SmBuf, Headers>, SmBuf), ParseError<SmBuf>> {
    frame.parse_prefix::<Headers>()
}

fn main() -> ExitCode {
    let mut frame = SmBuf::with_headroom(1500, size_of::<Headers>());
    frame.extend_from_slice(b"hello");
    send(&mut frame, (0x0a00_0001, 4000), (0x0a00_0002, 7));
    answer(&mut frame).expect("a datagram just made");
    let (headers, payload) = take_apart(frame).expect("a datagram just made");
    Ending::Good(format!("{headers:?}\n{payload:?}\n")).tell("packet_headers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> SmBuf {
        let mut frame = SmBuf::with_headroom(1500, size_of::<Headers>());
        frame.extend_from_slice(payload);
        send(&mut frame, (0x0a00_0001, 4000), (0x0a00_0002, 7));
        frame
    }

    #[test]
    fn headers_go_into_the_headroom_and_every_byte_is_in_its_place() {
        let frame = frame(b"hello");
        assert_eq!(frame.headroom(), 0);
        let expected = [
            &[2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 8, 0][..],
            // Length 33, don't fragment, 64 hops, UDP; the checksum worked out by hand.
            &[0x45, 0, 0, 33, 0, 1, 0x40, 0, 64, 17, 0x26, 0xc9, 10, 0, 0, 1, 10, 0, 0, 2],
            &[0x0f, 0xa0, 0, 7, 0, 13, 0, 0],
            b"hello",
        ];
        assert_eq!(frame, expected.concat());
    }

    #[test]
    fn an_answer_goes_back_where_it_came_from_and_the_payload_does_not_move() {
        let mut frame = frame(b"odd");
        let before = (frame.as_ptr(), *Headers::ref_from_prefix(&frame).unwrap().0);
        answer(&mut frame).unwrap();
        let (headers, payload) = Headers::ref_from_prefix(&frame).unwrap();
        assert_eq!((frame.as_ptr(), payload), (before.0, &b"odd"[..]));
        assert_eq!(
            (headers.ethernet.source, headers.ip.source, headers.udp.source),
            ([2; 6], U32::new(0x0a00_0002), U16::new(7))
        );
        assert_eq!((headers.ip.time_to_live, checksum(&[headers.ip.as_bytes()])), (63, 0));
        answer(&mut frame).unwrap();
        let mut twice = *Headers::ref_from_prefix(&frame).unwrap().0;
        assert_eq!(twice.ip.time_to_live, 62);
        (twice.ip.time_to_live, twice.ip.checksum) = (64, before.1.ip.checksum);
        assert_eq!(twice, before.1);
    }

    #[test]
    fn what_is_no_sound_datagram_is_refused_and_left_alone() {
        let spoil = |at: usize, byte: u8| {
            let mut frame = frame(b"hello");
            frame[at] = byte;
            let before = frame.clone();
            let refusal = answer(&mut frame).unwrap_err();
            assert_eq!(frame, before);
            refusal
        };
        assert_eq!(spoil(12, 9), Refusal::NotUdp);
        assert_eq!(spoil(23, 6), Refusal::NotUdp);
        assert_eq!(spoil(30, 99), Refusal::Corrupt);
        assert_eq!(spoil(39, 14), Refusal::Corrupt);
        assert_eq!(answer(&mut SmBuf::from(&frame(b"")[..41])), Err(Refusal::TooShort));
        let mut old = frame(b"hello");
        for _ in 1..64 {
            answer(&mut old).unwrap();
        }
        assert_eq!(answer(&mut old), Err(Refusal::Expired));
    }

    #[test]
    fn headers_and_payload_are_owned_apart() {
        let whole = frame(b"hello");
        let address = whole.as_ptr();
        let (mut headers, mut payload) = take_apart(whole).unwrap();
        assert_eq!((payload.as_ptr(), &payload[..]), (address.wrapping_add(42), &b"hello"[..]));
        let thread = std::thread::spawn(move || {
            headers.udp.target = 9.into();
            headers.udp.target.get()
        });
        payload.fill(b'x');
        assert_eq!((thread.join().unwrap(), &payload[..]), (9, &b"xxxxx"[..]));
        assert_eq!(take_apart(SmBuf::from(b"too short")).unwrap_err().into_bytes(), b"too short");
    }
}
