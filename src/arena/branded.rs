//! Branded arenas: a handle of another arena does not compile.

use core::fmt;
use core::marker::PhantomData;

use super::{Handle, SmArena, index_by_handle};
use crate::derived::{compare_by, copy, format_as};
use crate::heap::HeapRef;

/// A lifetime that equals no other: neither longer nor shorter lifetimes convert into it.
type Brand<'brand> = PhantomData<fn(&'brand ()) -> &'brand ()>;

/// An arena whose handles fit no other arena. Made by [`SmArena::branded`].
///
/// ```
/// let mut names = smarena::SmArena::<&str>::new();
/// let length = names.branded(|mut names| {
///     let handle = names.insert("Ada");
///     names[handle].len()
/// });
/// assert_eq!(length, 3);
/// assert_eq!(names.len(), 1);
/// ```
///
/// Two arenas of one type, their handles mixed up, do not compile:
///
/// ```compile_fail,E0521
/// let (mut a, mut b) = (smarena::SmArena::<u32>::new(), smarena::SmArena::<u32>::new());
/// a.branded(|mut a| {
///     b.branded(|mut b| {
///         let handle = a.insert(1);
///         b.get(handle);
///     });
/// });
/// ```
pub struct BrandedArena<'brand, 'a, T, H: HeapRef> {
    arena: &'a mut SmArena<T, H>,
    brand: Brand<'brand>,
}

/// A handle of one branded arena. As small and as copyable as [`Handle`].
///
/// ```
/// smarena::SmArena::<u8>::new().branded(|mut arena| {
///     let handle = arena.insert(1);
///     assert_eq!(size_of_val(&handle), 8);
///     assert!(arena.contains(handle.unbranded()));
/// });
/// ```
pub struct BrandedHandle<'brand, T> {
    handle: Handle<T>,
    brand: Brand<'brand>,
}

impl<T, H: HeapRef> SmArena<T, H> {
    /// Calls `body` with this arena under a brand of its own: inside, a handle of any other arena is refused by the
    /// compiler, in every build.
    ///
    /// Handles cannot leave `body` branded; [`BrandedHandle::unbranded`] takes the brand off.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.branded(|mut arena| arena.insert(7).unbranded());
    /// assert_eq!(arena[handle], 7);
    /// ```
    pub fn branded<R>(&mut self, body: impl for<'brand> FnOnce(BrandedArena<'brand, '_, T, H>) -> R) -> R {
        body(BrandedArena { arena: self, brand: PhantomData })
    }
}

impl<'brand, T, H: HeapRef> BrandedArena<'brand, '_, T, H> {
    fn brand(handle: Handle<T>) -> BrandedHandle<'brand, T> {
        BrandedHandle { handle, brand: PhantomData }
    }

    /// As [`SmArena::insert`], which says when it panics.
    ///
    /// ```
    /// smarena::SmArena::new().branded(|mut arena| {
    ///     let handle = arena.insert(1);
    ///     assert_eq!(arena[handle], 1);
    /// });
    /// ```
    #[track_caller]
    pub fn insert(&mut self, value: T) -> BrandedHandle<'brand, T> {
        Self::brand(self.arena.insert(value))
    }

    /// As [`SmArena::remove`].
    ///
    /// ```
    /// smarena::SmArena::new().branded(|mut arena| {
    ///     let handle = arena.insert(1);
    ///     assert_eq!(arena.remove(handle), Some(1));
    ///     assert_eq!(arena.remove(handle), None);
    /// });
    /// ```
    pub fn remove(&mut self, handle: BrandedHandle<'brand, T>) -> Option<T> {
        self.arena.remove(handle.handle)
    }

    /// As [`SmArena::get`].
    ///
    /// ```
    /// smarena::SmArena::new().branded(|mut arena| {
    ///     let handle = arena.insert(1);
    ///     assert_eq!(arena.get(handle), Some(&1));
    /// });
    /// ```
    #[must_use]
    pub fn get(&self, handle: BrandedHandle<'brand, T>) -> Option<&T> {
        self.arena.get(handle.handle)
    }

    /// As [`SmArena::get_mut`].
    ///
    /// ```
    /// smarena::SmArena::new().branded(|mut arena| {
    ///     let handle = arena.insert(1);
    ///     *arena.get_mut(handle).unwrap() = 2;
    ///     assert_eq!(arena[handle], 2);
    /// });
    /// ```
    #[must_use]
    pub fn get_mut(&mut self, handle: BrandedHandle<'brand, T>) -> Option<&mut T> {
        self.arena.get_mut(handle.handle)
    }

    /// As [`SmArena::iter`].
    ///
    /// ```
    /// smarena::SmArena::new().branded(|mut arena| {
    ///     arena.insert(1);
    ///     let found: Vec<_> = arena.iter().map(|(handle, _)| arena[handle]).collect();
    ///     assert_eq!(found, [1]);
    /// });
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (BrandedHandle<'brand, T>, &T)> {
        self.arena.iter().map(|(handle, value)| (Self::brand(handle), value))
    }

    /// Whether the arena holds the value of a handle that has no brand; if so, the handle with this arena's brand is
    /// what [`rebrand`](Self::rebrand) gives.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// arena.branded(|arena| assert!(arena.contains(handle)));
    /// ```
    #[must_use]
    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.arena.contains(handle)
    }

    /// Brands a handle that names a value of this arena.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// arena.branded(|arena| assert_eq!(arena[arena.rebrand(handle).unwrap()], 1));
    /// ```
    #[must_use]
    pub fn rebrand(&self, handle: Handle<T>) -> Option<BrandedHandle<'brand, T>> {
        self.contains(handle).then(|| Self::brand(handle))
    }
}

impl<T> BrandedHandle<'_, T> {
    /// The handle without its brand.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.branded(|mut arena| arena.insert(1).unbranded());
    /// assert_eq!(arena.get(handle), Some(&1));
    /// ```
    #[must_use]
    pub const fn unbranded(self) -> Handle<T> {
        self.handle
    }
}

index_by_handle! {
    ['brand, T, H: HeapRef] BrandedArena<'brand, '_, T, H>, BrandedHandle<'brand, T> => T, "names no value of this arena"
}

format_as! { [T: fmt::Debug, H: HeapRef] BrandedArena<'_, '_, T, H>: Debug |branded| branded.arena }

format_as! { [T] BrandedHandle<'_, T>: Debug |branded| branded.handle }

copy! { [T] BrandedHandle<'_, T> }
compare_by! { [T] BrandedHandle<'_, T>: handle }
