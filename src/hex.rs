//! Showing owners of bytes as hexadecimal digits.

/// `{:x}` and `{:X}` of `$owner<H>`, which has `as_slice`: two digits a byte, with `0x` in front if asked for by `#`.
macro_rules! shows_as_hex {
    ($owner:ident) => {
        /// Two digits a byte: `0a1b`; with `#`, `0x0a1b`.
        impl<H: HeapRef> core::fmt::LowerHex for $owner<H> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::hex::prefix(f)?;
                self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        /// Two digits a byte: `0A1B`; with `#`, `0x0A1B`.
        impl<H: HeapRef> core::fmt::UpperHex for $owner<H> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::hex::prefix(f)?;
                self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
            }
        }
    };
}

/// What `#` asks for.
pub(crate) fn prefix(f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
    if f.alternate() { f.write_str("0x") } else { Ok(()) }
}

pub(crate) use shows_as_hex;
