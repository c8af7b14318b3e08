//! Why an arena could not take a value in, or could not hand several out at once.

use core::alloc::Layout;
use core::fmt;

use super::Handle;
use crate::derived::{debug_by, says};
use crate::error::AllocError;

/// Why an arena could not grow. It is as it was before the call.
///
/// ```
/// use smarena::{GrowError, SmArena};
///
/// let error = SmArena::<u64>::new().try_reserve(usize::MAX).unwrap_err();
/// assert!(matches!(error, GrowError::Full { wanted: usize::MAX, .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrowError {
    /// The heap had no block for more slots: neither one for as many as there are, nor a smaller one, or none for what an arena finds
    /// those by.
    Alloc {
        /// The slots that the arena was to have at least.
        wanted: usize,
        /// The size of a value in bytes.
        value_size: usize,
        /// The layout of the block that was asked for last.
        layout: Layout,
        /// What the heap said to that.
        error: AllocError,
    },
    /// The arena has all the slots it can have for values of this size.
    Full {
        /// The slots that the arena was to have at least.
        wanted: usize,
        /// The size of a value in bytes.
        value_size: usize,
        /// The most slots such an arena has.
        limit: usize,
    },
}

says! {
    [] GrowError:
    Self::Alloc { wanted, value_size, layout, error } =>
        "an arena of {value_size}-byte values was to have {wanted} slots, for which it asked for a block of {} bytes at last: {error}", layout.size();
    Self::Full { wanted, value_size, limit } =>
        "{wanted} slots were asked for; an arena of {value_size}-byte values has at most {limit}";
}

impl core::error::Error for GrowError {}

impl GrowError {
    /// The same, for a call that asked for so many slots. An arena that is full wanted one more than its limit at least: it may be so
    /// some slots before that, where it grows by several at a time.
    pub(crate) fn wanting(mut self, slots: usize) -> Self {
        match &mut self {
            Self::Alloc { wanted, .. } => *wanted = slots,
            Self::Full { wanted, limit, .. } => *wanted = slots.max(*limit + 1),
        }
        self
    }

    pub(super) fn value_size(&self) -> usize {
        let (Self::Alloc { value_size, .. } | Self::Full { value_size, .. }) = *self;
        value_size
    }

    /// What an infallible call has got; or its end.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn or_fail<T>(result: Result<T, Self>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => error.fail(),
        }
    }

    /// Ends an infallible call.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn fail(self) -> ! {
        match self {
            Self::Alloc { layout, error: AllocError::OutOfMemory { .. }, .. } => std::alloc::handle_alloc_error(layout),
            other => panic!("{other}"),
        }
    }
}

/// Room for `additional` more values, or a panic that says what is missing. `Vec` names a line of its own then.
#[track_caller]
pub(crate) fn make_room<T>(values: &mut Vec<T>, additional: usize) {
    if let Err(error) = values.try_reserve_exact(additional) {
        panic!("no memory for {additional} more slots of {} bytes each: {error}", size_of::<T>());
    }
}

/// A value that could not be inserted, and why.
///
/// ```
/// use smarena::{InsertError, SmArena};
///
/// let mut arena = SmArena::new();
/// match arena.try_insert(String::from("kept")) {
///     Ok(handle) => assert_eq!(arena[handle], "kept"),
///     Err(InsertError { value, error }) => eprintln!("{value} did not fit: {error}"),
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct InsertError<T> {
    /// The value, given back.
    pub value: T,
    /// Why the arena could not grow.
    pub error: GrowError,
}

impl<T> InsertError<T> {
    /// The value, given back.
    ///
    /// ```
    /// # use smarena::{InsertError, SmArena};
    /// let inserted = SmArena::new().try_insert(1).map_err(InsertError::into_value);
    /// assert!(inserted.is_ok());
    /// ```
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

/// A value that [`insert_at`](crate::SmArena::insert_at) or [`reattach`](crate::SmArena::reattach) did not take.
///
/// ```
/// use smarena::{InsertAtError, SmArena};
///
/// let mut arena = SmArena::new();
/// let handle = arena.insert(1);
/// arena.remove(handle);
/// let error = arena.insert_at(handle, 2).unwrap_err();
/// assert_eq!(error, InsertAtError::Stale { handle, value: 2 });
/// assert!(error.to_string().starts_with("slot 0 has left generation"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertAtError<T> {
    /// The handle names a generation that the slot has left behind (or never had detached). The value is given back.
    Stale {
        /// The handle that was given.
        handle: Handle<T>,
        /// The value.
        value: T,
    },
    /// The arena could not grow up to the handle's slot.
    Grow(InsertError<T>),
}

impl<T> InsertAtError<T> {
    /// The value, given back.
    ///
    /// ```
    /// # use smarena::{Handle, SmArena};
    /// let mut arena = SmArena::new();
    /// assert_eq!(arena.insert_at(Handle::DANGLING, 2).unwrap_err().into_value(), 2);
    /// ```
    #[must_use]
    pub fn into_value(self) -> T {
        match self {
            Self::Stale { value, .. } | Self::Grow(InsertError { value, .. }) => value,
        }
    }
}

/// Why several values could not be borrowed at once.
///
/// ```
/// use smarena::{DisjointError, SmArena};
///
/// let mut arena = SmArena::new();
/// let a = arena.insert(1);
/// assert_eq!(arena.get_disjoint_mut([a, a]), Err(DisjointError::Repeated { first: 0, again: 1, slot: a.slot() }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisjointError {
    /// A handle names no value.
    Stale {
        /// Its position in the list.
        position: usize,
        /// Its slot.
        slot: u32,
        /// Its generation.
        generation: u32,
    },
    /// A handle occurs twice.
    Repeated {
        /// The position of its first occurrence.
        first: usize,
        /// The position of its second occurrence.
        again: usize,
        /// The slot.
        slot: u32,
    },
}

says! {
    [] DisjointError:
    Self::Stale { position, slot, generation } =>
        "handle {position} of the list, of slot {slot} and generation {generation}, names no value";
    Self::Repeated { first, again, slot } => "handle {again} of the list is handle {first} again, that of slot {slot}";
}

impl core::error::Error for DisjointError {}

// By hand, so that nothing is asked of `T`.

debug_by! { [T] InsertError<T> |error| { error: error.error } }

says! { [T] InsertError<T>: Self { error, .. } => "{error}"; }

impl<T> core::error::Error for InsertError<T> {}

impl<T> fmt::Debug for InsertAtError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale { handle, .. } => f.debug_struct("Stale").field("handle", handle).finish_non_exhaustive(),
            Self::Grow(error) => f.debug_tuple("Grow").field(error).finish(),
        }
    }
}

says! {
    [T] InsertAtError<T>:
    Self::Stale { handle, .. } if *handle == Handle::DANGLING =>
        "the handle is `Handle::DANGLING`, which is of no slot";
    Self::Stale { handle, .. } =>
        "slot {} has left generation {} behind, or is not detached with it", handle.slot(), handle.generation();
    Self::Grow(error) => "{error}";
}

impl<T> core::error::Error for InsertAtError<T> {}
