//! `LocalCache`: a thread's cache of a heap that a type names, in the thread's own memory.
//!
//! Such a cache is at a constant distance from where the processor has this thread's memory, so that a call computes no address at
//! all. That saves a few instructions, and more: a load that follows a store of the same word is fast when both name the address
//! in the same way, and the next call's first load always follows the last one's store (docs/BENCHMARKS.md, "pair").

use core::fmt;
use core::marker::PhantomData;
use core::ptr;

use super::StaticHeap;
use crate::raw::heap::{Cache, NATIVE};

/// What [`static_heap!`](crate::static_heap) declares a thread-local of.
///
/// The heap's type is part of it: a thread has one such cache for each type, and no other heap can be given it. Nothing can be done
/// with one by safe code but to make it, empty, and to drop it.
#[doc(hidden)]
pub struct LocalCache<S> {
    cache: Cache,
    heap: PhantomData<fn(S) -> S>,
}

// Without a destructor, so that it can be used at any moment of a thread's life.
const _: () = assert!(!core::mem::needs_drop::<LocalCache<super::Global>>());

impl<S: StaticHeap> LocalCache<S> {
    /// One that is empty and full until a call opens it.
    #[must_use]
    pub const fn new() -> Self {
        Self { cache: Cache::empty(), heap: PhantomData }
    }
}

impl<S: StaticHeap> Default for LocalCache<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for LocalCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").finish_non_exhaustive()
    }
}

/// This thread's cache of the heap that `S` names, if `S` says how to find it.
///
/// Not a closure inside of `LocalKey::with`: in builds with many codegen units both would stay calls. `try_with` is inlined anywhere.
#[inline(always)]
pub(crate) fn cache<S: StaticHeap>(_: &S) -> Option<&Cache> {
    if !NATIVE {
        return None;
    }
    let cache = S::LOCAL?.try_with(|local| ptr::from_ref(&local.cache)).ok()?;
    // SAFETY: I12: this thread's, and native without a destructor: in place as long as this thread runs.
    Some(unsafe { &*cache })
}

/// Declares the thread-local, and expands to where it can be found.
#[cfg(not(any(loom, shuttle)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __local_cache {
    ($heap:ty) => {{
        ::std::thread_local! {
            static LOCAL: $crate::LocalCache<$heap> = const { $crate::LocalCache::new() };
        }
        Some(&LOCAL)
    }};
}

/// Threads of a model have no memory of their own.
#[cfg(any(loom, shuttle))]
#[doc(hidden)]
#[macro_export]
macro_rules! __local_cache {
    ($heap:ty) => {
        None
    };
}
