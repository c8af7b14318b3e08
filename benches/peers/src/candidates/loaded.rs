//! Allocators loaded from a shared library: any with a `malloc`, as tcmalloc and rpmalloc 2, and any with the C interface `sm_*`.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::transmute;
use std::ffi::CString;

use smarena::ffi;

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
type Call = unsafe extern "C" fn();
/// What begins a process or ends a thread of rpmalloc: version 2 takes an argument at the one, version 1 at the other, and neither looks at it elsewhere.
type CallWith = unsafe extern "C" fn(usize);

/// The names that `malloc`, `free` and `realloc` of a library may go by, and of what returns memory.
const NAMES: [([&CStr; 3], Option<&CStr>); 3] = [
    ([c"rpmalloc", c"rpfree", c"rprealloc"], Some(c"rpmalloc_thread_collect")),
    ([c"tc_malloc", c"tc_free", c"tc_realloc"], Some(c"MallocExtension_ReleaseFreeMemory")),
    ([c"malloc", c"free", c"realloc"], None),
];

/// An allocator of a shared library.
#[derive(Clone, Copy)]
pub struct Loaded {
    malloc: Malloc,
    free: Free,
    realloc: Realloc,
    trim: Option<Call>,
    /// What a thread does first and last.
    thread: Option<(Call, CallWith)>,
}

impl Loaded {
    /// Loads the library at `path`, and prepares it.
    pub fn load(path: &str) -> Result<Self, Skip> {
        let library = Library::open(path)?;
        // Of a library without one, its own library's is found: the system's.
        let is_its_own = |malloc| library.symbol(malloc).is_ok_and(|malloc| malloc != libc::malloc as *mut c_void);
        let Some(([malloc, free, realloc], trim)) = NAMES.iter().find(|(names, _)| is_its_own(names[0])) else {
            return Err(format!("{path} has no malloc of its own"));
        };
        let mut loaded = Self {
            // SAFETY: the type of every function of this name.
            malloc: unsafe { transmute::<*mut c_void, Malloc>(library.symbol(malloc)?) },
            // SAFETY: as above.
            free: unsafe { transmute::<*mut c_void, Free>(library.symbol(free)?) },
            // SAFETY: as above.
            realloc: unsafe { transmute::<*mut c_void, Realloc>(library.symbol(realloc)?) },
            // SAFETY: as above.
            trim: trim
                .and_then(|trim| library.symbol(trim).ok())
                .map(|trim| unsafe { transmute::<*mut c_void, Call>(trim) }),
            thread: None,
        };
        if let Ok(initialize) = library.symbol(c"rpmalloc_initialize") {
            // SAFETY: the documented types of rpmalloc's functions, but for arguments that are not looked at.
            let initialize = unsafe { transmute::<*mut c_void, CallWith>(initialize) };
            // SAFETY: before any other call of the library; null, for an interface to the system that is its own.
            unsafe { initialize(0) };
            // SAFETY: as above.
            let begin = unsafe { transmute::<*mut c_void, Call>(library.symbol(c"rpmalloc_thread_initialize")?) };
            // SAFETY: as above.
            let end = unsafe { transmute::<*mut c_void, CallWith>(library.symbol(c"rpmalloc_thread_finalize")?) };
            loaded.thread = Some((begin, end));
        }
        Ok(loaded)
    }
}

// SAFETY: what is called `malloc` gives null or a block of the size, aligned for any standard type of that size.
unsafe impl Calls for Loaded {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        // SAFETY: no precondition once the thread was entered.
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
        if let Some(trim) = self.trim {
            // SAFETY: no precondition once the thread was entered.
            unsafe { trim() };
        }
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

/// Ends what a library knows of this thread when its job is over.
struct LoadedThread(Option<CallWith>);

impl Drop for LoadedThread {
    fn drop(&mut self) {
        if let Some(end) = self.0 {
            // SAFETY: `enter` began it. Not zero: what the thread has cached goes back.
            unsafe { end(1) };
        }
    }
}

impl Candidate for Loaded {
    type Heap = core::convert::Infallible;

    fn enter<J: Job>(&self, job: J) {
        let _thread = LoadedThread(self.thread.map(|(begin, end)| {
            // SAFETY: the process was begun by `load`.
            unsafe { begin() };
            end
        }));
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

impl Functions {
    /// Our own, compiled into this program as the library for C has them: what a program has that links it statically.
    const LINKED: Self = Self {
        create: ffi::sm_allocator_create,
        destroy: ffi::sm_allocator_destroy,
        cache_create: ffi::sm_allocator_thread_cache_create,
        cache_destroy: ffi::sm_allocator_thread_cache_destroy,
        malloc: ffi::sm_malloc,
        free: ffi::sm_free,
        realloc: ffi::sm_realloc,
    };

    fn of(library: &Library) -> Result<Self, Skip> {
        Ok(Self {
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
        })
    }
}

impl Extra {
    /// Loads the library at `path` and creates a heap that holds what `setup` says.
    pub fn load(path: &str, setup: &Setup) -> Result<Self, Skip> {
        Self::new(Functions::of(&Library::open(path)?)?, setup)
    }

    /// The same of our own library, linked into this program.
    pub fn linked(setup: &Setup) -> Result<Self, Skip> {
        Self::new(Functions::LINKED, setup)
    }

    /// The buckets are linear (16, 32, … bytes), and each may have to hold all live bytes.
    fn new(functions: Functions, setup: &Setup) -> Result<Self, Skip> {
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
