//! `Shortcut`: where a thread has its cache of a heap that a type names.
//!
//! One pointer in the thread's own memory for each such heap: a call by the type need not look for the heap's table. A thread that never
//! uses the heap pays for nothing else.

use core::marker::PhantomData;
use core::ptr;

use super::StaticHeap;
use super::calls::Call;
use crate::derived::{debug_by, default};
use crate::raw::heap::{NATIVE, RawShortcut};

/// What [`static_heap!`](crate::static_heap) declares a thread-local of.
///
/// The heap's type is part of it: a thread has one for each type, and no other heap can be given it. Nothing can be done with one by safe
/// code but to make it, leading nowhere, and to drop it.
#[doc(hidden)]
pub struct Shortcut<S> {
    raw: RawShortcut,
    heap: PhantomData<fn(S) -> S>,
}

// Without a destructor, so that it can be used at any moment of a thread's life.
const _: () = assert!(!core::mem::needs_drop::<Shortcut<super::Global>>());

impl<S: StaticHeap> Shortcut<S> {
    /// One that leads to an empty cache until a call opens the thread's own.
    #[must_use]
    pub const fn new() -> Self {
        Self { raw: RawShortcut::new(), heap: PhantomData }
    }
}

default! { [S: StaticHeap] Shortcut<S>: Self::new() }

debug_by! { [S] Shortcut<S> |_| {} }

/// A call of the heap that `S` names, which brings this thread's shortcut to its cache there along.
#[inline(always)]
pub(crate) fn by_type<S: StaticHeap>(named: &S) -> Call<'_, S::Table> {
    let shortcut = shortcut(named);
    Call { heap: S::HEAP.called_by(shortcut), shortcut }
}

/// This thread's shortcut to the heap that `S` names, if `S` says how to find it.
///
/// Not a closure inside of `LocalKey::with`: in builds with many codegen units both would stay calls. `try_with` is inlined anywhere.
#[inline(always)]
fn shortcut<S: StaticHeap>(_: &S) -> Option<&RawShortcut> {
    if !NATIVE {
        return None;
    }
    let shortcut = S::SHORTCUT?.try_with(|shortcut| ptr::from_ref(&shortcut.raw)).ok()?;
    // SAFETY: I12: this thread's, and native without a destructor: in place as long as this thread runs.
    Some(unsafe { &*shortcut })
}

/// Declares the thread-local, and expands to where it can be found.
#[cfg(not(any(loom, shuttle)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __shortcut {
    ($heap:ty) => {{
        ::std::thread_local! {
            static SHORTCUT: $crate::Shortcut<$heap> = const { $crate::Shortcut::new() };
        }
        ::core::option::Option::Some(&SHORTCUT)
    }};
}

/// Threads of a model have no memory of their own.
#[cfg(any(loom, shuttle))]
#[doc(hidden)]
#[macro_export]
macro_rules! __shortcut {
    ($heap:ty) => {
        ::core::option::Option::None
    };
}
