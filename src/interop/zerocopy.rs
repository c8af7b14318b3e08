//! zerocopy: values that all-zero bytes are, and buffers that are typed packets.

use core::error::Error;
use core::fmt;

use zerocopy::error::ConvertError;
use zerocopy::{
    ByteSlice, CloneableByteSlice, FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Ref, SplitByteSlice,
};

use crate::boxed::SmBox;
use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::heap::{Global, HeapRef};

impl<T: FromZeros> SmBox<T> {
    /// A box of the [`Global`] heap whose value is all zero bytes. The value never is on the stack.
    ///
    /// # Panics
    /// As [`new`](SmBox::new).
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let counters: SmBox<[u64; 1000]> = SmBox::zeroed();
    /// assert_eq!(counters[999], 0);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn zeroed() -> Self {
        SmBox::zeroed_in(Global)
    }
}

impl<T: FromZeros, H: HeapRef> SmBox<T, H> {
    /// A box of `heap` whose value is all zero bytes. The value never is on the stack.
    ///
    /// # Panics
    /// As [`new_in`](SmBox::new_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let counters: SmBox<[u64; 1000]> = SmBox::zeroed_in(Global);
    /// assert_eq!(counters[999], 0);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn zeroed_in(heap: H) -> Self {
        let zeros = Self::new_zeroed_in(heap);
        // SAFETY: B2: every byte is zero, and `FromZeros` promises that this is a valid value.
        unsafe { zeros.assume_init() }
    }
}

// SAFETY: U1, U3: a buffer's content stays where it is and as long as it is, until a method that takes it mutably as a buffer is called;
// dereferencing, moving and dropping are none. Nobody else owns these bytes.
unsafe impl<H: HeapRef> ByteSlice for SmBuf<H> {}

// SAFETY: U1: `cut` leaves the first bytes where they are, and its result starts right behind them with all the others.
unsafe impl<H: HeapRef> SplitByteSlice for SmBuf<H> {
    #[inline]
    unsafe fn split_at_unchecked(mut self, mid: usize) -> (Self, Self) {
        let rear = self.cut(mid);
        (self, rear)
    }
}

// SAFETY: S1, S2: shared bytes stay where they are and as long as they are, until a method that takes them mutably is called.
unsafe impl<H: HeapRef> ByteSlice for SmBytes<H> {}

// SAFETY: S1: a clone starts at the same byte and has as many.
unsafe impl<H: HeapRef> CloneableByteSlice for SmBytes<H> {}

// SAFETY: S1: `split_off` leaves the first bytes where they are, and its result starts right behind them with all the others, also if
// either has none.
unsafe impl<H: HeapRef> SplitByteSlice for SmBytes<H> {
    #[inline]
    unsafe fn split_at_unchecked(mut self, mid: usize) -> (Self, Self) {
        let rear = self.split_off(mid);
        (self, rear)
    }
}

impl<H: HeapRef> SmBuf<H> {
    /// A `T` that owns the first bytes, where they are, and the rest as a buffer of its own. O(1): the two share the block.
    ///
    /// To look at or change a header without taking the buffer apart, `T::mut_from_prefix(&mut buf)` does.
    ///
    /// # Errors
    /// [`ParseError`] with the buffer as it was, if it is too short for a `T` or does not start at a multiple of its alignment (which network
    /// headers, made of [`zerocopy::byteorder`]'s integers, do not ask for).
    ///
    /// ```
    /// use smarena::SmBuf;
    /// use zerocopy::byteorder::network_endian::U16;
    ///
    /// let (mut id, rest) = SmBuf::from(b"\x12\x34rest").parse_prefix::<U16>().unwrap();
    /// let next = id.get() + 1;
    /// id.set(next);
    /// assert_eq!((id.get(), rest), (0x1235, SmBuf::from("rest")));
    /// ```
    pub fn parse_prefix<T>(self) -> Result<(Ref<Self, T>, Self), ParseError<Self>>
    where
        T: FromBytes + KnownLayout + Immutable,
    {
        parse_prefix(self)
    }

    /// Appends the bytes of `value`.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// use smarena::SmBuf;
    /// use zerocopy::byteorder::network_endian::U16;
    ///
    /// let mut buf = SmBuf::new();
    /// buf.put_struct(&[U16::new(1), U16::new(2)]);
    /// assert_eq!(buf, [0, 1, 0, 2]);
    /// ```
    #[inline]
    #[track_caller]
    pub fn put_struct<T: IntoBytes + Immutable + ?Sized>(&mut self, value: &T) {
        self.extend_from_slice(value.as_bytes());
    }

    /// Puts the bytes of `value` in front of the content: a header, once its payload is there.
    ///
    /// # Panics
    /// As [`reserve_front`](SmBuf::reserve_front).
    ///
    /// ```
    /// use smarena::SmBuf;
    /// use zerocopy::byteorder::network_endian::U16;
    ///
    /// let mut buf = SmBuf::with_headroom(100, 2);
    /// buf.extend_from_slice(b"payload");
    /// buf.prepend_struct(&U16::new(7));
    /// assert_eq!(buf, b"\x00\x07payload");
    /// ```
    #[inline]
    #[track_caller]
    pub fn prepend_struct<T: IntoBytes + Immutable + ?Sized>(&mut self, value: &T) {
        self.prepend(value.as_bytes());
    }
}

impl<H: HeapRef> SmBytes<H> {
    /// A `T` that owns the first bytes, where they are, and the rest. O(1): the two share the block.
    ///
    /// # Errors
    /// [`ParseError`] with the bytes as they were, if they are too few for a `T` or do not start at a multiple of its alignment.
    ///
    /// ```
    /// use smarena::SmBytes;
    /// use zerocopy::byteorder::network_endian::U16;
    ///
    /// let (id, rest) = SmBytes::from_static(b"\x12\x34rest").parse_prefix::<U16>().unwrap();
    /// assert_eq!((id.get(), &rest[..]), (0x1234, &b"rest"[..]));
    ///
    /// let error = SmBytes::from_static(b"\x12").parse_prefix::<U16>().unwrap_err();
    /// assert_eq!(error.to_string(), "a value of 2 bytes was asked for, and there is 1");
    /// assert_eq!(error.into_bytes(), b"\x12");
    /// ```
    pub fn parse_prefix<T>(self) -> Result<(Ref<Self, T>, Self), ParseError<Self>>
    where
        T: FromBytes + KnownLayout + Immutable,
    {
        parse_prefix(self)
    }
}

fn parse_prefix<B, T>(bytes: B) -> Result<(Ref<B, T>, B), ParseError<B>>
where
    B: SplitByteSlice,
    T: FromBytes + KnownLayout + Immutable,
{
    Ref::from_prefix(bytes).map_err(|error| {
        let align = if let ConvertError::Alignment(_) = error { Some(align_of::<T>()) } else { None };
        ParseError { bytes: error.into_src(), size: size_of::<T>(), align }
    })
}

/// Bytes that a value could not be made of: here they are, and why.
///
/// ```
/// use smarena::{ParseError, SmBytes};
/// use zerocopy::byteorder::network_endian::U32;
///
/// fn length(bytes: SmBytes) -> Result<u32, ParseError<SmBytes>> {
///     let (length, _) = bytes.parse_prefix::<U32>()?;
///     Ok(length.get())
/// }
/// let error = length(SmBytes::from_static(b"abc")).unwrap_err();
/// assert_eq!(error.to_string(), "a value of 4 bytes was asked for, and there are 3");
/// ```
pub struct ParseError<B> {
    bytes: B,
    size: usize,
    /// What the address is no multiple of, if that is the reason.
    align: Option<usize>,
}

impl<B> ParseError<B> {
    /// The bytes, as they were given.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let buf = SmBuf::from(b"abc");
    /// assert_eq!(buf.parse_prefix::<[u8; 4]>().unwrap_err().into_bytes(), b"abc");
    /// ```
    #[must_use]
    pub fn into_bytes(self) -> B {
        self.bytes
    }
}

impl<B: ByteSlice> fmt::Display for ParseError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, len) = (self.bytes.as_ptr(), self.bytes.len());
        match self.align {
            Some(align) => write!(f, "a value aligned to {align} was asked for, and the bytes are at {address:p}"),
            None => {
                let are = if len == 1 { "is" } else { "are" };
                write!(f, "a value of {} bytes was asked for, and there {are} {len}", self.size)
            }
        }
    }
}

impl<B: ByteSlice> fmt::Debug for ParseError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParseError({self})")
    }
}

impl<B: ByteSlice> Error for ParseError<B> {}
