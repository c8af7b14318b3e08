//! smarena as a candidate, in five flavours, beside its library for C. With what is in the folder the only file that knows its interface.
//!
//! - `smarena`: a heap that a type names (`static_heap!`; where a workload is that of any program, `Global`), one for the process as the peers
//!   are, its fast paths inlined into the caller;
//! - `smarena-call`: the same behind functions that are never inlined, as a C library is used;
//! - `smarena-global`: `Global` as a program has it as its global allocator ([`global`]);
//! - `smarena-ref`: a heap by reference, inlined;
//! - `smarena-handle`: this thread's explicit cache of such a heap, no thread-local look-up.

mod global;
mod handle;

use core::ptr::{NonNull, null_mut};

use smarena::{CacheWarmup, Global, Heap, Linear, Piecewise, SmBox, SmBuf, StaticHeap, size_classes, static_heap};

use crate::candidate::{Calls, Candidate, Job, Setup, Skip, UseHeap};
use crate::owners::{Owners, Standard, Value};
pub use global::AsGlobal;
pub use handle::Handle;

/// 16..128 by 16, 256..1024 by 128: every size of the first set of workloads.
type Classes = Piecewise<15>;

/// Address space of each bucket; only what is used is ever backed by memory.
const BUCKET_BYTES: usize = 1 << 30;

/// Bytes of blocks that a thread holds per bucket where a workload wants large caches.
const DEEP_BYTES: usize = 2 << 20;

static_heap! {
    /// The heap of the process.
    pub struct Net: Classes { bucket_bytes: BUCKET_BYTES }

    /// The same with large caches.
    pub struct Deep: Classes { bucket_bytes: BUCKET_BYTES, thread_cache(DEEP_BYTES, CacheWarmup::Cold) }
}

size_classes! {
    /// What travels on a network. Not multiples of 2 KiB, for which the documentation of `BufPool` has the reason.
    pub PacketSizes: [64, 256, 1536, 2112, 4160, 16448]
}

static_heap! {
    /// The heap of the rows of buffers. Threads may cache a few hundred of them, as the other pools keep up to a thousand.
    pub struct Packets: PacketSizes { bucket_bytes: BUCKET_BYTES, thread_cache(512 << 10, CacheWarmup::Cold) }
}

/// What the flavours with a heap of their own share.
struct Ours {
    heap: Heap<Classes>,
    cache_bytes: Option<usize>,
}

impl Ours {
    fn new(setup: &Setup) -> Result<Self, Skip> {
        let mut builder = Heap::<Classes>::builder().bucket_bytes(BUCKET_BYTES);
        if let Some(bytes) = setup.cache_bytes {
            builder = builder.thread_cache(bytes, CacheWarmup::Cold);
        }
        let heap = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { heap, cache_bytes: setup.cache_bytes })
    }
}

/// Which heap of the process a workload wants.
#[derive(Clone, Copy)]
enum Which {
    Net,
    Deep,
    Global,
}

impl Which {
    fn new(setup: &Setup) -> Result<Self, Skip> {
        match setup.cache_bytes {
            None if setup.any_program => Ok(Self::Global),
            None => Ok(Self::Net),
            Some(DEEP_BYTES) => Ok(Self::Deep),
            Some(bytes) => Err(format!("no heap of the process has caches of {bytes} bytes")),
        }
    }
}

/// The typed layer, of a static heap, so that boxes and buffers do not carry a reference.
#[derive(Clone, Copy)]
pub struct OurOwners;

impl Owners for OurOwners {
    type Boxed = SmBox<Value, Net>;
    type Buf = SmBuf<Net>;

    #[inline(always)]
    fn boxed(self, value: Value) -> Self::Boxed {
        SmBox::new_in(value, Net)
    }

    #[inline(always)]
    fn buf(self) -> Self::Buf {
        SmBuf::new_in(Net)
    }

    #[inline(always)]
    fn push(buf: &mut Self::Buf, byte: u8) {
        buf.push(byte);
    }

    type Global = SmBuf<Net>;

    #[inline(always)]
    fn global(self) -> Self::Global {
        SmBuf::new_in(Net)
    }

    #[inline(always)]
    fn push_global(buf: &mut Self::Global, byte: u8) {
        buf.push(byte);
    }

    fn as_global<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// The heap of the creation row.
type SmallHeap = Heap<Linear<8>>;

fn small_heap() -> Option<SmallHeap> {
    Heap::new(16 << 20).ok()
}

impl UseHeap for SmallHeap {
    fn use_heap(&self) {
        let blocks: Vec<NonNull<u8>> =
            (0..64).map(|size| self.malloc(2 * size, 16).expect("there is memory")).collect();
        // SAFETY: all live, from this heap.
        unsafe { self.free_batch(&blocks) };
    }
}

#[inline(always)]
fn or_null<E>(block: Result<NonNull<u8>, E>) -> *mut u8 {
    match block {
        Ok(block) => block.as_ptr(),
        Err(_) => null_mut(),
    }
}

/// # Safety
/// `block` is not null.
#[inline(always)]
unsafe fn non_null(block: *mut u8) -> NonNull<u8> {
    // SAFETY: the caller's promise.
    unsafe { NonNull::new_unchecked(block) }
}

/// `smarena`.
pub struct Inlined(Which);

/// `smarena-call`.
pub struct Called(Which);

/// `smarena-ref`.
pub struct Referred(Ours);

impl Inlined {
    /// The heap for `setup`.
    pub fn new(setup: &Setup) -> Result<Self, Skip> {
        Which::new(setup).map(Self)
    }
}

impl Called {
    /// The heap for `setup`.
    pub fn new(setup: &Setup) -> Result<Self, Skip> {
        Which::new(setup).map(Self)
    }
}

impl Referred {
    /// A heap for `setup`.
    pub fn new(setup: &Setup) -> Result<Self, Skip> {
        Ours::new(setup).map(Self)
    }
}

/// Calls of [`Inlined`].
#[derive(Clone, Copy)]
pub struct InlinedCalls<S>(S);

// SAFETY: `StaticHeap::malloc` gives a block of the size and alignment asked for.
unsafe impl<S: StaticHeap> Calls for InlinedCalls<S> {
    type Owners = OurOwners;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        or_null(self.0.malloc(size, 16))
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live and of this heap.
        unsafe { self.0.free(block) };
    }

    #[inline(always)]
    unsafe fn free_sized(self, block: *mut u8, size: usize) {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live, of this heap and asked for with this size.
        unsafe { self.0.free_sized(block, size, 16) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, _: usize, new: usize) -> *mut u8 {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live and of this heap.
        or_null(unsafe { self.0.realloc(block, new, 16) })
    }

    fn trim(self) {
        S::HEAP.trim();
    }

    fn owners(self) -> Self::Owners {
        OurOwners
    }
}

impl Candidate for Inlined {
    type Heap = SmallHeap;
    const HEAPS: bool = true;

    fn enter<J: Job>(&self, job: J) {
        match self.0 {
            Which::Net => job.run(InlinedCalls(Net)),
            Which::Deep => job.run(InlinedCalls(Deep)),
            Which::Global => job.run(InlinedCalls(Global)),
        }
    }

    fn new_heap(&self) -> Option<SmallHeap> {
        small_heap()
    }
}

/// Calls of [`Called`].
#[derive(Clone, Copy)]
pub struct CalledCalls<S>(S);

#[inline(never)]
fn call_malloc<S: StaticHeap>(heap: S, size: usize) -> *mut u8 {
    InlinedCalls(heap).malloc(size)
}

/// # Safety
/// As [`Calls::free`].
#[inline(never)]
unsafe fn call_free<S: StaticHeap>(heap: S, block: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { InlinedCalls(heap).free(block) };
}

/// # Safety
/// As [`Calls::free_sized`].
#[inline(never)]
unsafe fn call_free_sized<S: StaticHeap>(heap: S, block: *mut u8, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { InlinedCalls(heap).free_sized(block, size) };
}

/// # Safety
/// As [`Calls::realloc`].
#[inline(never)]
unsafe fn call_realloc<S: StaticHeap>(heap: S, block: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { InlinedCalls(heap).realloc(block, old, new) }
}

// SAFETY: as `InlinedCalls`.
unsafe impl<S: StaticHeap> Calls for CalledCalls<S> {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        call_malloc(self.0, size)
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { call_free(self.0, block) };
    }

    #[inline(always)]
    unsafe fn free_sized(self, block: *mut u8, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { call_free_sized(self.0, block, size) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { call_realloc(self.0, block, old, new) }
    }

    fn trim(self) {
        S::HEAP.trim();
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for Called {
    type Heap = SmallHeap;
    const HEAPS: bool = true;

    fn enter<J: Job>(&self, job: J) {
        match self.0 {
            Which::Net => job.run(CalledCalls(Net)),
            Which::Deep => job.run(CalledCalls(Deep)),
            Which::Global => job.run(CalledCalls(Global)),
        }
    }

    fn new_heap(&self) -> Option<SmallHeap> {
        small_heap()
    }
}

/// Calls of [`Referred`].
#[derive(Clone, Copy)]
pub struct ReferredCalls<'h>(&'h Heap<Classes>);

// SAFETY: `Heap::malloc` gives a block of the size and alignment asked for.
unsafe impl Calls for ReferredCalls<'_> {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        or_null(self.0.malloc(size, 16))
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live and of this heap.
        unsafe { self.0.free(block) };
    }

    #[inline(always)]
    unsafe fn free_sized(self, block: *mut u8, size: usize) {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live, of this heap and asked for with this size.
        unsafe { self.0.free_sized(block, size, 16) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, _: usize, new: usize) -> *mut u8 {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live and of this heap.
        or_null(unsafe { self.0.realloc(block, new, 16) })
    }

    fn trim(self) {
        self.0.trim();
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for Referred {
    type Heap = SmallHeap;
    const HEAPS: bool = true;

    fn enter<J: Job>(&self, job: J) {
        job.run(ReferredCalls(&self.0.heap));
    }

    fn new_heap(&self) -> Option<SmallHeap> {
        small_heap()
    }
}
