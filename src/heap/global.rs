//! Heaps that exist as long as the process: `Global`, and those that `static_heap!` makes.

use core::marker::PhantomData;
use core::ptr::NonNull;
use std::thread::LocalKey;

use super::{Heap, LazyHeap, Settings, Shortcut, shortcut::by_type};
use crate::class::{Geometric, SizeClasses};
use crate::error::AllocError;
use crate::raw::heap::RawHeap;

/// A type that names one heap of the whole process. [`static_heap!`](crate::static_heap) makes such types.
///
/// It takes no room, so a box or buf in such a heap is as small as it can be. The heap is built when it is first used; if the
/// system refuses the address space then, the process aborts with a message.
///
/// # Safety
/// `Self` has no type and no lifetime parameters, so that it is no subtype of another type and none is of it: whatever holds a block of
/// this heap goes on meaning this heap. `SHORTCUT` is `None`, or a thread-local that was declared for `Self` with `Shortcut::new()`.
///
/// `static_heap!` sees to both, also where `unsafe` is forbidden. By hand, in safe code, there is no way:
///
/// ```compile_fail,E0200
/// use smarena::{Global, HeapRef, LazyHeap, StaticHeap};
///
/// #[derive(Clone, Copy, Default)]
/// struct Mine<F>(std::marker::PhantomData<F>);
/// impl StaticHeap for Mine<fn(&'static ())> {
///     type Table = <Global as HeapRef>::Classes;
///     const HEAP: &'static LazyHeap<Self::Table> = Global::HEAP;
/// }
/// ```
///
/// ```
/// use smarena::{SmBox, StaticHeap};
///
/// smarena::static_heap! {
///     /// Blocks for packets.
///     pub struct Net: smarena::Linear<8> { bucket_bytes: 1 << 20, name: "net" }
/// }
///
/// let number = SmBox::new_in(7, Net);
/// assert_eq!(Net::HEAP.stats().live(), 1);
/// # drop(number);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no heap that a type names",
    label = "`static_heap!` makes such a type, and `Global` is one"
)]
pub unsafe trait StaticHeap: Copy + Default + Send + Sync + 'static {
    /// The heap's size classes.
    type Table: SizeClasses;
    /// The heap, built when somebody first calls it.
    #[doc(alias = "heap")]
    const HEAP: &'static LazyHeap<Self::Table>;

    /// Where a thread has its cache for calls by this type; without it they use the cache in the heap's table, as calls by `HEAP` do.
    #[doc(hidden)]
    const SHORTCUT: Option<&'static LocalKey<Shortcut<Self>>> = None;

    /// As [`Heap::malloc`], and faster: the compiler knows which heap it is, and where this thread has its cache.
    ///
    /// # Errors
    /// As [`Heap::malloc`].
    ///
    /// ```
    /// use smarena::{Global, StaticHeap};
    ///
    /// let block = Global.malloc(100, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { Global.free(block) };
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline(always)]
    fn malloc(self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        by_type(&self).malloc(size, align)
    }

    /// As [`Heap::free`].
    ///
    /// # Safety
    /// As [`Heap::free`]. It does not matter whether the block was allocated by this type or by [`HEAP`](Self::HEAP).
    ///
    /// ```
    /// use smarena::{Global, StaticHeap};
    ///
    /// let block = Global::HEAP.malloc(100, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { Global.free(block) };
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline(always)]
    unsafe fn free(self, block: NonNull<u8>) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { by_type(&self).free(block) }
    }

    /// As [`Heap::free_sized`].
    ///
    /// # Safety
    /// As [`Heap::free_sized`].
    ///
    /// ```
    /// use smarena::{Global, StaticHeap};
    ///
    /// let block = Global.malloc(100, 0)?;
    /// // SAFETY: live, from this heap, asked for like this, not used any more.
    /// unsafe { Global.free_sized(block, 100, 0) };
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline(always)]
    unsafe fn free_sized(self, block: NonNull<u8>, size: usize, align: usize) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { by_type(&self).free_sized(block, size, align) }
    }

    /// As [`Heap::realloc`].
    ///
    /// # Safety
    /// As [`Heap::realloc`].
    ///
    /// # Errors
    /// As [`Heap::realloc`].
    ///
    /// ```
    /// use smarena::{Global, StaticHeap};
    ///
    /// let block = Global.malloc(100, 0)?;
    /// // SAFETY: live, from this heap; used no more once it has moved.
    /// let larger = unsafe { Global.realloc(block, 1000, 0)? };
    /// assert_eq!(Global::HEAP.bucket_of(larger), Some(19));
    /// # unsafe { Global.free(larger) };
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline]
    unsafe fn realloc(self, block: NonNull<u8>, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { by_type(&self).realloc(block, size, align) }
    }
}

/// The process-wide heap, for those who do not want to think about which.
///
/// Blocks of 16 bytes to 64 KiB, four sizes a doubling; each bucket may use up to 4 GiB (4 MiB where addresses have 32 bits, and
/// less where the system refuses the address space), after that the next one and the system allocator serve.
///
/// ```
/// use smarena::{Global, SmBox, StaticHeap};
///
/// let boxed = SmBox::new([0_u8; 100]);
/// assert_eq!(size_of_val(&boxed), size_of::<usize>());
/// assert_eq!(Global::HEAP.stats().buckets()[6].block_size, 112);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Global;

/// The block sizes of `Global`: the last is 64 KiB, so that buffers of the sizes that sockets and files are read into are in buckets.
type GlobalTable = Geometric<44>;

/// The bytes of each of its buckets: addresses, but under Miri, which has nothing but memory. Of 32 bits' addresses all buckets together take
/// 352 MiB.
const GLOBAL_BYTES: usize = if cfg!(miri) {
    256 << 10
} else if usize::BITS == 64 {
    u32::MAX as usize + 1
} else {
    4 << 20
};

static GLOBAL: LazyHeap<GlobalTable> = LazyHeap::on_demand(
    &const {
        let mut settings = Heap::<GlobalTable>::builder().bucket_bytes(GLOBAL_BYTES).name("global").for_static();
        settings.config.halve_when_refused = true;
        settings
    },
);

// SAFETY: I13: no parameters; the thread-local is its own.
unsafe impl StaticHeap for Global {
    type Table = GlobalTable;
    const HEAP: &'static LazyHeap<GlobalTable> = &GLOBAL;
    const SHORTCUT: Option<&'static LocalKey<Shortcut<Self>>> = crate::__shortcut!(Global);
}

impl<C: SizeClasses> Heap<C> {
    /// What a `LazyHeap` has inside: a heap that is built by its first slow path.
    pub(super) const fn on_demand(settings: &'static Settings<C>) -> Self {
        Self { raw: RawHeap::on_demand(&settings.config), classes: PhantomData }
    }
}

/// Defines types that each name one heap of the whole process, with any settings of [`HeapBuilder`](crate::HeapBuilder): those with one
/// argument after a colon, those with more in parentheses.
///
/// ```
/// #![forbid(unsafe_code)]
/// use smarena::{CacheWarmup, Exhausted, SmBuf, StaticHeap};
///
/// smarena::static_heap! {
///     /// Blocks for packets; never more than this.
///     pub struct Net: smarena::Piecewise<17> {
///         bucket_bytes: 1 << 20,
///         on_exhausted: Exhausted::Refuse,
///         thread_cache(16 << 10, CacheWarmup::Warm),
///     }
/// }
///
/// let mut buf = SmBuf::with_capacity_in(1500, Net);
/// buf.extend_from_slice(b"hello");
/// assert_eq!(Net::HEAP.stats().live(), 1);
/// ```
///
/// Where none has settings the braces may be left out:
///
/// ```
/// smarena::static_heap! { struct Nodes: smarena::Linear<64>; struct Edges: smarena::Linear<8> }
///
/// drop((smarena::SmBox::new_in([0_u8; 1000], Nodes), smarena::SmBox::new_in([0_u8; 100], Edges)));
/// ```
///
/// Other crates' collections take `Net::HEAP` for their allocator (features `allocator-api2-02` and `allocator-api2-04`). An impl for `Net` itself would
/// have to be written where `Net` is defined, which may be a crate that forbids `unsafe`.
///
/// Settings that no heap can be built from do not compile:
///
/// ```compile_fail,E0080
/// smarena::static_heap! { struct Tiny: smarena::Linear<8> { bucket_bytes: 100 } }
/// ```
///
/// The type is the one that is declared here. An attribute that puts another in its place does not compile, where that one could be a subtype
/// of somebody else's:
///
/// ```compile_fail,E0063
/// struct Other<F>(std::marker::PhantomData<F>);
/// type Net = Other<fn(&'static ())>;
/// smarena::static_heap! { #[cfg(any())] struct Net: smarena::Linear<8> { bucket_bytes: 1 << 20 } }
/// ```
#[macro_export]
macro_rules! static_heap {
    ($($(#[$attribute:meta])* $vis:vis struct $name:ident : $table:ty);+ $(;)?) => {
        $crate::static_heap! { $($(#[$attribute])* $vis struct $name: $table {})+ }
    };
    ($($(#[$attribute:meta])* $vis:vis struct $name:ident : $table:ty {
        $($setting:ident $(($($argument:expr),*))? $(: $value:expr)?),* $(,)?
    })+) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        $vis struct $name;

        const _: () = {
            static HEAP: $crate::LazyHeap<$table> =
                $crate::LazyHeap::on_demand(&const {
                    $crate::Heap::<$table>::builder()$(.$setting($($($argument),*)? $($value)?))*.for_static()
                });

            // A struct without fields has no parameters, for it could not use them: no other type is taken for this one.
            const _: $name = $name {};

            // SAFETY: I13: no parameters, as the line above has shown; the thread-local is its own.
            unsafe impl $crate::StaticHeap for $name {
                type Table = $table;
                const HEAP: &'static $crate::LazyHeap<$table> = &HEAP;
                const SHORTCUT: ::core::option::Option<&'static ::std::thread::LocalKey<$crate::Shortcut<Self>>> =
                    $crate::__shortcut!($name);
            }
        };
    )+};
}
