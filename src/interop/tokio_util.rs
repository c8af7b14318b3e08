//! Frames over a byte stream, read into leases: what `Framed` of tokio-util is for `BytesMut`.

mod codec;

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use crate::heap::HeapRef;
use crate::pool::{BufPool, InLine, Lease, PoolError};

pub use self::codec::{FrameError, LeaseDecoder, LeaseEncoder, LengthPrefixed};

/// Frames over a byte stream: a `Stream` of what a [`LeaseDecoder`] finds and a `Sink` for what a [`LeaseEncoder`] writes, each in leases of a pool. With
/// feature `tokio-util`.
///
/// Whatever a peer sends, a connection has one lease for reading and one for writing, and none of them grows. A frame that is larger than a lease is
/// [`FrameError::TooLarge`], which names it. A connection that is silent between two frames holds no lease at all. Frames that were taken out by
/// `split_to` and kept hold theirs; then the next is read into another. If the pool has none left, reading waits until one comes back, in the line that
/// [`BufPool::acquire`] waits in. So a pool needs two buffers for each connection, and some more for frames that are kept: who takes a
/// lease for an answer while it holds the frame needs a third, and without it waits for itself, for ever.
/// Who waits there and is polled no more, as in a `select!` that went on elsewhere, keeps its place and then the buffer, until it is polled again or dropped.
///
/// Frames are written when the sink is flushed, or when there is no room for another. Who was told that it is ready holds a lease until it sends or closes. Nothing is allocated.
///
/// ```
/// use core::pin::Pin;
/// use futures_core::Stream;
/// use futures_sink::Sink;
/// use smarena::{BufPool, LeaseFramed, LengthPrefixed};
/// use std::future::poll_fn;
///
/// let pool = BufPool::builder().buf_size(2048).limit(8).build()?;
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let frame = runtime.block_on(async {
///     let (here, there) = tokio::io::duplex(64);
///     let mut sender = LeaseFramed::new(here, LengthPrefixed::new(1024), pool.clone());
///     let mut receiver = LeaseFramed::new(there, LengthPrefixed::new(1024), pool.clone());
///     poll_fn(|context| Sink::<&[u8]>::poll_ready(Pin::new(&mut sender), context)).await?;
///     Pin::new(&mut sender).start_send(&b"a frame"[..])?;
///     poll_fn(|context| Sink::<&[u8]>::poll_flush(Pin::new(&mut sender), context)).await?;
///     poll_fn(|context| Pin::new(&mut receiver).poll_next(context)).await.expect("a frame was sent")
/// })?;
/// assert_eq!(frame, b"a frame");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `StreamExt` and `SinkExt` of the crate futures these are `sender.send(frame).await?` and `receiver.next().await`.
pub struct LeaseFramed<T, C, H: HeapRef> {
    stream: T,
    codec: C,
    read: Half<H>,
    written: Half<H>,
    /// Whether `poll_ready` has promised room for a frame that was not sent since.
    is_ready: bool,
    state: State,
}

/// Nothing in it is pinned by being in it.
impl<T, C, H: HeapRef> Unpin for LeaseFramed<T, C, H> {}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Open,
    /// Nothing more is read, but what is there may have frames.
    AtEnd,
    /// The end was told.
    Over,
}

/// One direction's lease, if there is something in it, or its place in the pool's queue.
struct Half<H: HeapRef> {
    line: InLine<H>,
    lease: Option<Lease<H>>,
}

impl<H: HeapRef> Half<H> {
    fn new(pool: BufPool<H>) -> Self {
        Self { line: InLine::new(pool), lease: None }
    }

    /// Waits until there is a lease.
    fn poll_lease(&mut self, context: &mut Context<'_>) -> Poll<Result<&mut Lease<H>, PoolError>> {
        if self.lease.is_none() {
            self.lease = Some(ready!(self.line.poll(context.waker()))?);
        }
        Poll::Ready(Ok(self.lease.as_mut().expect("it was just put there")))
    }

    /// As `poll_lease`; and the lease has room to read into, for what is behind the frames that were taken out.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<&mut Lease<H>, FrameError>> {
        let buf_size = self.line.pool.buf_size();
        let lease = ready!(self.poll_lease(context))?;
        let len = lease.len();
        // The room of what was read is taken back where that costs no new buffer, so that reads do not become small.
        if lease.room() < buf_size / 2 && len < buf_size {
            lease.try_reclaim(buf_size - len);
        }
        if lease.room() == 0 {
            if len >= buf_size {
                return Poll::Ready(Err(FrameError::TooLarge { bytes: len + 1, limit: len }));
            }
            // The rest of the lease is that of frames which somebody keeps, so this frame goes on in another one.
            let mut next = ready!(self.line.poll(context.waker()))?;
            next.extend_from_slice(self.lease.as_deref().map_or(&[], |lease| &lease[..]));
            self.lease = Some(next);
        }
        // Whoever it waited for gave room back meanwhile: the place, or the buffer that it was handed, is the next one's.
        self.line.leave();
        Poll::Ready(Ok(self.lease.as_mut().expect("there was one before")))
    }
}

impl<T, C, H: HeapRef> LeaseFramed<T, C, H> {
    /// Frames of `codec` over `stream`, in leases of `pool`. Takes none yet.
    ///
    /// ```
    /// # use smarena::{BufPool, LeaseFramed, LengthPrefixed};
    /// let pool = BufPool::builder().buf_size(2048).build()?;
    /// let framed = LeaseFramed::new(tokio::io::duplex(64).0, LengthPrefixed::new(2044), pool.clone());
    /// assert_eq!(pool.in_flight(), 0);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn new(stream: T, codec: C, pool: BufPool<H>) -> Self {
        Self {
            stream,
            codec,
            read: Half::new(pool.clone()),
            written: Half::new(pool),
            is_ready: false,
            state: State::Open,
        }
    }

    /// The stream, the codec, and what was read behind the last frame, if there is something. What was not flushed is lost.
    ///
    /// ```
    /// # use smarena::{BufPool, LeaseFramed, LengthPrefixed};
    /// let pool = BufPool::builder().build()?;
    /// let (_stream, codec, rest) = LeaseFramed::new(tokio::io::duplex(64).0, LengthPrefixed::new(1000), pool).into_parts();
    /// assert!(codec == LengthPrefixed::new(1000) && rest.is_none());
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn into_parts(self) -> (T, C, Option<Lease<H>>) {
        (self.stream, self.codec, self.read.lease.filter(|lease| !lease.is_empty()))
    }
}

impl<T, C, H> LeaseFramed<T, C, H>
where
    T: AsyncRead + Unpin,
    C: LeaseDecoder<H>,
    H: HeapRef,
{
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<C::Frame>, C::Error>> {
        loop {
            if let Some(lease) = self.read.lease.as_mut().filter(|lease| !lease.is_empty()) {
                if let Some(frame) = self.codec.decode(lease)? {
                    return Poll::Ready(Ok(Some(frame)));
                }
            }
            if self.state == State::AtEnd {
                let bytes = self.read.lease.as_ref().map_or(0, |lease| lease.len());
                return Poll::Ready(if bytes == 0 { Ok(None) } else { Err(FrameError::Unfinished { bytes }.into()) });
            }
            let lease = ready!(self.read.poll_room(context))?;
            match poll_read_buf(Pin::new(&mut self.stream), context, lease) {
                Poll::Ready(Ok(0)) => self.state = State::AtEnd,
                Poll::Ready(read) => drop(read.map_err(FrameError::Io)?),
                Poll::Pending => {
                    // Who is silent between two frames holds nothing.
                    if lease.is_empty() {
                        self.read.lease = None;
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T, C, H> Stream for LeaseFramed<T, C, H>
where
    T: AsyncRead + Unpin,
    C: LeaseDecoder<H>,
    H: HeapRef,
{
    type Item = Result<C::Frame, C::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.state == State::Over {
            return Poll::Ready(None);
        }
        let frame = ready!(this.poll_frame(context)).transpose();
        this.read.line.leave();
        if !matches!(frame, Some(Ok(_))) {
            this.state = State::Over;
            this.read.lease = None;
        }
        Poll::Ready(frame)
    }
}

impl<T: AsyncWrite + Unpin, C, H: HeapRef> LeaseFramed<T, C, H> {
    /// Writes all that was encoded.
    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Result<(), FrameError>> {
        while let Some(lease) = self.written.lease.as_mut().filter(|lease| !lease.is_empty()) {
            if ready!(poll_write_buf(Pin::new(&mut self.stream), context, lease))? == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
            }
        }
        if !self.is_ready {
            self.written.lease = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T, C, H, F> Sink<F> for LeaseFramed<T, C, H>
where
    T: AsyncWrite + Unpin,
    C: LeaseEncoder<H, F>,
    H: HeapRef,
{
    type Error = C::Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let this = self.get_mut();
        let (most, limit) = (this.codec.most(), this.written.line.pool.buf_size());
        if most > limit {
            return Poll::Ready(Err(FrameError::TooLarge { bytes: most, limit }.into()));
        }
        if this.written.lease.as_ref().is_some_and(|lease| lease.room() < most) {
            ready!(this.poll_written(context))?;
        }
        ready!(this.written.poll_lease(context)).map_err(FrameError::Pool)?;
        this.is_ready = true;
        Poll::Ready(Ok(()))
    }

    /// # Panics
    /// If it was not ready.
    #[track_caller]
    fn start_send(self: Pin<&mut Self>, frame: F) -> Result<(), C::Error> {
        let this = self.get_mut();
        this.is_ready = false;
        let lease = this.written.lease.as_mut().expect("`start_send` without `poll_ready`");
        this.codec.encode(frame, lease)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let this = self.get_mut();
        ready!(this.poll_written(context))?;
        ready!(Pin::new(&mut this.stream).poll_flush(context)).map_err(FrameError::Io)?;
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let this = self.get_mut();
        this.is_ready = false;
        this.written.line.leave();
        ready!(this.poll_written(context))?;
        ready!(Pin::new(&mut this.stream).poll_shutdown(context)).map_err(FrameError::Io)?;
        Poll::Ready(Ok(()))
    }
}

/// Of its buffers, how many bytes they hold.
impl<T: fmt::Debug, C: fmt::Debug, H: HeapRef> fmt::Debug for LeaseFramed<T, C, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = |half: &Half<H>| half.lease.as_ref().map_or(0, |lease| lease.len());
        f.debug_struct("LeaseFramed")
            .field("stream", &self.stream)
            .field("codec", &self.codec)
            .field("read", &len(&self.read))
            .field("to_write", &len(&self.written))
            .finish_non_exhaustive()
    }
}
