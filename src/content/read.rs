//! Reading from an owner of bytes.

/// `Read` and `BufRead` of `$owner<H>`, which has `consume_front`; `$shown` has it in the examples.
macro_rules! reads_from_the_front {
    ($owner:ident) => {
        crate::content::reads_from_the_front!($owner by stringify!($owner));
    };
    ($owner:ident by $shown:expr) => {
        /// Takes bytes from the front; the others stay where they are. Never fails.
        ///
        /// ```
        #[doc = concat!("use smarena::", $shown, ";")]
        /// use std::io::Read;
        ///
        #[doc = concat!("let mut bytes = ", $shown, "::from(b\"\\x00\\x04ping\");")]
        /// let mut length = [0; 2];
        /// bytes.read_exact(&mut length)?;
        /// assert_eq!((u16::from_be_bytes(length), &bytes[..]), (4, &b"ping"[..]));
        /// # Ok::<(), std::io::Error>(())
        /// ```
        impl<H: HeapRef> std::io::Read for $owner<H> {
            #[inline]
            fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
                let count = target.len().min(self.len());
                target[..count].copy_from_slice(&self[..count]);
                self.consume_front(count);
                Ok(count)
            }
        }

        /// The whole content at once. `consume` panics if told of more bytes than there are.
        ///
        /// ```
        #[doc = concat!("use smarena::", $shown, ";")]
        /// use std::io::BufRead;
        ///
        #[doc = concat!("let mut bytes = ", $shown, "::from(\"one\\ntwo\\n\");")]
        /// let mut line = String::new();
        /// bytes.read_line(&mut line)?;
        /// assert_eq!((&line[..], &bytes[..]), ("one\n", &b"two\n"[..]));
        /// # Ok::<(), std::io::Error>(())
        /// ```
        impl<H: HeapRef> std::io::BufRead for $owner<H> {
            #[inline]
            fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
                Ok(self)
            }

            #[inline]
            #[track_caller]
            fn consume(&mut self, count: usize) {
                self.consume_front(count);
            }
        }
    };
}

pub(crate) use reads_from_the_front;
