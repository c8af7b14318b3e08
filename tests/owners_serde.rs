//! Owners of values and bytes in files: what comes back is what was written, and files that lie are refused or cost nothing.

use serde::de::value::{Error, SeqDeserializer};
use serde::de::{Deserialize, IntoDeserializer};
use serde_test::{Token, assert_de_tokens, assert_tokens};
use smarena::{BufPool, SmBox, SmBuf, SmBytes};

#[test]
fn bytes_are_written_as_bytes_and_read_from_everything_that_is_bytes() {
    let buf = SmBuf::from(b"\x00ab");
    assert_tokens(&buf, &[Token::Bytes(b"\x00ab")]);
    assert_tokens(&buf.clone().freeze(), &[Token::Bytes(b"\x00ab")]);
    assert_de_tokens(&buf, &[Token::ByteBuf(b"\x00ab")]);
    assert_de_tokens(&buf, &[Token::BorrowedBytes(b"\x00ab")]);
    assert_de_tokens(&SmBytes::from("ab"), &[Token::Str("ab")]);
    let sequence = [Token::Seq { len: None }, Token::U8(0), Token::U8(b'a'), Token::U8(b'b'), Token::SeqEnd];
    assert_de_tokens(&buf, &sequence);
    assert_de_tokens(&SmBytes::from(buf), &sequence);
}

#[test]
fn a_lease_is_written_as_its_buffer() {
    let mut lease = BufPool::builder().build().unwrap().try_acquire().unwrap();
    lease.extend_from_slice(&[1, 2]);
    assert_eq!(serde_json::to_string(&lease).unwrap(), "[1,2]");
}

#[test]
fn text_formats_return_what_they_were_given() {
    let bytes: SmBytes = SmBytes::from_iter(0..=255);
    let text = serde_json::to_string(&bytes).unwrap();
    assert_eq!(serde_json::from_str::<SmBuf>(&text).unwrap(), bytes);
    assert!(serde_json::from_str::<SmBytes>("[1,256]").is_err());
    assert!(serde_json::from_str::<SmBytes>("7").unwrap_err().to_string().contains("expected bytes"));
}

/// An iterator of three bytes that claims this many.
struct Claims(usize, std::ops::Range<u8>);

impl Iterator for Claims {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.1.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0, Some(self.0))
    }
}

#[test]
fn a_claimed_length_makes_room_for_a_page_at_most() {
    for claimed in [0, 3, 100_000, usize::MAX] {
        let buf: SmBuf = SmBuf::deserialize(SeqDeserializer::<_, Error>::new(Claims(claimed, 0..3))).unwrap();
        assert_eq!(buf, [0, 1, 2]);
        assert!(buf.capacity() <= 4096, "{} bytes for a claim of {claimed}", buf.capacity());
    }
}

#[test]
fn a_long_sequence_is_read_to_its_end() {
    let long: Vec<u8> = (0..=u8::MAX).cycle().take(20_000).collect();
    let read: SmBytes = SmBytes::deserialize(IntoDeserializer::<Error>::into_deserializer(long.clone())).unwrap();
    assert_eq!(read, long);
}

#[test]
fn a_box_is_its_value() {
    let boxed = SmBox::new((1_u8, String::from("eth0")));
    let text = serde_json::to_string(&boxed).unwrap();
    assert_eq!(text, r#"[1,"eth0"]"#);
    assert_eq!(serde_json::from_str::<SmBox<(u8, String)>>(&text).unwrap(), boxed);
    assert!(serde_json::from_str::<SmBox<u8>>("256").is_err());
}
