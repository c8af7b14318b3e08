//! Making buffers, and what is first asked of one.

use core::mem::MaybeUninit;
use core::slice;

use super::{BlockSize, DANGLING, MAX_CAPACITY, SmBuf, narrow, refused};
use crate::class::Class;
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

impl SmBuf {
    /// The most bytes a buffer can hold: 4 GiB less 16 bytes (2 GiB less 16 on 32-bit systems).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let error = SmBuf::try_with_capacity(SmBuf::MAX_CAPACITY + 1).unwrap_err();
    /// assert!(error.to_string().contains(&SmBuf::MAX_CAPACITY.to_string()));
    /// ```
    pub const MAX_CAPACITY: usize = MAX_CAPACITY;

    /// An empty buffer of the [`Global`] heap. Allocates nothing.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// # use std::sync::Mutex;
    /// static LOG: Mutex<SmBuf> = Mutex::new(SmBuf::new());
    ///
    /// LOG.lock().unwrap().extend_from_slice(b"started");
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        SmBuf::new_in(Global)
    }

    /// An empty buffer of the [`Global`] heap that takes `capacity` bytes without growing.
    ///
    /// # Panics
    /// If `capacity` is above [`SmBuf::MAX_CAPACITY`] or no memory is left;
    /// [`try_with_capacity`](SmBuf::try_with_capacity) does not.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let buf = SmBuf::with_capacity(100);
    /// assert!(buf.is_empty() && buf.capacity() >= 100);
    /// ```
    #[inline(always)]
    #[must_use]
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        SmBuf::with_capacity_in(capacity, Global)
    }

    /// [`with_capacity`](SmBuf::with_capacity), or the reason why not.
    ///
    /// # Errors
    /// [`AllocError::TooLarge`] above [`SmBuf::MAX_CAPACITY`]; otherwise what the heap says.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert!(SmBuf::try_with_capacity(100)?.capacity() >= 100);
    /// assert!(SmBuf::try_with_capacity(usize::MAX).is_err());
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline(always)]
    pub fn try_with_capacity(capacity: usize) -> Result<Self, AllocError> {
        SmBuf::try_with_capacity_in(capacity, Global)
    }
}

impl<H: HeapRef> SmBuf<H> {
    /// An empty buffer of `heap`. Allocates nothing.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert_eq!(SmBuf::new_in(Global).capacity(), 0);
    /// ```
    #[must_use]
    pub const fn new_in(heap: H) -> Self {
        SmBuf { start: DANGLING, head: 0, len: 0, cap: 0, block: BlockSize::NONE, heap }
    }

    /// An empty buffer of `heap` that takes `capacity` bytes without growing.
    ///
    /// # Panics
    /// If `capacity` is above [`SmBuf::MAX_CAPACITY`] or the heap has no such block;
    /// [`try_with_capacity_in`](SmBuf::try_with_capacity_in) does not.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert!(SmBuf::with_capacity_in(100, Global).capacity() >= 100);
    /// ```
    #[inline(always)]
    #[must_use]
    #[track_caller]
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        match Self::try_with_capacity_in(capacity, heap) {
            Ok(buf) => buf,
            Err(error) => refused(error, capacity),
        }
    }

    /// [`with_capacity_in`](SmBuf::with_capacity_in), or the reason why not.
    ///
    /// # Errors
    /// [`AllocError::TooLarge`] above [`SmBuf::MAX_CAPACITY`]; otherwise what the heap says.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert!(SmBuf::try_with_capacity_in(100, Global)?.is_empty());
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline(always)]
    pub fn try_with_capacity_in(capacity: usize, heap: H) -> Result<Self, AllocError> {
        let class = Class::holding(capacity).filter(|_| capacity > 0);
        let size = match class {
            Some(class) => BlockSize::of_class(class),
            None => BlockSize::holding::<H::Classes>(capacity)?,
        };
        Self::try_with_block_in(size, class.map(|class| (class, capacity)), heap)
    }

    /// An empty buffer that holds a block of `size`, which was computed for this heap's classes; of `class`, for so many bytes, if that is
    /// known.
    ///
    /// What may fail returns a pointer and not the buffer, which stays in registers: in memory it would be stored in pieces and loaded
    /// at once, for which the processor waits.
    #[inline(always)]
    pub(crate) fn try_with_block_in(
        size: BlockSize,
        class: Option<(Class<H::Classes>, usize)>,
        heap: H,
    ) -> Result<Self, AllocError> {
        let start = match class {
            Some((class, bytes)) => heap.allocate_class_for(class, bytes)?,
            None => size.allocate_in(&heap)?,
        };
        // U1 to U3 hold: a block of this size or none, nothing read, nothing written.
        Ok(SmBuf { start, head: 0, len: 0, cap: size.bytes(), block: size, heap })
    }

    /// The number of bytes in the buffer.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!(SmBuf::from(b"abc").len(), 3);
    /// ```
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no byte in the buffer.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert!(SmBuf::with_capacity(64).is_empty());
    /// ```
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the buffer can hold before it asks the heap again, its content included.
    ///
    /// This is the whole block, as large as its size class makes it, from the content's first byte
    /// on: reading from the front lessens it, and what was read comes back when the
    /// buffer is emptied or needs the room.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!(SmBuf::new().capacity(), 0);
    /// assert_eq!(SmBuf::with_capacity(50).capacity(), 64);
    /// ```
    #[inline]
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.cap as usize
    }

    /// The bytes, as a slice.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!(SmBuf::from(b"abc").as_slice(), b"abc");
    /// ```
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &[u8] {
        // SAFETY: U1 and U3: `len` initialised bytes of a block that this buffer owns (or none, at
        // an aligned address); `&self` keeps them as they are for the slice's lifetime.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len as usize) }
    }

    /// The bytes, as a mutable slice.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abc");
    /// buf.as_mut_slice().reverse();
    /// assert_eq!(buf, b"cba");
    /// ```
    #[inline]
    #[must_use]
    pub const fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: U1 and U3: `len` initialised bytes that nobody else owns; `&mut self` makes the
        // slice the only way to them.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len as usize) }
    }

    /// The room behind the content, for code that writes it first and then calls
    /// [`set_len`](SmBuf::set_len). [`reserve`](SmBuf::reserve) makes it larger.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::with_capacity(16);
    /// buf.spare_capacity_mut()[0].write(b'x');
    /// // SAFETY: the first byte has just been written.
    /// unsafe { buf.set_len(1) };
    /// assert_eq!(buf, b"x");
    /// ```
    #[inline]
    #[must_use]
    pub const fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        let room = self.capacity() - self.len();
        // SAFETY: U1 and U2: from `start` on the block has `capacity >= len` bytes.
        let spare = unsafe { self.start.as_ptr().add(self.len()) };
        // SAFETY: U1: the `room` bytes from there are the block's last ones, nobody else's, and
        // `MaybeUninit` asks for no initialised content.
        unsafe { slice::from_raw_parts_mut(spare.cast(), room) }
    }

    /// Says how many bytes the buffer has.
    ///
    /// # Safety
    /// `len` is at most [`capacity`](SmBuf::capacity), and the first `len` bytes are initialised.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abc");
    /// // SAFETY: two bytes are there, and initialised, since three are.
    /// unsafe { buf.set_len(2) };
    /// assert_eq!(buf, b"ab");
    /// ```
    #[inline]
    pub const unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity(), "the length lies behind the buffer's end");
        self.len = narrow(len);
    }

    /// The heap that the block belongs to.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert_eq!(SmBuf::new().heap(), &Global);
    /// ```
    #[inline]
    #[must_use]
    pub const fn heap(&self) -> &H {
        &self.heap
    }

    /// Gives up the ownership: the bytes stay where they are for as long as the heap lives, and
    /// their block is never given back.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let name: &'static mut [u8] = SmBuf::from(b"eth0").leak();
    /// assert_eq!(name, b"eth0");
    /// ```
    #[must_use = "the block is out of reach for good without the slice"]
    pub fn leak<'a>(self) -> &'a mut [u8]
    where
        H: 'a,
    {
        // Not dropping the buffer also keeps its heap reference from being dropped, and with it a
        // heap that is counted.
        let mut buf = core::mem::ManuallyDrop::new(self);
        let bytes: *mut [u8] = buf.as_mut_slice();
        // SAFETY: U1, U3: initialised bytes whose owner is gone, so that the slice is the only way
        // to them; U4: the heap reference is never dropped and outlives `'a`.
        unsafe { &mut *bytes }
    }
}
