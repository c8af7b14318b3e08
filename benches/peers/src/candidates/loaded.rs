//! Allocators loaded from a shared library: tcmalloc, and any library with the C interface `sm_*`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use std::ffi::CString;

use crate::candidate::{Calls, Candidate, Job, Setup, Skip, UseHeap};
use crate::owners::Standard;

/// An open shared library; it stays loaded until the process ends, so its symbols may be copied freely.
struct Library(*mut c_void);

impl Library {
    fn open(path: &str) -> Result<Self, Skip> {
        let name = CString::new(path).map_err(|_| format!("{path:?} is not a path"))?;
        // SAFETY: a C string; the library's constructors are trusted by whoever named it. RTLD_LOCAL: its `malloc` replaces nobody's.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() { Err(last_error()) } else { Ok(Self(handle)) }
    }

    fn symbol(&self, name: &CStr) -> Result<*mut c_void, Skip> {
        // SAFETY: the handle is open and `name` a C string.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if symbol.is_null() { Err(last_error()) } else { Ok(symbol) }
    }
}

fn last_error() -> Skip {
    // SAFETY: no precondition; the text belongs to this thread until its next dl call.
    let text: *const c_char = unsafe { libc::dlerror() };
    if text.is_null() {
        return "not found".to_owned();
    }
    // SAFETY: dlerror returned a C string, read before any other dl call.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

type Malloc = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
type Trim = unsafe extern "C" fn();

/// tcmalloc of gperftools.
#[derive(Clone, Copy)]
pub struct Tcmalloc {
    malloc: Malloc,
    free: Free,
    realloc: Realloc,
    trim: Trim,
}

impl Tcmalloc {
    /// Loads it, if the machine has it.
    pub fn load() -> Result<Self, Skip> {
        let library = Library::open("libtcmalloc_minimal.so.4")?;
        Ok(Self {
            // SAFETY: the documented type of `tc_malloc`.
            malloc: unsafe { transmute::<*mut c_void, Malloc>(library.symbol(c"tc_malloc")?) },
            // SAFETY: the documented type of `tc_free`.
            free: unsafe { transmute::<*mut c_void, Free>(library.symbol(c"tc_free")?) },
            // SAFETY: the documented type of `tc_realloc`.
            realloc: unsafe { transmute::<*mut c_void, Realloc>(library.symbol(c"tc_realloc")?) },
            // SAFETY: the documented type of `MallocExtension_ReleaseFreeMemory`.
            trim: unsafe { transmute::<*mut c_void, Trim>(library.symbol(c"MallocExtension_ReleaseFreeMemory")?) },
        })
    }
}

// SAFETY: `tc_malloc` is a C `malloc`.
unsafe impl Calls for Tcmalloc {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        // SAFETY: no precondition.
        unsafe { (self.malloc)(size) }.cast()
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: the caller's block is live and of this library.
        unsafe { (self.free)(block.cast()) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, _: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's block is live and of this library.
        unsafe { (self.realloc)(block.cast(), new) }.cast()
    }

    fn trim(self) {
        // SAFETY: no precondition.
        unsafe { (self.trim)() };
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for Tcmalloc {
    type Heap = core::convert::Infallible;

    fn enter<J: Job>(&self, job: J) {
        job.run(*self);
    }
}

type Create = unsafe extern "C" fn(u32, usize) -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type CacheCreate = unsafe extern "C" fn(*mut c_void, c_int, usize);
type CacheDestroy = unsafe extern "C" fn(*mut c_void);
type SmMalloc = unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void;
type SmFree = unsafe extern "C" fn(*mut c_void, *mut c_void);
type SmRealloc = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;

#[derive(Clone, Copy)]
struct Functions {
    create: Create,
    destroy: Destroy,
    cache_create: CacheCreate,
    cache_destroy: CacheDestroy,
    malloc: SmMalloc,
    free: SmFree,
    realloc: SmRealloc,
}

/// A library with the C interface of this project, and one heap of it.
pub struct Extra {
    functions: Functions,
    heap: ExtraHeap,
    cache_blocks: usize,
}

/// A heap of such a library.
pub struct ExtraHeap {
    allocator: *mut c_void,
    functions: Functions,
}

// SAFETY: an allocator of this interface may be used from any thread.
unsafe impl Sync for ExtraHeap {}

impl ExtraHeap {
    fn new(functions: &Functions, buckets: u32, bucket_bytes: usize) -> Result<Self, Skip> {
        // SAFETY: the interface allows any arguments and returns null where it cannot.
        let allocator = unsafe { (functions.create)(buckets, bucket_bytes) };
        if allocator.is_null() {
            return Err(format!("no heap of {buckets} x {bucket_bytes} bytes"));
        }
        Ok(Self { allocator, functions: *functions })
    }
}

impl UseHeap for ExtraHeap {
    fn use_heap(&self) {
        for size in 0..64 {
            // SAFETY: the allocator lives as long as `self`.
            let block = unsafe { (self.functions.malloc)(self.allocator, 2 * size, 16) };
            // SAFETY: live, from this allocator, which frees null as well.
            unsafe { (self.functions.free)(self.allocator, block) };
        }
    }
}

impl Drop for ExtraHeap {
    fn drop(&mut self) {
        // SAFETY: created by `new` and destroyed once; every thread's cache was destroyed when its job was over.
        unsafe { (self.functions.destroy)(self.allocator) };
    }
}

impl Extra {
    /// Loads the library at `path` and creates a heap that holds what `setup` says.
    ///
    /// The buckets are linear (16, 32, … bytes), and each may have to hold all live bytes.
    pub fn load(path: &str, setup: &Setup) -> Result<Self, Skip> {
        let library = Library::open(path)?;
        let functions = Functions {
            // SAFETY: the interface's type of this function.
            create: unsafe { transmute::<*mut c_void, Create>(library.symbol(c"sm_allocator_create")?) },
            // SAFETY: the interface's type of this function.
            destroy: unsafe { transmute::<*mut c_void, Destroy>(library.symbol(c"sm_allocator_destroy")?) },
            // SAFETY: the interface's type of this function.
            cache_create: unsafe {
                transmute::<*mut c_void, CacheCreate>(library.symbol(c"sm_allocator_thread_cache_create")?)
            },
            // SAFETY: the interface's type of this function.
            cache_destroy: unsafe {
                transmute::<*mut c_void, CacheDestroy>(library.symbol(c"sm_allocator_thread_cache_destroy")?)
            },
            // SAFETY: the interface's type of this function.
            malloc: unsafe { transmute::<*mut c_void, SmMalloc>(library.symbol(c"sm_malloc")?) },
            // SAFETY: the interface's type of this function.
            free: unsafe { transmute::<*mut c_void, SmFree>(library.symbol(c"sm_free")?) },
            // SAFETY: the interface's type of this function.
            realloc: unsafe { transmute::<*mut c_void, SmRealloc>(library.symbol(c"sm_realloc")?) },
        };
        let buckets = setup.largest.div_ceil(16).clamp(8, 64);
        let heap =
            ExtraHeap::new(&functions, u32::try_from(buckets).expect("at most 64"), setup.live_bytes.max(16 << 20))?;
        // The interface counts blocks, not bytes; 32 bytes stand for the usual block.
        let cache_blocks = setup.cache_bytes.map_or(4096, |bytes| bytes / 32);
        Ok(Self { functions, heap, cache_blocks })
    }
}

/// The calls of an [`Extra`].
#[derive(Clone, Copy)]
pub struct ExtraCalls<'a>(&'a Extra);

// SAFETY: `sm_malloc` gives null or a block of the size and alignment.
unsafe impl Calls for ExtraCalls<'_> {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        // SAFETY: the allocator lives as long as `self`.
        unsafe { (self.0.functions.malloc)(self.0.heap.allocator, size, 16) }.cast()
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: the caller's block is live and of this allocator.
        unsafe { (self.0.functions.free)(self.0.heap.allocator, block.cast()) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, _: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's block is live and of this allocator.
        unsafe { (self.0.functions.realloc)(self.0.heap.allocator, block.cast(), new, 16) }.cast()
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

/// Destroys this thread's cache when its job is over.
struct ExtraThread<'a>(&'a Extra);

impl Drop for ExtraThread<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread's cache was created by `enter`.
        unsafe { (self.0.functions.cache_destroy)(self.0.heap.allocator) };
    }
}

impl Candidate for Extra {
    type Heap = ExtraHeap;
    const HEAPS: bool = true;

    fn enter<J: Job>(&self, job: J) {
        // SAFETY: the allocator lives; 0 is a cold cache.
        unsafe { (self.functions.cache_create)(self.heap.allocator, 0, self.cache_blocks) };
        let thread = ExtraThread(self);
        job.run(ExtraCalls(thread.0));
    }

    fn new_heap(&self) -> Option<ExtraHeap> {
        ExtraHeap::new(&self.functions, 8, 16 << 20).ok()
    }
}
