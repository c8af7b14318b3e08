//! What finds and writes frames, and why there is none.

use core::error::Error;
use std::io;

use crate::bytes::SmBytes;
use crate::derived::{says, wrap};
use crate::heap::HeapRef;
use crate::pool::{Lease, PoolError, PoolHeap};

/// Finds frames in what was read: what tokio-util's `Decoder` is for `BytesMut`.
///
/// ```
/// use smarena::{BufPool, FrameError, HeapRef, Lease, LeaseDecoder, PoolHeap, SmBytes};
///
/// struct Lines;
///
/// impl<H: HeapRef> LeaseDecoder<H> for Lines {
///     type Frame = SmBytes<PoolHeap<H>>;
///     type Error = FrameError;
///
///     fn decode(&mut self, read: &mut Lease<H>) -> Result<Option<Self::Frame>, FrameError> {
///         let Some(end) = read.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
///         let mut line = read.split_to(end + 1);
///         line.truncate(end);
///         Ok(Some(line.freeze()))
///     }
/// }
///
/// let mut lease = BufPool::builder().build()?.try_acquire()?;
/// lease.extend_from_slice(b"one line\nanoth");
/// assert_eq!(Lines.decode(&mut lease)?.unwrap(), b"one line");
/// assert!(Lines.decode(&mut lease)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LeaseDecoder<H: HeapRef> {
    /// What a frame becomes.
    type Frame;
    /// Why there is none.
    type Error: From<FrameError>;

    /// Takes the first frame out of `read`, by `split_to` or `advance`. `None` if it is not all there: then this is called again with more, as long as
    /// there is room for it.
    ///
    /// # Errors
    /// What is wrong with the frame. The stream then ends.
    fn decode(&mut self, read: &mut Lease<H>) -> Result<Option<Self::Frame>, Self::Error>;
}

/// Writes frames: what tokio-util's `Encoder` is for `BytesMut`.
///
/// ```
/// use smarena::{BufPool, LeaseEncoder, LengthPrefixed};
///
/// let mut lease = BufPool::builder().build()?.try_acquire()?;
/// LengthPrefixed::new(1000).encode(b"frame", &mut lease)?;
/// assert_eq!(lease[..], *b"\0\0\0\x05frame");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LeaseEncoder<H: HeapRef, F> {
    /// Why a frame cannot be written.
    type Error: From<FrameError>;

    /// The most bytes that a frame takes. So much room there is whenever `encode` is called.
    fn most(&self) -> usize;

    /// Appends `frame`, or nothing.
    ///
    /// # Errors
    /// Why not; among others [`FrameError::TooLarge`], if it takes more than [`most`](LeaseEncoder::most) bytes.
    fn encode(&mut self, frame: F, target: &mut Lease<H>) -> Result<(), Self::Error>;
}

/// Why frames cannot be read or written.
///
/// ```
/// use smarena::FrameError;
///
/// let error = FrameError::TooLarge { bytes: 5000, limit: 1024 };
/// assert_eq!(error.to_string(), "a frame of 5000 bytes or more; the limit is 1024");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame is larger than the codec allows, or than a lease.
    TooLarge {
        /// What was announced, or is there already.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The stream ended in the middle of a frame.
    Unfinished {
        /// Those that are there.
        bytes: usize,
    },
    /// The pool's heap had no buffer.
    Pool(PoolError),
    /// What the stream said.
    Io(io::Error),
}

says! {
    [] FrameError:
    Self::TooLarge { bytes, limit } => "a frame of {bytes} bytes or more; the limit is {limit}";
    Self::Unfinished { bytes } => "the stream ended in a frame, of which {bytes} bytes are there";
    Self::Pool(error) => "{error}";
    Self::Io(error) => "{error}";
}

/// The text is that of the error inside, so what comes next in the row is what that one was caused by.
impl Error for FrameError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FrameError::Pool(error) => error.source(),
            FrameError::Io(error) => error.source(),
            FrameError::TooLarge { .. } | FrameError::Unfinished { .. } => None,
        }
    }
}

wrap! { [] FrameError: Pool(PoolError) }
wrap! { [] FrameError: Io(io::Error) }

/// Of kind `InvalidData` if a frame is too large, of kind `UnexpectedEof` if the stream ended in one, and otherwise of that which the inner error has.
///
/// ```
/// use smarena::FrameError;
/// use std::io;
///
/// let error = io::Error::from(FrameError::Unfinished { bytes: 3 });
/// assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
/// ```
impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { .. } => io::Error::new(io::ErrorKind::InvalidData, error),
            FrameError::Unfinished { .. } => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            FrameError::Pool(error) => error.into(),
            FrameError::Io(error) => error,
        }
    }
}

/// Frames behind their length: four bytes in network order, which do not count themselves. Those that are read are [`SmBytes`], parts of the lease that
/// they were read into: nothing is copied.
///
/// ```
/// use smarena::{BufPool, FrameError, LeaseDecoder, LengthPrefixed};
///
/// let mut lease = BufPool::builder().build()?.try_acquire()?;
/// let mut codec = LengthPrefixed::new(1000);
/// lease.extend_from_slice(b"\0\0\0\x05first\0\0\0\x06sec");
/// assert_eq!(codec.decode(&mut lease)?.unwrap(), b"first");
/// assert!(codec.decode(&mut lease)?.is_none());
///
/// lease.clear();
/// lease.extend_from_slice(&512_000_000_u32.to_be_bytes());
/// let error = codec.decode(&mut lease).unwrap_err();
/// assert!(matches!(error, FrameError::TooLarge { bytes: 512_000_000, limit: 1000 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthPrefixed {
    limit: usize,
}

impl LengthPrefixed {
    const PREFIX: usize = size_of::<u32>();

    /// For frames of up to `limit` bytes without their length. What `limit` and the four bytes come to must fit into a buffer of the pool, or nothing
    /// can be sent.
    ///
    /// ```
    /// # use smarena::LengthPrefixed;
    /// const CODEC: LengthPrefixed = LengthPrefixed::new(1000);
    /// ```
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl<H: HeapRef> LeaseDecoder<H> for LengthPrefixed {
    type Frame = SmBytes<PoolHeap<H>>;
    type Error = FrameError;

    fn decode(&mut self, read: &mut Lease<H>) -> Result<Option<Self::Frame>, FrameError> {
        let Some(prefix) = read.first_chunk() else { return Ok(None) };
        let bytes = u32::from_be_bytes(*prefix) as usize;
        if bytes > self.limit {
            return Err(FrameError::TooLarge { bytes, limit: self.limit });
        }
        if read.len() - Self::PREFIX < bytes {
            return Ok(None);
        }
        let mut frame = read.split_to(Self::PREFIX + bytes).freeze();
        drop(frame.split_to(Self::PREFIX));
        Ok(Some(frame))
    }
}

impl<H: HeapRef, F: AsRef<[u8]>> LeaseEncoder<H, F> for LengthPrefixed {
    type Error = FrameError;

    fn most(&self) -> usize {
        Self::PREFIX.saturating_add(self.limit)
    }

    fn encode(&mut self, frame: F, target: &mut Lease<H>) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        match u32::try_from(frame.len()) {
            Ok(len) if frame.len() <= self.limit => target.extend_from_slice(&len.to_be_bytes()),
            _ => return Err(FrameError::TooLarge { bytes: frame.len(), limit: self.limit }),
        }
        target.extend_from_slice(frame);
        Ok(())
    }
}
