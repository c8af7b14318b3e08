//! Memory goes back by itself: who comes by a slow path gives back what nobody has wanted for a while.
//!
//! A *pass* goes through all buckets once, and begins when so much time is over. Each visitor does a piece of it, the next one goes on. One at a
//! time: who finds another at it goes its way.

use core::cell::Cell;
use core::ops::Range;

use super::State;
use crate::config::Purge;
use crate::raw::buckets::bucket::Bucket;
use crate::raw::lock::Lock;
use crate::raw::os;
use crate::raw::os::clock;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicU64;

/// Bytes of addresses that one visitor looks at.
const PIECE: usize = 4 << 20;

/// Shared; the cells belong to the lock.
pub(super) struct Passes {
    pub(super) lock: Lock,
    /// When the next pass begins, in the clock's milliseconds; long ago while one is under way.
    due: AtomicU64,
    /// The bucket that the pass comes to next, and what is still to be looked at in the one before.
    next: Cell<usize>,
    words: Cell<Range<usize>>,
}

impl Passes {
    pub(super) fn new() -> Self {
        Self { lock: Lock::new(), due: AtomicU64::new(0), next: Cell::new(0), words: Cell::new(0..0) }
    }
}

impl State {
    /// For whoever has been to one of these buckets on a slow path.
    pub(super) fn come_by(&self, classes: Range<usize>) {
        if !os::GIVES_BACK {
            return;
        }
        match self.config.purge {
            // Relaxed: a number; what a pass relies on belongs to the lock.
            Purge::After(_) if clock::now() >= self.passes.due.load(Relaxed) => {
                self.passes.lock.try_with(|| self.go_on(PIECE));
            }
            Purge::AtOnce => {
                for bucket in &self.buckets()[classes] {
                    self.give_back(bucket, &mut bucket.unwanted(true), &mut { usize::MAX });
                }
            }
            Purge::After(_) | Purge::Never => {}
        }
    }

    /// A whole pass, or the rest of one. Returns the bytes that went back.
    pub(crate) fn purge(&self) -> usize {
        if os::GIVES_BACK { self.passes.lock.with(|| self.go_on(usize::MAX)) } else { 0 }
    }

    /// Goes on with a pass, or begins one, until `piece` bytes were looked at. The caller holds the lock.
    fn go_on(&self, mut piece: usize) -> usize {
        let Passes { due, next, words, .. } = &self.passes;
        let (mut rest, mut given_back) = (words.take(), 0);
        while piece > 0 {
            if let Some(bucket) = next.get().checked_sub(1).map(|class| &self.buckets()[class]) {
                given_back += self.give_back(bucket, &mut rest, &mut piece);
            }
            if rest.is_empty() {
                let Some(bucket) = self.buckets().get(next.get()) else {
                    next.set(0);
                    // Relaxed: as in `come_by`.
                    due.store(clock::now().saturating_add(self.pause()), Relaxed);
                    return given_back + self.table.release_idle_chunks();
                };
                next.set(next.get() + 1);
                rest = bucket.unwanted(false);
            }
        }
        words.set(rest);
        // Relaxed: as in `come_by`.
        due.store(0, Relaxed);
        given_back
    }

    /// Gives the memory of free pages back, of these words until `piece` bytes were looked at; takes off both what it has done.
    fn give_back(&self, bucket: &Bucket, words: &mut Range<usize>, piece: &mut usize) -> usize {
        let mut given_back = 0;
        while words.start < words.end && *piece > 0 {
            let before = words.start;
            given_back += bucket.trim_unwanted(words, || self.may_purge());
            *piece = piece.saturating_sub((words.start - before) * bucket.word_bytes());
        }
        given_back
    }

    /// From one pass to the next, in the clock's milliseconds.
    fn pause(&self) -> u64 {
        match self.config.purge {
            Purge::After(pause) => u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            _ => u64::MAX,
        }
    }
}

#[cfg(all(test, any(target_os = "linux", windows), not(any(loom, shuttle, smarena_portable, miri))))]
mod tests {
    use core::time::Duration;

    use super::PIECE;
    use crate::boxed::SmBox;
    use crate::class::Linear;
    use crate::config::{HugePages, Purge};
    use crate::heap::Heap;
    use crate::raw::os::clock;

    type Eight = Heap<Linear<8>>;

    /// Every call of a heap without caches is a slow path.
    fn heap(purge: Purge) -> Eight {
        let builder = Eight::builder().huge_pages(HugePages::Never).purge(purge).no_thread_cache();
        builder.build().unwrap()
    }

    /// Blocks of 128 bytes, written.
    fn boxes(heap: &Eight, bytes: usize) -> Vec<SmBox<[u8; 128], &Eight>> {
        (0..bytes / 128).map(|_| SmBox::new_in([1; 128], heap)).collect()
    }

    fn resident(heap: &Eight) -> usize {
        heap.stats().buckets()[7].resident.unwrap()
    }

    /// Another bucket's block is taken and comes back.
    fn come_by(heap: &Eight) {
        drop(SmBox::new_in([1_u8; 16], heap));
    }

    #[test]
    fn what_nobody_wanted_for_a_while_goes_back_by_who_comes_by_and_nothing_else() {
        let heap = heap(Purge::After(Duration::from_millis(700)));
        let mut boxes = boxes(&heap, 1 << 20);
        let last = boxes.pop().unwrap();
        drop(boxes);
        assert_eq!(resident(&heap), 1 << 20);
        clock::pass(699);
        come_by(&heap);
        assert_eq!(resident(&heap), 1 << 20, "too soon");
        clock::pass(1);
        come_by(&heap);
        assert_eq!(resident(&heap), 1 << 20, "all of it was taken since the last pass");
        // Half of it is wanted again, the rest not.
        drop(self::boxes(&heap, 512 << 10));
        clock::pass(700);
        assert_eq!(resident(&heap), 1 << 20, "nobody has come by");
        come_by(&heap);
        // The page of the last block stays.
        assert_eq!((resident(&heap), heap.stats().buckets()[7].purged), (516 << 10, 508 << 10));
        clock::pass(700);
        come_by(&heap);
        assert_eq!((resident(&heap), *last), (4096, [1; 128]));
        drop(last);
        clock::pass(700);
        come_by(&heap);
        assert_eq!((resident(&heap), heap.stats().buckets()[7].purged), (0, 1 << 20));
    }

    #[test]
    fn one_visitor_does_a_piece_and_the_next_ones_go_on() {
        let heap = heap(Purge::After(Duration::from_secs(1)));
        drop(boxes(&heap, 4 * PIECE));
        clock::pass(1000);
        come_by(&heap);
        clock::pass(1000);
        for pieces in 1..=4 {
            heap.raw().state().come_by(0..1);
            assert_eq!(resident(&heap), (4 - pieces) * PIECE);
        }
    }

    #[test]
    fn who_finds_another_at_it_goes_its_way() {
        let heap = heap(Purge::After(Duration::ZERO));
        let boxes = boxes(&heap, 1 << 20);
        heap.raw().state().passes.lock.with(|| drop(boxes));
        assert_eq!(resident(&heap), 1 << 20);
        assert_eq!(heap.purge() + heap.purge(), 1 << 20);
    }

    #[test]
    fn at_once_is_at_once() {
        for hardened in [false, true] {
            let builder = Eight::builder().huge_pages(HugePages::Never).purge(Purge::AtOnce).no_thread_cache();
            let heap = builder.hardened(hardened).build().unwrap();
            let mut boxes = boxes(&heap, 1 << 20);
            // Pages of 32 blocks: half of each, then the other half of every other one.
            let mut numbers = 0..;
            boxes.retain(|_| numbers.next().is_some_and(|number| number % 2 == 0));
            assert_eq!(resident(&heap), 1 << 20);
            let mut numbers = 0..;
            boxes.retain(|_| numbers.next().is_some_and(|number| number / 16 % 2 == 0));
            assert_eq!(resident(&heap), 512 << 10);
            assert!(boxes.iter().all(|boxed| **boxed == [1; 128]));
            drop(boxes);
            assert_eq!(resident(&heap), 0);
        }
    }

    #[test]
    fn never_is_never() {
        let heap = heap(Purge::Never);
        drop(boxes(&heap, 1 << 20));
        clock::pass(1 << 40);
        come_by(&heap);
        come_by(&heap);
        assert_eq!(resident(&heap), 1 << 20);
    }

    #[test]
    fn caches_give_back_when_they_are_closed() {
        let heap = Eight::builder().huge_pages(HugePages::Never).purge(Purge::AtOnce).build().unwrap();
        std::thread::scope(|scope| {
            let life = || {
                let boxes = boxes(&heap, 32 << 10);
                let full = resident(&heap);
                drop(boxes);
                assert_eq!(resident(&heap), full, "in the cache");
            };
            scope.spawn(life).join().unwrap();
        });
        assert_eq!(resident(&heap), 0);
    }

    /// What a thread's chunks took is for the next one, until a pass; of a small heap's cache slot it takes a page.
    #[test]
    fn chunks_of_ended_threads_go_back_and_those_in_use_stay() {
        let heap = Eight::builder().purge(Purge::After(Duration::from_millis(700))).build().unwrap();
        let state = heap.raw().state();
        let used = || state.resident_caches().unwrap();
        let life = || {
            std::thread::scope(|scope| scope.spawn(|| drop(boxes(&heap, 8 << 10))).join().unwrap());
            used()
        };
        let own = SmBox::new_in([1_u8; 128], &heap);
        let before = used();
        let ended = life();
        assert!(ended >= before + 2 * 4096, "{ended} bytes after {before}");
        clock::pass(699);
        state.come_by(0..1);
        assert_eq!(used(), ended, "too soon");
        clock::pass(1);
        state.come_by(0..1);
        assert_eq!(used(), before + 4096);
        // This thread's are in use, and the next one's are new.
        drop(own);
        assert_eq!((*SmBox::new_in([2_u8; 128], &heap), life()), ([2; 128], ended));
    }

    #[test]
    fn what_is_shown_stays() {
        for purge in [Purge::AtOnce, Purge::After(Duration::ZERO)] {
            let heap = heap(purge);
            let boxes = boxes(&heap, 1 << 20);
            let regions = heap.regions();
            drop(boxes);
            (0..9).for_each(|_| come_by(&heap));
            assert_eq!((resident(&heap), heap.purge()), (1 << 20, 0));
            drop(regions);
            heap.trim();
            assert_eq!(resident(&heap), 0);
        }
    }
}
