//! Showing owners of bytes: as a byte string, and as hexadecimal digits.

use core::fmt::{Formatter, Result, Write};

/// `{:?}`, `{:x}` and `{:X}` of `$owner<H>`, which has `as_slice`.
macro_rules! shows_content {
    ($owner:ident) => {
        /// As a byte string: `b"GET / HTTP/1.1\r\n"`.
        impl<H: HeapRef> core::fmt::Debug for $owner<H> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::content::write_byte_string(f, self.as_slice())
            }
        }

        /// Two digits a byte: `0a1b`; with `#`, `0x0a1b`.
        impl<H: HeapRef> core::fmt::LowerHex for $owner<H> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::content::write_hex(f, self.as_slice(), |f, byte| write!(f, "{byte:02x}"))
            }
        }

        /// Two digits a byte: `0A1B`; with `#`, `0x0A1B`.
        impl<H: HeapRef> core::fmt::UpperHex for $owner<H> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::content::write_hex(f, self.as_slice(), |f, byte| write!(f, "{byte:02X}"))
            }
        }
    };
}

/// As Rust's source has it, and as the crate `bytes` shows it: tests that compare texts may change from one to the other.
pub(crate) fn write_byte_string(f: &mut Formatter<'_>, bytes: &[u8]) -> Result {
    f.write_str("b\"")?;
    for &byte in bytes {
        match byte {
            b'\0' => f.write_str("\\0")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b'\\' => f.write_str("\\\\")?,
            b'"' => f.write_str("\\\"")?,
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_char('"')
}

/// What `#` asks for, and the bytes.
pub(crate) fn write_hex(
    f: &mut Formatter<'_>,
    bytes: &[u8],
    digits: impl Fn(&mut Formatter<'_>, u8) -> Result,
) -> Result {
    if f.alternate() {
        f.write_str("0x")?;
    }
    bytes.iter().try_for_each(|byte| digits(f, *byte))
}

pub(crate) use shows_content;
