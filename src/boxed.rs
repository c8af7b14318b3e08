//! `SmBox`: the sole owner of one value, held in one block of a heap.
//!
//! # Invariants
//!
//! * **B1** `ptr` is aligned for `T`. If the value has bytes, the box solely owns a live block of
//!   `heap`, allocated with the value's own layout, whose first byte `ptr` points to. A value
//!   without bytes has no block, and `ptr` dangles.
//! * **B2** The value behind `ptr` is initialised and the box's alone. (A `MaybeUninit` always is
//!   initialised.)
//! * **B3** The memory of B1 stays valid for as long as `heap` or a clone of it exists, on every
//!   thread (promised by `HeapRef`; a heap reference that is forgotten exists for ever). `heap` is
//!   dropped after the block was given back.
//! * **B4** Blocks are allocated with [`SmBox::LAYOUT`] and nothing else, which exists only for
//!   types that some size class of the heap can hold.

mod error;
mod fit;
mod forward;
mod pin;
mod raw;
mod uninit;
mod unsize;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::panic::UnwindSafe;
use core::ptr::NonNull;

use crate::derived::dereference;
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

pub use error::TryNewError;

/// One value in one block of a heap: what `Box` is, from another allocator.
///
/// With a zero-sized heap such as [`Global`] it is as large as a pointer, and so is an `Option` of
/// it. Making and dropping one costs what the heap's thread cache costs: O(1), a few instructions.
/// A value without bytes never allocates.
///
/// ```
/// use smarena::SmBox;
///
/// let mut point = SmBox::new((3, 4));
/// point.0 += 1;
/// assert_eq!(*point, (4, 4));
/// ```
///
/// Whether a block of the heap can hold the type is found out when the program is built (`cargo check` does not look):
///
/// ```compile_fail,E0080
/// # use smarena::SmBox;
/// let boxed = SmBox::new([0u8; 4 << 20]); // larger than the blocks of any table
/// ```
/// ```compile_fail,E0080
/// # use smarena::SmBox;
/// #[repr(align(8192))]
/// struct Aligned(u8);
/// let boxed = SmBox::new(Aligned(0)); // no block is aligned to more than 4096
/// ```
///
/// A box of a type becomes one of a trait it implements by [`unsize!`](crate::unsize):
///
/// ```
/// use smarena::{SmBox, unsize};
///
/// let call: SmBox<dyn Fn(i32) -> i32> = unsize!(SmBox::new(|number| number + 1));
/// assert_eq!(call(1), 2);
/// ```
///
/// As with `Box`, a value that owns boxes is dropped by a call inside its own drop: so a long chain of nodes, dropped as it stands,
/// overflows the stack, which ends the process. Who has one takes it apart in a loop:
///
/// ```
/// use smarena::SmBox;
///
/// struct Node {
///     next: Option<SmBox<Node>>,
/// }
///
/// /// The first of a million.
/// struct List(Option<SmBox<Node>>);
///
/// impl Drop for List {
///     fn drop(&mut self) {
///         let mut next = self.0.take();
///         while let Some(mut node) = next {
///             next = node.next.take(); // so `node` is the last of its chain when it is dropped
///         }
///     }
/// }
///
/// let mut list = List(None);
/// for _ in 0..1_000_000 {
///     list.0 = Some(SmBox::new(Node { next: list.0.take() }));
/// }
/// drop(list);
/// ```
///
/// A box goes to another thread only with a value and a heap that may:
///
/// ```compile_fail,E0277
/// # use smarena::SmBox;
/// fn is_send<T: Send>(_: T) {}
/// is_send(SmBox::new(std::rc::Rc::new(5)));
/// ```
/// ```compile_fail,E0277
/// # use smarena::SmBox;
/// fn is_sync<T: Sync>(_: T) {}
/// is_sync(SmBox::new(std::cell::Cell::new(5)));
/// ```
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBox};
/// fn is_send<T: Send>() {}
/// fn with<H: HeapRef>() { is_send::<SmBox<u8, H>>() }
/// ```
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBox};
/// fn is_sync<T: Sync>() {}
/// fn with<H: HeapRef>() { is_sync::<SmBox<u8, H>>() }
/// ```
pub struct SmBox<T: ?Sized, H: HeapRef = Global> {
    ptr: NonNull<T>,
    heap: H,
    _value: PhantomData<T>,
}

const _: () = assert!(size_of::<SmBox<u64>>() == size_of::<*const u64>());
const _: () = assert!(size_of::<Option<SmBox<u64>>>() == size_of::<*const u64>());

// SAFETY: B1, B2: the box is the only owner of value and block; the value is `Send`, any thread may
// give a block back (B3), and the heap reference is `Send`.
unsafe impl<T: ?Sized + Send, H: HeapRef + Send> Send for SmBox<T, H> {}
// SAFETY: B2: `&SmBox` gives `&T` and `&H`, both `Sync`, and nothing else.
unsafe impl<T: ?Sized + Sync, H: HeapRef + Sync> Sync for SmBox<T, H> {}

// Moving a box moves a pointer; the value stays.
impl<T: ?Sized, H: HeapRef> Unpin for SmBox<T, H> {}
// As for `Box`: a box is broken by a panic exactly if its value is.
impl<T: ?Sized + UnwindSafe, H: HeapRef + UnwindSafe> UnwindSafe for SmBox<T, H> {}

impl<T> SmBox<T> {
    /// Puts `value` into a block of the [`Global`] heap.
    ///
    /// # Panics
    /// If no memory is left; [`try_new`](SmBox::try_new) gives the value back instead.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// assert_eq!(*SmBox::new(5), 5);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new(value: T) -> Self {
        let () = Self::FITS;
        SmBox::new_in(value, Global)
    }

    /// [`new`](SmBox::new), or the value back with the reason why not.
    ///
    /// # Errors
    /// [`TryNewError`], with the value and what the heap says.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let boxed = SmBox::try_new(5)?;
    /// assert_eq!(*boxed, 5);
    /// # Ok::<(), smarena::TryNewError<i32>>(())
    /// ```
    #[inline]
    pub fn try_new(value: T) -> Result<Self, TryNewError<T>> {
        let () = Self::FITS;
        SmBox::try_new_in(value, Global)
    }
}

impl<T, H: HeapRef> SmBox<T, H> {
    /// Puts `value` into a block of `heap`.
    ///
    /// The block is allocated after the value was made: as an argument it exists before this
    /// function begins. To have a large value built in its place instead, use
    /// [`new_uninit_in`](SmBox::new_uninit_in) and [`write`](SmBox::write).
    ///
    /// # Panics
    /// If the heap has no block; [`try_new_in`](SmBox::try_new_in) gives the value back instead.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// assert_eq!(*SmBox::new_in("abc", Global), "abc");
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_in(value: T, heap: H) -> Self {
        let () = Self::FITS;
        SmBox::write(Self::new_uninit_in(heap), value)
    }

    /// [`new_in`](SmBox::new_in), or the value back with the reason why not.
    ///
    /// # Errors
    /// [`TryNewError`], with the value and what the heap says.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let name = SmBox::try_new_in(String::from("eth0"), Global).map_err(|error| error.into_value());
    /// assert_eq!(*name.unwrap(), "eth0");
    /// ```
    #[inline]
    pub fn try_new_in(value: T, heap: H) -> Result<Self, TryNewError<T>> {
        let () = Self::FITS;
        match Self::try_new_uninit_in(heap) {
            Ok(block) => Ok(SmBox::write(block, value)),
            Err(reason) => Err(TryNewError::new(value, reason)),
        }
    }

    #[inline]
    fn allocate(heap: H) -> Result<SmBox<MaybeUninit<T>, H>, AllocError> {
        Self::allocate_by(heap, H::allocate)
    }

    /// The block of one `T`: the one place where boxes allocate.
    #[inline]
    fn allocate_by(
        heap: H,
        allocate: impl FnOnce(&H, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<SmBox<MaybeUninit<T>, H>, AllocError> {
        let layout = Self::LAYOUT;
        let ptr = if layout.size() == 0 { NonNull::dangling() } else { allocate(&heap, layout)?.cast() };
        // B1: a block of this layout, or none; B2: a `MaybeUninit` needs no content.
        Ok(SmBox { ptr, heap, _value: PhantomData })
    }

    /// Takes the value out and gives the block back.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let name: String = SmBox::into_inner(SmBox::new(String::from("eth0")));
    /// assert_eq!(name, "eth0");
    /// ```
    #[inline]
    #[must_use]
    pub fn into_inner(boxed: Self) -> T {
        let (ptr, heap) = SmBox::into_raw_with_heap(boxed);
        // SAFETY: B2: an initialised value; from here on it is only a `MaybeUninit` for the box,
        // which will not drop it. B1 holds as before, the layouts being the same.
        let block: SmBox<MaybeUninit<T>, H> = unsafe { SmBox::from_raw_in(ptr.cast(), heap) };
        // SAFETY: B2: the value is still there, and this is the only time it is read.
        let value = unsafe { block.assume_init_read() };
        // Not left to the end: there the compiler loses what is returned, should dropping the heap reference panic.
        drop(block);
        value
    }
}

impl<T: ?Sized, H: HeapRef> SmBox<T, H> {
    /// The heap that the block belongs to.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// assert_eq!(SmBox::heap(&SmBox::new(5)), &Global);
    /// ```
    #[inline]
    #[must_use]
    pub const fn heap(boxed: &Self) -> &H {
        &boxed.heap
    }
}

impl<T: ?Sized, H: HeapRef> Drop for SmBox<T, H> {
    #[inline]
    fn drop(&mut self) {
        // Its own drop gives the block back, also when the value's drop panics.
        let _block = Block { first: self.ptr.cast(), layout: Layout::for_value::<T>(self), heap: &self.heap };
        // SAFETY: B2: an initialised value that is ours; the box ends here, so this happens once.
        unsafe { self.ptr.drop_in_place() }
    }
}

/// A box's block while its value is being dropped. The layout is what B1 says of it.
struct Block<'a, H: HeapRef> {
    first: NonNull<u8>,
    layout: Layout,
    heap: &'a H,
}

impl<H: HeapRef> Drop for Block<'_, H> {
    #[inline]
    fn drop(&mut self) {
        if self.layout.size() != 0 {
            // SAFETY: B1: the block is the box's, allocated with this layout; the box ends here.
            // B3: its heap reference is a field, dropped after this.
            unsafe { self.heap.deallocate(self.first, self.layout) }
        }
    }
}

dereference! {
    [T: ?Sized, H: HeapRef] SmBox<T, H> => T: |boxed|
    // SAFETY: B1, B2: aligned, initialised, ours; `&self` keeps others from changing it.
    unsafe { boxed.ptr.as_ref() },
    // SAFETY: B1, B2: aligned, initialised, ours; `&mut self` makes this the only reference.
    mut unsafe { boxed.ptr.as_mut() }
}
