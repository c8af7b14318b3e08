//! `LazyHeap`: a heap that is built when it is first used.

use super::{Heap, Settings};
use crate::class::SizeClasses;
use crate::derived::{dereference, format_as};
use crate::raw::heap::RawShortcut;

/// A heap that is built when it is first used: what [`StaticHeap::HEAP`](crate::StaticHeap::HEAP) refers to.
///
/// It is as good as the [`Heap`] that it dereferences to, which builds it if nobody has: two instructions at each call. Who makes many calls keeps
/// the heap's own reference, or calls by the type (`Global.malloc`), which is the fastest. If the system refuses the address space,
/// the process aborts with a message.
///
/// ```
/// use smarena::{Heap, SmBox, StaticHeap};
///
/// smarena::static_heap! { struct Net: smarena::Linear<8> { bucket_bytes: 1 << 20 } }
///
/// let boxed = SmBox::new_in(7, Net::HEAP);
/// let heap: &'static Heap<_> = Net::HEAP;
/// assert_eq!(heap.stats().live(), 1);
/// # drop(boxed);
/// ```
pub struct LazyHeap<C: SizeClasses> {
    heap: Heap<C>,
}

impl<C: SizeClasses> LazyHeap<C> {
    /// A heap that is built from `settings` when it is first used: the inside of [`static_heap!`](crate::static_heap).
    ///
    /// Settings for another table do not compile:
    ///
    /// ```compile_fail,E0308
    /// use smarena::{Heap, LazyHeap, Linear};
    ///
    /// static HEAP: LazyHeap<Linear<8>> = LazyHeap::on_demand(&const { Heap::<Linear<2>>::builder().for_static() });
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub const fn on_demand(settings: &'static Settings<C>) -> Self {
        Self { heap: Heap::on_demand(settings) }
    }

    /// The heap for a call that brings a `shortcut` along: the fast path asks nothing else, and the slow one builds the heap if nobody has.
    #[inline(always)]
    pub(crate) fn called_by(&self, shortcut: Option<&RawShortcut>) -> &Heap<C> {
        if shortcut.is_some() { &self.heap } else { self }
    }
}

dereference! {
    [C: SizeClasses] LazyHeap<C> => Heap<C>: |lazy| {
        // Builds it; from here on anybody may look for the table (I6).
        lazy.heap.raw.state();
        &lazy.heap
    }
}

format_as! { [C: SizeClasses] LazyHeap<C>: Debug |lazy| lazy.heap }
