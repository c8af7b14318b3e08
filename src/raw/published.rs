//! Where a heap's table and its state are: two words, written once. Of a static heap, by whichever thread needs it first.
//!
//! ```text
//! nobody has built it:  the table is an empty one, in which every call fails; the state is null
//! a call that fails:    state? -- null --> lock;  state? -- null --> build;  table = ..;  state = ..;  unlock
//!                          `-- there: used           `-- there: built while this thread waited
//! ```

use core::ptr::NonNull;

use super::lock::Lock;
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
    /// Nothing yet: an empty table, and a null state.
    pub(crate) const fn nothing(table: T, state: S) -> Self {
        Self { table, state }
    }

    /// The first seat of the table, or of the empty one.
    #[inline(always)]
    pub(crate) fn table(&self) -> *const T::To {
        // Acquire pairs with `publish`: who sees the table sees it made.
        self.table.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub(crate) fn state(&self) -> Option<NonNull<S::To>> {
        // Acquire pairs with `publish`: who sees the state sees it made.
        NonNull::new(self.state.load(Ordering::Acquire))
    }

    /// Lets every thread see both. A heap without caches has no table, and keeps the empty one.
    pub(crate) fn publish(&self, table: Option<NonNull<T::To>>, state: NonNull<S::To>) {
        if let Some(table) = table {
            // Release pairs with `table`.
            self.table.store(table.as_ptr(), Ordering::Release);
        }
        // Release pairs with `state`. Last: who sees it sees the table as well.
        self.state.store(state.as_ptr(), Ordering::Release);
    }

    /// Publishes what `build` makes, unless somebody has done so. One thread builds, others wait for it; if it panics, the next one tries.
    pub(crate) fn publish_once(&self, lock: &Lock, build: impl FnOnce() -> (Option<NonNull<T::To>>, NonNull<S::To>)) {
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
        let (lock, mut empty, mut table, mut state) = (Lock::new(), 0, 1, 2);
        let (table, state) = (NonNull::from(&mut table), NonNull::from(&mut state));
        let published = Published::nothing(AtomicPtr::new(&raw mut empty), AtomicPtr::new(null_mut()));
        let failed = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            published.publish_once(&lock, || panic!("no memory"));
        }));
        assert!(failed.is_err() && !lock.is_held());
        assert_eq!((published.table(), published.state()), (&raw const empty, None));
        published.publish_once(&lock, || (Some(table), state));
        published.publish_once(&lock, || unreachable!("it is built"));
        assert_eq!((published.table(), published.state()), (table.as_ptr().cast_const(), Some(state)));
    }
}

/// Models: a table and a state whose content is a loom cell, so that who sees them before they are made is a race.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, AtomicPtr, UnsafeCell, model, thread};
    use core::ptr::{from_ref, null_mut};
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
        empty: Box<Cell>,
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
        let [empty, table, state] = [(); 3].map(|()| Box::new(Cell::new(0)));
        let published = Published::nothing(AtomicPtr::new(from_ref(&*empty).cast_mut()), AtomicPtr::new(null_mut()));
        Arc::new(Heap { published, lock: Lock::new(), empty, table, state, built: AtomicUsize::new(0) })
    }

    fn read(cell: &Cell) -> usize {
        // SAFETY: I8: what is published is not written any more; loom reports a race if it is.
        cell.with(|content| unsafe { *content })
    }

    impl Heap {
        fn build(&self, has_table: bool) -> (Option<NonNull<Cell>>, NonNull<Cell>) {
            self.built.fetch_add(1, Ordering::Relaxed);
            for made in [&self.table, &self.state] {
                // SAFETY: I8: nobody sees it yet; loom reports a race if somebody does.
                made.with_mut(|content| unsafe { *content = MADE });
            }
            (has_table.then(|| NonNull::from(&*self.table)), NonNull::from(&*self.state))
        }

        /// Whether the table, and whether the state is seen. What is seen must be made.
        fn look(&self) -> (bool, bool) {
            // SAFETY: I1, I6: one of the two tables, which stay as long as the heap.
            let table = unsafe { &*self.published.table() };
            let is_made = !core::ptr::eq(table, &*self.empty);
            assert_eq!(read(table), if is_made { MADE } else { 0 });
            let state = self.published.state();
            // SAFETY: I8: stays as long as the heap.
            state.inspect(|state| assert_eq!(read(unsafe { state.as_ref() }), MADE));
            (is_made, state.is_some())
        }

        /// A call that needs the heap: builds it if nobody has.
        fn call(&self, has_table: bool) {
            if !self.look().1 {
                self.published.publish_once(&self.lock, || self.build(has_table));
            }
            assert_eq!(self.look(), (has_table, true));
        }
    }

    /// Two threads need a heap that nobody has needed before, and one looks on: not three, since two that spin while the third has the
    /// lock could take turns without end.
    fn two_call(has_table: bool) {
        model(move || {
            let heap = fresh();
            let (caller, onlooker) = (Arc::clone(&heap), Arc::clone(&heap));
            let caller = thread::spawn(move || caller.call(has_table));
            let onlooker = thread::spawn(move || {
                if onlooker.look().1 {
                    assert_eq!(onlooker.look().0, has_table, "the state is seen, and the table is not");
                }
            });
            heap.call(has_table);
            caller.join().unwrap();
            onlooker.join().unwrap();
            assert_eq!(heap.built.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn loom_a_static_heap_is_built_once_and_seen_whole() {
        two_call(true);
    }

    #[test]
    fn loom_a_static_heap_without_caches_is_built_once_and_seen_whole() {
        two_call(false);
    }
}
