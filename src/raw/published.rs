//! Where a heap's table and its state are: two words, written once. Of a static heap, by whichever thread needs it first.
//!
//! ```text
//! nobody has built it:  both are null, and nobody looks for the table
//! who needs the heap:   state? -- null --> lock;  state? -- null --> build;  table = ..;  state = ..;  unlock
//!                          `-- there: used           `-- there: built while this thread waited
//! ```

use core::ptr::NonNull;

use crate::raw::lock::Lock;
use crate::sync::{Ordering, fixed};

/// An atomic pointer: the core library's, since static heaps are constants, or in the models loom's.
pub(crate) trait Word {
    type To;
    fn load(&self, order: Ordering) -> *mut Self::To;
    fn store(&self, pointer: *mut Self::To, order: Ordering);
}

/// Shared.
pub(crate) struct Published<T, S> {
    table: T,
    state: S,
}

impl<T: Word, S: Word> Published<T, S> {
    /// Nothing yet: two nulls.
    pub(crate) const fn nothing(table: T, state: S) -> Self {
        Self { table, state }
    }

    /// The first cache of the table, for those who know that it is there.
    #[inline(always)]
    pub(crate) fn table(&self) -> *const T::To {
        // Relaxed: who looks has seen the state, or was told by somebody who has; the table was stored before.
        self.table.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn state(&self) -> Option<NonNull<S::To>> {
        // Acquire pairs with `publish`: who sees the state sees it made.
        NonNull::new(self.state.load(Ordering::Acquire))
    }

    /// Lets every thread see both.
    pub(crate) fn publish(&self, table: NonNull<T::To>, state: NonNull<S::To>) {
        // Relaxed: nobody looks for it who has not seen the state.
        self.table.store(table.as_ptr(), Ordering::Relaxed);
        // Release pairs with `state`. Last: who sees it sees the table as well.
        self.state.store(state.as_ptr(), Ordering::Release);
    }

    /// Publishes what `build` makes, unless somebody has done so. One thread builds, others wait for it; if it panics, the next one tries.
    pub(crate) fn publish_once(&self, lock: &Lock, build: impl FnOnce() -> (NonNull<T::To>, NonNull<S::To>)) {
        // Not `Once`: a fork while another thread is in here would leave the child one that nobody ever completes.
        lock.with(|| {
            if self.state().is_none() {
                let (table, state) = build();
                self.publish(table, state);
            }
        });
    }
}

impl<T> Word for fixed::AtomicPtr<T> {
    type To = T;

    #[inline(always)]
    fn load(&self, order: Ordering) -> *mut T {
        self.load(order)
    }

    #[inline(always)]
    fn store(&self, pointer: *mut T, order: Ordering) {
        self.store(pointer, order);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use core::ptr::null_mut;
    use fixed::AtomicPtr;

    #[test]
    fn a_build_that_panics_is_tried_again_and_one_that_succeeds_is_not() {
        let (lock, mut table, mut state) = (Lock::new(), 1, 2);
        let (table, state) = (NonNull::from(&mut table), NonNull::from(&mut state));
        let published = Published::nothing(AtomicPtr::new(null_mut()), AtomicPtr::new(null_mut()));
        let failed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            published.publish_once(&lock, || panic!("no memory"));
        }));
        assert!(failed.is_err() && !lock.is_held());
        assert_eq!((published.table(), published.state()), (core::ptr::null(), None));
        published.publish_once(&lock, || (table, state));
        published.publish_once(&lock, || unreachable!("it is built"));
        assert_eq!((published.table(), published.state()), (table.as_ptr().cast_const(), Some(state)));
    }
}

/// Models: a table and a state whose content is a loom cell, so that who sees them before they are made is a race.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, AtomicPtr, UnsafeCell, model, thread};
    use core::ptr::null_mut;
    use fixed::AtomicUsize;

    impl<T> Word for AtomicPtr<T> {
        type To = T;

        fn load(&self, order: Ordering) -> *mut T {
            self.load(order)
        }

        fn store(&self, pointer: *mut T, order: Ordering) {
            self.store(pointer, order);
        }
    }

    type Cell = UnsafeCell<usize>;
    const MADE: usize = 7;

    struct Heap {
        published: Published<AtomicPtr<Cell>, AtomicPtr<Cell>>,
        lock: Lock,
        table: Box<Cell>,
        state: Box<Cell>,
        /// Not loom's: it shall order nothing.
        built: AtomicUsize,
    }

    // SAFETY: I8: the cells are written by the one that builds, which the models check.
    unsafe impl Sync for Heap {}
    // SAFETY: as for `Sync`.
    unsafe impl Send for Heap {}

    fn fresh() -> Arc<Heap> {
        let [table, state] = [(); 2].map(|()| Box::new(Cell::new(0)));
        let published = Published::nothing(AtomicPtr::new(null_mut()), AtomicPtr::new(null_mut()));
        Arc::new(Heap { published, lock: Lock::new(), table, state, built: AtomicUsize::new(0) })
    }

    fn read(cell: &Cell) -> usize {
        // SAFETY: I8: what is published is not written any more; loom reports a race if it is.
        cell.with(|content| unsafe { *content })
    }

    impl Heap {
        fn build(&self) -> (NonNull<Cell>, NonNull<Cell>) {
            self.built.fetch_add(1, Ordering::Relaxed);
            for made in [&self.table, &self.state] {
                // SAFETY: I8: nobody sees it yet; loom reports a race if somebody does.
                made.with_mut(|content| unsafe { *content = MADE });
            }
            (NonNull::from(&*self.table), NonNull::from(&*self.state))
        }

        /// Whether the heap is seen. If it is, all of it is, and made.
        fn look(&self) -> bool {
            let Some(state) = self.published.state() else { return false };
            // SAFETY: I8: stays as long as the heap.
            assert_eq!(read(unsafe { state.as_ref() }), MADE);
            let table = self.published.table();
            assert!(!table.is_null(), "the state is seen, and the table is not");
            // SAFETY: I1: stays as long as the heap.
            assert_eq!(read(unsafe { &*table }), MADE);
            true
        }

        /// A call that needs the heap: builds it if nobody has.
        fn call(&self) {
            if !self.look() {
                self.published.publish_once(&self.lock, || self.build());
            }
            assert!(self.look());
        }
    }

    /// Two threads need a heap that nobody has needed before, and one looks on: not three, since two that spin while the third has the
    /// lock could take turns without end.
    #[test]
    fn loom_a_static_heap_is_built_once_and_seen_whole() {
        model(|| {
            let heap = fresh();
            let (caller, onlooker) = (Arc::clone(&heap), Arc::clone(&heap));
            let caller = thread::spawn(move || caller.call());
            let onlooker = thread::spawn(move || _ = onlooker.look());
            heap.call();
            caller.join().unwrap();
            onlooker.join().unwrap();
            assert_eq!(heap.built.load(Ordering::Relaxed), 1);
        });
    }
}
