//! Refusals of the system, for tests: the n-th call that asks it for something fails.
//!
//! Outside of this crate's own unit tests `due` is the constant `false`, and nothing of this is compiled in.

/// Whether the system is to refuse the call that is about to be made.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn due() -> bool {
    false
}

/// Notes that there is one reservation more, or one less.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn count_reservation(_: isize) {}

#[cfg(all(test, unix, not(any(loom, shuttle, smarena_portable, miri))))]
pub(crate) use tests::refuse_after;
#[cfg(test)]
pub(crate) use tests::{count_reservation, due};

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    thread_local! {
        /// Calls that this thread's system still grants; `None` if it grants all.
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        /// Calls that it refuses after those.
        static REFUSALS: Cell<usize> = const { Cell::new(0) };
        static RESERVATIONS: Cell<isize> = const { Cell::new(0) };
    }

    pub(crate) fn due() -> bool {
        match LEFT.get() {
            None => false,
            Some(0) if REFUSALS.get() == 0 => false,
            Some(0) => {
                REFUSALS.set(REFUSALS.get() - 1);
                true
            }
            Some(left) => {
                LEFT.set(Some(left - 1));
                false
            }
        }
    }

    /// From now on this thread's system grants so many calls and no more; `None`: all.
    #[cfg_attr(
        any(loom, shuttle, smarena_portable, not(unix)),
        expect(dead_code, reason = "for tests of another form")
    )]
    pub(crate) fn refuse_after(granted: Option<usize>) {
        LEFT.set(granted);
        REFUSALS.set(usize::MAX);
    }

    pub(crate) fn count_reservation(change: isize) {
        RESERVATIONS.set(RESERVATIONS.get() + change);
    }

    #[cfg(not(loom))]
    mod scenarios {
        use core::cell::Cell;
        use core::ptr::NonNull;
        use std::sync::Arc;

        use super::{LEFT, REFUSALS, RESERVATIONS};
        use crate::arena::{GrowError, SharedArena, SmArena};
        use crate::boxed::SmBox;
        use crate::buf::SmBuf;
        use crate::class::Linear;
        use crate::config::{CacheWarmup, Exhausted, HugePages, Purge};
        use crate::error::{AllocError, ConfigError, NO_MEMORY};
        use crate::heap::{Heap, HeapBuilder, StaticHeap};
        use crate::pool::{BufPool, PoolError};
        use crate::raw::lock::Lock;
        use crate::raw::threads::cache_slot::CacheSlot;
        use crate::raw::threads::thread;

        type Builder = HeapBuilder<Linear<8>>;

        struct Held {
            block: NonNull<u8>,
            size: usize,
            fill: u8,
        }

        impl Held {
            fn new(block: NonNull<u8>, size: usize, fill: u8) -> Self {
                // SAFETY: I10: live, `size` bytes.
                unsafe { block.write_bytes(fill, size) };
                Self { block, size, fill }
            }

            fn check(&self, bytes: usize) {
                // SAFETY: I10: live, `size` bytes, written.
                let content = unsafe { core::slice::from_raw_parts(self.block.as_ptr(), bytes) };
                assert!(content.iter().all(|byte| *byte == self.fill), "content was lost");
            }
        }

        #[track_caller]
        fn refused(error: AllocError) {
            assert!(matches!(error, AllocError::OutOfMemory { .. } | AllocError::Exhausted { .. }), "{error}");
        }

        /// A heap's life. Whatever is refused is an error that says so, leaves what there is as it was, and loses nothing.
        fn live(builder: Builder) {
            let heap = match builder.build() {
                Ok(heap) => heap,
                Err(error) => return assert!(matches!(error, ConfigError::Refused { code: NO_MEMORY, .. }), "{error}"),
            };
            let cache = heap.thread_cache(4096, CacheWarmup::Hot);
            let mut held = Vec::new();
            // Most of one size, so that its bucket grows by more than a page.
            let sizes = (0..=130).step_by(10).chain([120; 20]).chain([1000; 3]);
            for (fill, size) in (0..150_u8).zip(sizes.cycle()) {
                let align = if fill % 10 == 9 { 4096 } else { 16 };
                match cache.alloc(size, align) {
                    Ok(block) => held.push(Held::new(block, size, fill)),
                    Err(error) => refused(error),
                }
            }
            drop(cache);
            for held in &mut held {
                let size = (held.size + 70) % 400;
                // SAFETY: I10: live, from this heap; the old pointer is used no more.
                match unsafe { heap.realloc(held.block, size, 0) } {
                    Ok(block) => {
                        let moved = Held { block, ..*held };
                        moved.check(size.min(held.size));
                        *held = Held::new(block, size, held.fill);
                    }
                    Err(error) => refused(error),
                }
            }
            let live = held.len();
            assert_eq!(heap.stats().live(), live);
            heap.trim();
            for held in held {
                held.check(held.size);
                // SAFETY: I10: live, from this heap.
                unsafe { heap.free(held.block) };
            }
            heap.trim();
            assert_eq!(heap.stats().live(), 0);
        }

        /// The lives of owners. Who is refused has its value back, or its content as it was; and each is counted once.
        fn own(builder: Builder) {
            let Ok(heap) = builder.build().map(Arc::new) else { return };
            let token = Arc::new(());
            let mut boxes = Vec::new();
            let mut buf = SmBuf::new_in(heap.clone());
            let (mut arena, shared) = (SmArena::new_in(heap.clone()), SharedArena::new_in(heap.clone()));
            let (mut handles, mut shared_handles) = (Vec::new(), Vec::new());
            let mut content = Vec::new();
            for number in 0..100_u8 {
                let value = || (token.clone(), [number; 100]);
                match SmBox::try_new_in(value(), heap.clone()) {
                    Ok(boxed) => boxes.push((boxed, number)),
                    Err(error) => {
                        refused(error.error);
                        assert_eq!(error.into_value().1, [number; 100]);
                    }
                }
                match buf.try_reserve(100) {
                    Ok(()) => {
                        buf.extend_from_slice(&[number; 100]);
                        content.extend([number; 100]);
                    }
                    Err(error) => refused(error),
                }
                for (inserted, handles) in
                    [(arena.try_insert(value()), &mut handles), (shared.try_insert(value()), &mut shared_handles)]
                {
                    match inserted {
                        Ok(handle) => handles.push((handle, number)),
                        Err(back) => {
                            assert_eq!(back.value.1, [number; 100]);
                            let GrowError::Alloc { error, .. } = back.error else { panic!("{}", back.error) };
                            refused(error);
                        }
                    }
                }
            }
            assert_eq!(Arc::strong_count(&token), 1 + boxes.len() + handles.len() + shared_handles.len());
            assert_eq!(buf, content);
            assert!(boxes.iter().all(|(boxed, number)| boxed.1 == [*number; 100]));
            assert!(handles.iter().all(|(handle, number)| arena[*handle].1 == [*number; 100]));
            for (handle, number) in shared_handles {
                assert_eq!(shared.get(handle).expect("a value that is there").1, [number; 100]);
            }
            lend(&heap);
            drop((boxes, buf.freeze(), arena, shared));
            assert_eq!(Arc::strong_count(&token), 1, "values were lost");
            heap.trim();
            assert_eq!((heap.stats().live(), Arc::strong_count(&heap)), (0, 1));
        }

        /// A pool's life: who is refused a buffer holds no permit.
        fn lend(heap: &Arc<Heap<Linear<8>>>) {
            let pool =
                BufPool::builder().buf_size(300).limit(10).build_in(heap.clone()).expect("sizes that a pool can have");
            let mut leases = Vec::new();
            for number in 0..30_u8 {
                match pool.try_acquire() {
                    Ok(mut lease) => {
                        lease.extend_from_slice(&[number; 300]);
                        leases.push((lease, number));
                    }
                    Err(PoolError::LimitReached { .. }) => assert_eq!(leases.len(), 10),
                    Err(PoolError::Alloc(error)) => refused(error),
                    Err(other) => panic!("{other}"),
                }
                assert_eq!(pool.in_flight(), leases.len());
            }
            for (lease, number) in leases {
                assert_eq!(lease[..], [number; 300]);
            }
            assert_eq!(pool.in_flight(), 0);
        }

        /// Runs the scenario again and again, on new threads, refusing the `n`th call and `refusals - 1` after it, until there is no `n`th.
        fn refuse_each(scenario: fn(Builder), builder: Builder, refusals: usize) {
            for n in 0.. {
                let thread = std::thread::spawn(move || {
                    LEFT.set(Some(n));
                    REFUSALS.set(refusals);
                    scenario(builder);
                    assert_eq!(RESERVATIONS.get(), 0, "address space was lost");
                    REFUSALS.get() < refusals
                });
                let some_were_refused = thread.join().unwrap_or_else(|_| panic!("with call {n} refused"));
                if !some_were_refused {
                    assert!(n > 10, "the scenario asks the system for less than it should: {n} calls");
                    return;
                }
            }
        }

        fn settings() -> [Builder; 7] {
            let small = || Heap::<Linear<8>>::builder().bucket_bytes(512).huge_pages(HugePages::Always);
            [
                small(),
                small().on_exhausted(Exhausted::Grow { reserve: 64 << 10 }),
                small().on_exhausted(Exhausted::Grow { reserve: 1024 }).no_thread_cache(),
                small().zero_on_free(true),
                small().purge(Purge::AtOnce),
                small().hardened(true),
                small().canary(true).delayed_reuse(3).zero_on_free(true),
            ]
        }

        #[test]
        fn any_one_refusal_is_an_error_and_loses_nothing() {
            settings().into_iter().for_each(|builder| refuse_each(live, builder, 1));
        }

        #[test]
        fn refusals_from_any_moment_on_are_errors_and_lose_nothing() {
            settings().into_iter().for_each(|builder| refuse_each(live, builder, usize::MAX));
        }

        #[test]
        fn owners_lose_nothing_by_any_one_refusal() {
            settings().into_iter().for_each(|builder| refuse_each(own, builder, 1));
        }

        #[test]
        fn owners_lose_nothing_by_refusals_from_any_moment_on() {
            settings().into_iter().for_each(|builder| refuse_each(own, builder, usize::MAX));
        }

        /// The memory of a cache slot's chunks is used again as long as it is large enough, and otherwise goes back first.
        #[test]
        fn chunks_are_mapped_anew_only_to_be_larger_and_none_are_lost() {
            let cache_slot = Box::new(CacheSlot::empty());
            let (chunks, lock) = (&cache_slot.chunks, Lock::new());
            let at_least = |bytes| {
                let found = Cell::new(None);
                chunks.open_over(bytes, &lock, |first| found.set(Some(first)))?;
                found.get()
            };
            let first = at_least(1 << 16).unwrap();
            // SAFETY: I1: so many bytes, and ours.
            unsafe { first.write(7) };
            for bytes in [1 << 16, 1] {
                // New memory would be zero, wherever it is.
                // SAFETY: I1: as above.
                assert_eq!(unsafe { at_least(bytes).unwrap().read() }, 7);
            }
            assert!(at_least(1 << 20).is_some());
            assert_eq!(RESERVATIONS.get(), 1);
            // That the old ones cannot be unmapped, and that no new ones are to be had.
            LEFT.set(Some(0));
            REFUSALS.set(usize::MAX);
            assert_eq!(at_least(1 << 21), None);
            LEFT.set(None);
            drop(cache_slot.chunks.take());
            assert_eq!(RESERVATIONS.get(), 0);
            // SAFETY: I1: a page at least, and ours.
            unsafe { at_least(1).unwrap().write(1) };
            drop(cache_slot.chunks.take());
            assert_eq!(RESERVATIONS.get(), 0);
        }

        /// The cache of the outer guard is closed then; a later guard is the last one of its own again.
        #[cfg(not(shuttle))]
        #[test]
        fn a_guard_that_was_refused_memory_keeps_no_later_cache_open() {
            let heap = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
            let outer = heap.thread_cache(160, CacheWarmup::Hot);
            LEFT.set(Some(0));
            REFUSALS.set(usize::MAX);
            let inner = heap.thread_cache(64 << 10, CacheWarmup::Hot);
            LEFT.set(None);
            assert_eq!(heap.stats().caches, 0);
            drop((inner, outer));
            let later = heap.thread_cache(160, CacheWarmup::Hot);
            assert_eq!(heap.stats().caches, 1);
            drop(later);
            assert_eq!((heap.stats().caches, heap.stats().buckets()[0].cached), (0, 0));
        }

        #[cfg(not(shuttle))]
        #[test]
        fn a_thread_that_was_refused_once_never_has_a_slot() {
            let asked = std::thread::spawn(|| {
                LEFT.set(Some(0));
                REFUSALS.set(1);
                [thread::enter(), thread::enter(), thread::current()]
            });
            assert_eq!(asked.join().unwrap(), [None; 3]);
        }

        #[cfg(not(shuttle))]
        #[test]
        fn a_cache_that_could_not_be_opened_is_opened_when_there_is_memory() {
            crate::static_heap! {
                struct Other: Linear<8> { bucket_bytes: 1 << 20 }
                struct Refused: Linear<8> { bucket_bytes: 1 << 20 }
            }
            // Builds it.
            assert_eq!(Refused::HEAP.stats().caches, 0);
            let caches = std::thread::spawn(move || {
                // The thread has its slot before the refusals begin.
                drop(SmBox::new_in(1, Other));
                LEFT.set(Some(0));
                REFUSALS.set(usize::MAX);
                // Nor is any of its buckets committed.
                drop(SmBox::try_new_in(1, Refused));
                LEFT.set(None);
                let refused = Refused::HEAP.stats().caches;
                drop(SmBox::new_in(1, Refused));
                [refused, Refused::HEAP.stats().caches]
            });
            assert_eq!(caches.join().unwrap(), [0, 1]);
            assert_eq!(Refused::HEAP.stats().caches, 0);
        }
    }
}
