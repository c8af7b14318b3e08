//! Writing to an owner of bytes. (Who reads takes from the front.)

/// `std::io::Write` and `core::fmt::Write` of `$owner<H>`, which has `try_extend_from_slice`.
macro_rules! writes_to_the_end {
    ($owner:ident) => {
        /// Appends, all or nothing. An error carries the [`AllocError`](crate::AllocError): of kind `OutOfMemory` if memory is short now, of kind `InvalidInput`
        /// if the heap never serves this.
        ///
        /// ```
        /// use smarena::SmBuf;
        /// use std::io::Write;
        ///
        /// let mut buf = SmBuf::new();
        /// write!(buf, "seq={}", 7)?;
        /// assert_eq!(buf, "seq=7");
        /// # Ok::<(), std::io::Error>(())
        /// ```
        impl<H: HeapRef> std::io::Write for $owner<H> {
            #[inline]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                std::io::Write::write_all(self, bytes)?;
                Ok(bytes.len())
            }

            fn write_vectored(&mut self, parts: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                // Saturating: parts may overlap in memory and add up to anything.
                let total = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
                self.try_reserve(total)?;
                parts.iter().for_each(|part| self.extend_from_slice(part));
                Ok(total)
            }

            #[inline]
            fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
                Ok(self.try_extend_from_slice(bytes)?)
            }

            #[inline]
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        /// Appends the text. Fails where the heap refuses to grow the buffer.
        impl<H: HeapRef> core::fmt::Write for $owner<H> {
            #[inline]
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                self.try_extend_from_slice(text.as_bytes()).map_err(|_| core::fmt::Error)
            }
        }
    };
}

pub(crate) use writes_to_the_end;
