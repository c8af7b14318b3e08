//! A socket's address as the kernel writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The bytes of the longest one, an IPv6 address.
pub(super) const ADDRESS: u32 = 28;

/// An address for the kernel to read: family, port, and what the family has beside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address {
    pub(super) bytes: [u8; ADDRESS as usize],
    pub(super) len: u32,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let mut bytes = [0; ADDRESS as usize];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(2, &address.port().to_be_bytes());
        let (family, len) = match address {
            SocketAddr::V4(v4) => {
                put(4, &v4.ip().octets());
                (libc::AF_INET, 16)
            }
            SocketAddr::V6(v6) => {
                // In the machine's own byte order, as the standard library has it.
                put(4, &v6.flowinfo().to_ne_bytes());
                put(8, &v6.ip().octets());
                put(24, &v6.scope_id().to_ne_bytes());
                (libc::AF_INET6, ADDRESS)
            }
        };
        put(0, &family_bytes(family));
        Address { bytes, len }
    }
}

/// The address that the kernel wrote, if it is of the internet.
pub(super) fn parse(bytes: &[u8]) -> Option<SocketAddr> {
    fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..at + N)?.try_into().ok()
    }
    let port = u16::from_be_bytes(part(bytes, 2)?);
    let family: [u8; 2] = part(bytes, 0)?;
    if family == family_bytes(libc::AF_INET) {
        let ip = Ipv4Addr::from(part::<4>(bytes, 4)?);
        return Some(SocketAddr::new(IpAddr::V4(ip), port));
    }
    if family == family_bytes(libc::AF_INET6) {
        let ip = Ipv6Addr::from(part::<16>(bytes, 8)?);
        let (flow, scope) = (u32::from_ne_bytes(part(bytes, 4)?), u32::from_ne_bytes(part(bytes, 24)?));
        return Some(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)));
    }
    None
}

/// The two bytes of an address's family.
#[expect(clippy::cast_possible_truncation, reason = "families are small numbers")]
const fn family_bytes(family: libc::c_int) -> [u8; 2] {
    (family as u16).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        for text in ["127.0.0.1:80", "[fe80::1%3]:65535", "[2001:db8::7]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let Address { bytes, len } = address.into();
            assert_eq!(parse(&bytes[..len as usize]), Some(address));
            assert_eq!(parse(&bytes[..len as usize - 13]), None);
        }
        assert_eq!((parse(&[]), parse(&[9; ADDRESS as usize])), (None, None));
    }
}
