//! What a candidate is to a workload: an allocator's raw calls, monomorphised, never behind a virtual call.

use crate::owners::Owners;

/// Why a candidate takes no part; printed, never fatal.
pub type Skip = String;

/// One allocator's calls as a thread makes them. `Copy`, and a zero-sized value for a linked library.
///
/// # Safety
/// `malloc` returns null, or a block of at least `size` bytes aligned to 16 that is the caller's until `free` or `realloc`.
pub unsafe trait Calls: Copy {
    /// The boxes and buffers of the typed rows.
    type Owners: Owners;

    /// A block of `size` bytes aligned to 16, or null.
    fn malloc(self, size: usize) -> *mut u8;

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` is live and came from the same candidate; any thread may free it.
    unsafe fn free(self, block: *mut u8);

    /// As `free`, told the size that was asked for, where the candidate has a shorter way for that.
    ///
    /// # Safety
    /// As `free`; `size` is the size asked for last.
    #[inline(always)]
    unsafe fn free_sized(self, block: *mut u8, size: usize) {
        _ = size;
        // SAFETY: the caller's promise.
        unsafe { self.free(block) };
    }

    /// Moves a block of `old` bytes to one of `new` bytes, content kept. Null (and the old block intact) on failure.
    ///
    /// # Safety
    /// As `free`; `old` is the size asked for last.
    unsafe fn realloc(self, block: *mut u8, old: usize, new: usize) -> *mut u8;

    /// Returns free memory to the system, as far as the candidate can be told to.
    fn trim(self) {}

    /// The typed layer over these calls.
    fn owners(self) -> Self::Owners;
}

/// What a thread does with a candidate. A trait instead of a closure, because it is generic over the calls.
pub trait Job {
    /// Does it.
    fn run<C: Calls>(self, calls: C);
}

/// A candidate as a process holds it, shared by the threads of a round.
pub trait Candidate: Sync {
    /// A heap as the creation row makes it. Uninhabited where a process has just the one.
    type Heap: UseHeap;

    /// Whether there are heaps to create.
    const HEAPS: bool = false;

    /// Runs `job` on this thread, with whatever a thread has to set up before and tear down after it.
    fn enter<J: Job>(&self, job: J);

    /// A heap of 8 buckets of 16 MiB each; `None` where it cannot be had.
    fn new_heap(&self) -> Option<Self::Heap> {
        None
    }
}

/// A heap that threads can use, and no more.
pub trait UseHeap: Sync {
    /// Takes some blocks of 0 to 126 bytes and gives them back.
    fn use_heap(&self);
}

impl UseHeap for core::convert::Infallible {
    fn use_heap(&self) {
        match *self {}
    }
}

/// What a workload wants to be ready for; only candidates with heaps of their own look at it.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Bytes of blocks each thread may cache per bucket; `None` is the candidate's default.
    pub cache_bytes: Option<usize>,
    /// The most bytes live at once, all threads together.
    pub live_bytes: usize,
    /// The largest block.
    pub largest: usize,
    /// Whether the heap is to be one for any program, whose sizes nobody knows.
    pub any_program: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { cache_bytes: None, live_bytes: 64 << 20, largest: 1024, any_program: false }
    }
}

/// A block of `size` bytes for a workload that writes to it: ends the process where there is no memory.
#[inline(always)]
pub fn block<C: Calls>(calls: C, size: usize) -> *mut u8 {
    let block = calls.malloc(size);
    if block.is_null() {
        out_of_memory(size);
    }
    block
}

/// Ends the process: a workload without memory has no number to report, and the other workers would wait for this one.
#[cold]
#[inline(never)]
pub fn out_of_memory(size: usize) -> ! {
    eprintln!("no block of {size} bytes");
    std::process::abort();
}
