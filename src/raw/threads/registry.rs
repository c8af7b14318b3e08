//! Which thread slots are taken, and which heaps are alive: what a thread's end and a heap's end must agree on.
//!
//! A thread claims a slot when it first needs a cache, and gives it up when it ends; in between, the cache in that slot of
//! every heap's table is its own (I5). A heap joins when it is built and leaves before it is released (I8). Each slot has a list of
//! the heaps that its thread used, and a lock for it. A thread that ends empties its caches in the heaps on its list, one at a time; a
//! heap that ends goes off all lists:
//!
//! ```text
//! thread's end:  for each heap on the list: the slot's lock { empty the caches there; off the list }       the lock { the slot is free }
//! heap's end:    for each slot that ever used it: the slot's lock { off the list }                         the lock { off the list of heaps }
//! ```
//!
//! So threads that end at once do not wait for one another, and a heap's end waits for what one thread has in one heap; and the lock
//! that all share is held for a few steps.

use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;

use crate::raw::fault::Site;
use crate::raw::lock::Lock;
use crate::raw::os::{self, alive};
use crate::sync::fixed::AtomicUsize;
use crate::sync::{Ordering, array_of, const_but_for_models};

/// Thread slots, slot 0 included, which no thread gets: how many threads can have caches at once, plus one.
pub(crate) const SLOTS: usize = if cfg!(loom) {
    2
} else if cfg!(any(miri, shuttle)) {
    16
} else {
    1024
};
const WORDS: usize = SLOTS.div_ceil(64);
/// How many of them have memory in every heap before there is a thread: all, unless committed memory counts.
const FIRST_SLOTS: usize = if os::COUNTED { 8 } else { SLOTS };

/// What a heap shows the registry.
pub(crate) trait Member {
    /// Where the registry keeps what it needs of the heap.
    fn links(&self) -> &Links;
    /// Empties and closes the caches of the thread that holds `slot`, which is the caller. While this runs, the heap does not go.
    fn drain(&self, slot: usize);
    /// As `drain`, but the cache in the table, which a guard points to, stays open, and what is open stays the thread's.
    fn drain_kept(&self, slot: usize);
    /// Shows all entries of this heap that may be in a list, and the slots whose lists these are.
    fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry));
    /// This process is a fork's child, and only the thread with `slot`, if it has one, came along.
    fn forked(&self, slot: Option<usize>);
    /// Shows the heap's own locks, which a fork must hold as well. Nobody takes one of the registry's while holding one of these.
    fn each_lock(&self, visit: &dyn Fn(&Lock));
    /// Commits what these slots have in the heap; false if the system refuses.
    fn commit_slots(&self, _: Range<usize>) -> bool {
        true
    }
    /// The block that `address` points into, if it lies in one of the spans.
    fn site_of(&self, address: NonNull<u8>) -> Option<Site>;
}

/// A heap's place in the list of live heaps. Shared, under the registry's lock.
#[derive(Debug)]
pub(crate) struct Links {
    next: Cell<Option<NonNull<dyn Member>>>,
    previous: Cell<Option<NonNull<dyn Member>>>,
    /// The heap itself, from when it has joined.
    member: Cell<Option<NonNull<dyn Member>>>,
}

impl Links {
    pub(crate) const fn new() -> Self {
        Self { next: Cell::new(None), previous: Cell::new(None), member: Cell::new(None) }
    }
}

/// A heap's entry in the list of those that the thread with some slot used. Shared, under the slot's lock. Zero bytes are in no list.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    next: Cell<Option<NonNull<Entry>>>,
    previous: Cell<Option<NonNull<Entry>>>,
    /// Whose entry this is, as long as it is in the list.
    heap: Cell<Option<NonNull<Links>>>,
}

// SAFETY: I8: every access to the cells is made under the slot's lock, but for `is_listed`.
unsafe impl Sync for Entry {}

impl Entry {
    /// Whether it is in the list: asked by the slot's thread, which put it there and alone takes it out while the heap lives.
    pub(crate) fn is_listed(&self) -> bool {
        self.heap.get().is_some()
    }

    /// Takes the entry out of its list in a fork's child, where the thread whose list it was does not exist.
    pub(crate) fn forget(&self) {
        self.heap.set(None);
        self.next.set(None);
        self.previous.set(None);
    }
}

/// The heaps that the thread with some slot used. Shared; the lock guards the rest.
struct Slot {
    /// Held while the thread, which is ending, empties its caches in one heap.
    lock: Lock,
    first: Cell<Option<NonNull<Entry>>>,
    /// The entry that the thread's end comes to next.
    next: Cell<Option<NonNull<Entry>>>,
}

impl Slot {
    const_but_for_models! {
        fn new() -> Self {
            Self { lock: Lock::new(), first: Cell::new(None), next: Cell::new(None) }
        }
    }

    /// Takes an entry off the list, if it is there; the caller holds the lock.
    fn strike(&self, entry: &Entry) {
        if entry.heap.take().is_none() {
            return;
        }
        let (previous, next) = (entry.previous.take(), entry.next.take());
        match previous {
            // SAFETY: I8: listed entries are in place.
            Some(previous) => unsafe { previous.as_ref() }.next.set(next),
            None => self.first.set(next),
        }
        if let Some(next) = next {
            // SAFETY: I8: listed entries are in place.
            unsafe { next.as_ref() }.previous.set(previous);
        }
        if self.next.get() == Some(NonNull::from(entry)) {
            self.next.set(next);
        }
    }
}

/// Shared; the lock guards everything else but what has one of its own.
pub(crate) struct Registry {
    /// Held while a static heap is built, which takes the other lock.
    pub(crate) building: Lock,
    pub(crate) lock: Lock,
    first: Cell<Option<NonNull<dyn Member>>>,
    taken: [Cell<u64>; WORDS],
    /// The system's numbers of the threads that have the slots. 0 where that is not known, or the slot is about to be given up.
    threads: [Cell<i32>; SLOTS],
    slots: [Slot; SLOTS],
    /// Of how many slots there is memory in every heap: threads get no others (I15).
    committed: Cell<usize>,
    /// How many slots nobody has, for those who had none to look at.
    free: AtomicUsize,
}

// SAFETY: I8: every access to the cells is made under one of the locks, and members are themselves shared between threads.
unsafe impl Sync for Registry {}
// SAFETY: as for `Sync`.
unsafe impl Send for Registry {}

impl Registry {
    const_but_for_models! {
        pub(crate) fn new() -> Self {
            Self {
                building: Lock::new(),
                lock: Lock::new(),
                first: Cell::new(None),
                taken: Self::none_taken(),
                threads: [const { Cell::new(0) }; SLOTS],
                slots: array_of![Slot::new(); SLOTS],
                committed: Cell::new(FIRST_SLOTS),
                free: AtomicUsize::new(SLOTS - 1),
            }
        }
    }

    /// Slot 0 counts as taken: it is what threads without a slot look at.
    const fn none_taken() -> [Cell<u64>; WORDS] {
        let mut words = [const { Cell::new(0) }; WORDS];
        words[0] = Cell::new(1);
        words
    }

    /// Whether it is worth while to ask for a slot.
    pub(crate) fn has_free_slots(&self) -> bool {
        // Relaxed: a hint; `claim_slot` knows.
        self.free.load(Ordering::Relaxed) > 0
    }

    /// The lowest free thread slot; `None` when all are taken.
    pub(crate) fn claim_slot(&self) -> Option<usize> {
        self.lock.with(|| {
            let word = self.taken.iter().position(|word| word.get() != u64::MAX)?;
            let bit = self.taken[word].get().trailing_ones() as usize;
            let slot = word * 64 + bit;
            if slot >= SLOTS || !self.commit_through(slot) {
                return None;
            }
            self.taken[word].set(self.taken[word].get() | 1 << bit);
            self.threads[slot].set(alive::this_thread());
            // Relaxed: a hint.
            self.free.fetch_sub(1, Ordering::Relaxed);
            Some(slot)
        })
    }

    /// Sees to it that every heap has memory for what a thread with `slot` has there; false if the system refuses. The caller holds the lock.
    fn commit_through(&self, slot: usize) -> bool {
        let before = self.committed.get();
        if slot < before {
            return true;
        }
        let (now, all) = ((2 * before).clamp(slot + 1, SLOTS), Cell::new(true));
        self.each(|member| all.set(all.get() && member.commit_slots(before..now)));
        if all.get() {
            self.committed.set(now);
        }
        all.get()
    }

    /// Whether nobody had `slot`, which is the caller's now, until it gives it up by `release_slot`.
    pub(crate) fn claim(&self, slot: usize) -> bool {
        self.lock.with(|| {
            let (word, bit) = (&self.taken[slot / 64], 1 << (slot % 64));
            let free = word.get() & bit == 0;
            if free {
                word.set(word.get() | bit);
                // Relaxed: a hint.
                self.free.fetch_sub(1, Ordering::Relaxed);
            }
            free
        })
    }

    /// Notes that the thread with `slot`, which is the caller, uses the heap with these links.
    pub(crate) fn enlist(&self, slot: usize, entry: &Entry, heap: &Links) {
        if entry.is_listed() {
            return;
        }
        let slot = &self.slots[slot];
        slot.lock.with(|| {
            let first = slot.first.replace(Some(NonNull::from(entry)));
            if let Some(first) = first {
                // SAFETY: I8: listed entries are in place.
                unsafe { first.as_ref() }.previous.set(Some(NonNull::from(entry)));
            }
            entry.next.set(first);
            entry.previous.set(None);
            entry.heap.set(Some(NonNull::from(heap)));
        });
    }

    /// Gives up the slots of threads that are gone, of which nobody was told. Not only of those that used some heap: what they used may be
    /// gone as well, and then nobody else would ask. The caller, whose slot is `own`, is there.
    pub(crate) fn release_absent(&self, own: Option<usize>) {
        let is_absent = |thread| thread != 0 && alive::is_gone(thread);
        let taken = self.lock.with(|| self.taken.each_ref().map(Cell::get));
        for slot in (1..SLOTS).filter(|&slot| taken[slot / 64] & (1 << (slot % 64)) != 0 && Some(slot) != own) {
            // Under the lock: no other thread can get the slot meanwhile, nor another caller give it up.
            if self.lock.with(|| is_absent(self.threads[slot].get()) && self.threads[slot].take() != 0) {
                self.release_slot(slot);
            }
        }
    }

    /// Drains `slot` in every heap that its thread used and lets the next thread have it. Only the slot's holder calls this.
    pub(crate) fn release_slot(&self, slot: usize) {
        self.walk(slot, true, |member| member.drain(slot));
        self.lock.with(|| {
            self.threads[slot].set(0);
            self.taken[slot / 64].set(self.taken[slot / 64].get() & !(1 << (slot % 64)));
            // Relaxed: a hint.
            self.free.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Drains, in every heap that it used, the caches of the ending thread that keeps `slot`, and closes those in its own memory.
    pub(crate) fn release_kept(&self, slot: usize) {
        self.walk(slot, false, |member| member.drain_kept(slot));
    }

    /// Shows the heaps that the thread with `slot`, which is the caller, used to `visit`, one after the other; with `forget` they are
    /// off its list then.
    fn walk(&self, slot: usize, forget: bool, visit: impl Fn(&dyn Member)) {
        let slot = &self.slots[slot];
        slot.lock.with(|| slot.next.set(slot.first.get()));
        let step = || {
            // SAFETY: I8: listed entries are in place.
            let entry = unsafe { slot.next.get()?.as_ref() };
            slot.next.set(entry.next.get());
            // SAFETY: I8: and so are the heaps whose they are.
            let member = unsafe { entry.heap.get()?.as_ref() }.member.get()?;
            // SAFETY: I8: it has to wait for the lock before it goes.
            visit(unsafe { member.as_ref() });
            if forget {
                slot.strike(entry);
            }
            Some(())
        };
        while slot.lock.with(step).is_some() {}
    }

    /// Takes every lock there is, so that none is held by a thread that a fork leaves behind.
    pub(crate) fn before_fork(&self) {
        self.building.acquire();
        self.lock.acquire();
        // Before those of the heaps, as a thread's end takes them.
        self.taken_slots().for_each(|slot| slot.lock.acquire());
        self.each(|member| member.each_lock(&Lock::acquire));
    }

    /// Undoes `before_fork` in the parent.
    pub(crate) fn after_fork(&self) {
        self.each(|member| member.each_lock(&Lock::release));
        self.taken_slots().for_each(|slot| slot.lock.release());
        self.lock.release();
        self.building.release();
    }

    /// Undoes `before_fork` in the child, where there is one thread alone: that with `slot`, if it has one. The slots of the others are
    /// free again. A heap that another thread was about to end stays as it is for ever.
    pub(crate) fn in_child(&self, slot: Option<usize>) {
        self.each(|member| {
            member.forked(slot);
            member.each_lock(&Lock::reset);
        });
        for (word, none) in self.taken.iter().zip(Self::none_taken()) {
            word.set(none.get());
        }
        if let Some(slot) = slot {
            self.taken[slot / 64].set(self.taken[slot / 64].get() | 1 << (slot % 64));
            self.threads[slot].set(alive::this_thread());
        }
        // Relaxed: there is no other thread.
        self.free.store(SLOTS - 1 - usize::from(slot.is_some()), Ordering::Relaxed);
        for (number, other) in self.slots.iter().enumerate() {
            other.lock.reset();
            if Some(number) != slot {
                other.first.set(None);
                self.threads[number].set(0);
            }
        }
        self.lock.reset();
        self.building.reset();
    }

    /// What belongs to the slots that threads have; the caller holds the lock.
    fn taken_slots(&self) -> impl Iterator<Item = &Slot> {
        let is_taken = |number: usize| self.taken[number / 64].get() & (1 << (number % 64)) != 0;
        self.slots.iter().enumerate().filter_map(move |(number, slot)| is_taken(number).then_some(slot))
    }

    /// The block of whichever live heap that `address` points into.
    pub(crate) fn site_of(&self, address: NonNull<u8>) -> Option<Site> {
        let found = Cell::new(None);
        self.lock.with(|| self.each(|member| found.set(found.get().or_else(|| member.site_of(address)))));
        found.get()
    }

    /// Visits every live heap; the caller holds the lock.
    fn each(&self, visit: impl Fn(&dyn Member)) {
        let mut next = self.first.get();
        while let Some(member) = next {
            // SAFETY: I8: a listed member is valid while the lock is held.
            let member = unsafe { member.as_ref() };
            visit(member);
            next = member.links().next.get();
        }
    }

    /// Adds a heap to the list; false, and it is not there, if the system refuses the memory for the threads that there are.
    ///
    /// # Safety
    /// `member` stays valid and in place until `leave` has returned.
    pub(crate) unsafe fn join(&self, member: NonNull<dyn Member>) -> bool {
        self.lock.with(|| {
            let first = self.first.get();
            // SAFETY: I10: the caller keeps it valid.
            let heap = unsafe { member.as_ref() };
            if !heap.commit_slots(0..self.committed.get()) {
                return false;
            }
            let links = heap.links();
            links.next.set(first);
            links.previous.set(None);
            links.member.set(Some(member));
            if let Some(first) = first {
                // SAFETY: I8: listed members are valid.
                unsafe { first.as_ref() }.links().previous.set(Some(member));
            }
            self.first.set(Some(member));
            true
        })
    }

    /// Takes a heap off all lists, after which no thread's end touches it. The caller sees to it that nobody else uses the heap.
    pub(crate) fn leave(&self, member: &dyn Member) {
        member.each_entry(&mut |slot, entry| {
            let slot = &self.slots[slot];
            slot.lock.with(|| slot.strike(entry));
        });
        let links = member.links();
        self.lock.with(|| {
            let (previous, next) = (links.previous.get(), links.next.get());
            match previous {
                // SAFETY: I8: listed members are valid.
                Some(previous) => unsafe { previous.as_ref() }.links().next.set(next),
                None => self.first.set(next),
            }
            if let Some(next) = next {
                // SAFETY: I8: listed members are valid.
                unsafe { next.as_ref() }.links().previous.set(previous);
            }
        });
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;
    use crate::raw::lock::count;
    use core::cell::RefCell;

    /// A heap that writes down which slots were drained.
    struct Toy {
        links: Links,
        entries: [Entry; SLOTS],
        drained: RefCell<Vec<usize>>,
        lock: Lock,
        /// Slots that have memory, from 0 on, and whether more are refused.
        committed: Cell<usize>,
        refuses: Cell<bool>,
    }

    impl Member for Toy {
        fn links(&self) -> &Links {
            &self.links
        }

        fn drain(&self, slot: usize) {
            self.drained.borrow_mut().push(slot);
        }

        fn drain_kept(&self, slot: usize) {
            self.drain(slot);
        }

        fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
            self.entries.iter().enumerate().for_each(|(slot, entry)| visit(slot, entry));
        }

        fn forked(&self, slot: Option<usize>) {
            self.each_entry(&mut |other, entry| {
                if Some(other) != slot {
                    entry.forget();
                }
            });
        }

        fn each_lock(&self, visit: &dyn Fn(&Lock)) {
            visit(&self.lock);
        }

        fn commit_slots(&self, slots: Range<usize>) -> bool {
            if !self.refuses.get() {
                // Again, if another heap was refused.
                assert!(slots.start <= self.committed.get());
                self.committed.set(slots.end);
            }
            !self.refuses.get()
        }

        fn site_of(&self, _: NonNull<u8>) -> Option<Site> {
            None
        }
    }

    fn toys<const N: usize>() -> &'static [Toy; N] {
        let toy = || Toy {
            links: Links::new(),
            entries: core::array::from_fn(|_| Entry::default()),
            drained: RefCell::default(),
            lock: Lock::new(),
            committed: Cell::new(0),
            refuses: Cell::new(false),
        };
        Box::leak(Box::new(core::array::from_fn(|_| toy())))
    }

    fn join(registry: &Registry, toy: &'static Toy) -> bool {
        let member: &'static dyn Member = toy;
        // SAFETY: I8: leaked, so it stays for ever.
        unsafe { registry.join(NonNull::from(member)) }
    }

    #[test]
    fn no_slot_is_given_out_and_no_heap_joins_without_memory_for_it() {
        let registry = Registry { committed: Cell::new(2), ..Registry::new() };
        let toys = toys::<3>();
        let join = |toy: usize| join(&registry, &toys[toy]);
        let claim = || registry.claim_slot();
        let committed = || toys.each_ref().map(|toy| toy.committed.get());
        assert!(join(0) && join(1));
        assert_eq!((claim(), committed()), (Some(1), [2, 2, 0]));
        assert_eq!((claim(), committed()), (Some(2), [4, 4, 0]), "twice as many at once");
        toys[0].refuses.set(true);
        assert_eq!((claim(), claim(), committed()[0]), (Some(3), None, 4));
        toys[2].refuses.set(true);
        assert!(!join(2));
        toys.iter().for_each(|toy| toy.refuses.set(false));
        assert!(join(2));
        assert_eq!((claim(), committed()), (Some(4), [8; 3]));
        registry.committed.set(SLOTS - 1);
        toys.iter().for_each(|toy| toy.committed.set(SLOTS - 1));
        while claim().is_some() {}
        assert_eq!((registry.free.load(Ordering::Relaxed), committed()), (0, [SLOTS; 3]));
    }

    #[test]
    fn slots_are_given_out_lowest_first_and_each_to_one_thread() {
        let registry = Registry::new();
        let all: Vec<_> = core::iter::from_fn(|| registry.claim_slot()).collect();
        assert_eq!(all, (1..SLOTS).collect::<Vec<_>>());
        for slot in [SLOTS - 1, SLOTS / 2, 5] {
            registry.release_slot(slot);
        }
        assert_eq!([(); 4].map(|()| registry.claim_slot()), [Some(5), Some(SLOTS / 2), Some(SLOTS - 1), None]);
    }

    #[test]
    fn a_slot_is_drained_in_every_heap_that_its_thread_used_and_in_no_other() {
        let registry = Registry::new();
        let toys = toys::<4>();
        assert!(toys.iter().all(|toy| join(&registry, toy)));
        // From the middle, then the last to come, then the first, then the only one.
        for (round, leaves) in [1, 3, 0, 2].into_iter().enumerate() {
            let there = |toy: usize| ![1, 3, 0, 2][..round].contains(&toy);
            for unused in 0..4 {
                let slot = registry.claim_slot().unwrap();
                let used = |toy: usize| there(toy) && toy != unused;
                for toy in (0..4).filter(|&toy| used(toy)) {
                    registry.enlist(slot, &toys[toy].entries[slot], &toys[toy].links);
                }
                registry.release_kept(slot);
                registry.release_slot(slot);
                let drained: Vec<_> = toys.iter().map(|toy| toy.drained.take() == [slot, slot]).collect();
                assert_eq!(drained, (0..4).map(used).collect::<Vec<_>>());
                // Nothing is left on the list for the next one.
                registry.release_slot(registry.claim_slot().unwrap());
                assert!(toys.iter().all(|toy| toy.drained.borrow().is_empty()));
            }
            // It goes while a thread that used it is there, and one that used it before has gone.
            let slot = registry.claim_slot().unwrap();
            for toy in (0..4).filter(|&toy| there(toy)) {
                registry.enlist(slot, &toys[toy].entries[slot], &toys[toy].links);
            }
            registry.leave(&toys[leaves]);
            registry.release_slot(slot);
            let drained: Vec<_> = toys.iter().map(|toy| toy.drained.take() == [slot]).collect();
            assert_eq!(drained, (0..4).map(|toy| there(toy) && toy != leaves).collect::<Vec<_>>());
        }
    }

    /// However many heaps a thread used, its end takes the lock that all share once, and not while it drains one; its own once a heap.
    #[test]
    fn the_lock_is_free_while_a_heap_is_drained() {
        struct Watching(Links, Entry, &'static Registry, Cell<usize>);
        impl Member for Watching {
            fn links(&self) -> &Links {
                &self.0
            }
            fn drain(&self, _: usize) {
                assert!(!self.2.lock.is_held());
                self.3.set(self.3.get() + 1);
            }
            fn drain_kept(&self, slot: usize) {
                self.drain(slot);
            }
            fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
                visit(1, &self.1);
            }
            fn forked(&self, _: Option<usize>) {}
            fn each_lock(&self, _: &dyn Fn(&Lock)) {}
            fn site_of(&self, _: NonNull<u8>) -> Option<Site> {
                None
            }
        }
        let registry: &Registry = Box::leak(Box::new(Registry::new()));
        let heaps: &'static [Watching; 10] = Box::leak(Box::new(core::array::from_fn(|_| {
            Watching(Links::new(), Entry::default(), registry, Cell::new(0))
        })));
        for heap in heaps {
            let member: &'static dyn Member = heap;
            // SAFETY: I8: leaked, so it stays for ever.
            unsafe { registry.join(NonNull::from(member)) };
        }
        let slot = registry.claim_slot().unwrap();
        heaps.iter().for_each(|heap| registry.enlist(slot, &heap.1, &heap.0));
        let steps = count::begin();
        registry.release_slot(slot);
        // Its own to begin, for each heap, and to find that there is none left; and that of all.
        assert_eq!(steps.acquisitions.load(Ordering::Relaxed), 1 + 10 + 1 + 1);
        assert!(heaps.iter().all(|heap| heap.3.get() == 1));
    }

    #[test]
    fn a_forks_child_has_the_slots_of_the_threads_that_did_not_come_along() {
        let registry = Registry::new();
        let toys = toys::<2>();
        assert!(toys.iter().all(|toy| join(&registry, toy)));
        let slots: Vec<_> = core::iter::from_fn(|| registry.claim_slot()).collect();
        assert!(!registry.has_free_slots());
        for &slot in &slots {
            toys.iter().for_each(|toy| registry.enlist(slot, &toy.entries[slot], &toy.links));
        }
        // A heap's end is about to look for an entry in the list of a thread that has ended.
        registry.release_slot(3);
        toys.iter().for_each(|toy| drop(toy.drained.take()));
        registry.slots[3].lock.acquire();
        registry.before_fork();
        registry.in_child(Some(7));
        assert!(registry.has_free_slots());
        assert_eq!([(); 7].map(|()| registry.claim_slot()), [1, 2, 3, 4, 5, 6, 8].map(Some));
        // Its own heaps are still on its list, and no other's.
        registry.release_slot(8);
        assert!(toys.iter().all(|toy| toy.drained.borrow().is_empty()));
        registry.release_slot(7);
        assert!(toys.iter().all(|toy| toy.drained.take() == [7]));
        toys.iter().for_each(|toy| registry.leave(toy));
    }

    #[test]
    fn a_fork_finds_every_lock_taken() {
        let registry = Registry::new();
        let toys = toys::<2>();
        assert!(toys.iter().all(|toy| join(&registry, toy)));
        let slot = registry.claim_slot().unwrap();
        let of_slot = &registry.slots[slot].lock;
        let locks = || [&registry.building, &registry.lock, of_slot, &toys[0].lock, &toys[1].lock];
        registry.before_fork();
        assert_eq!(locks().map(Lock::is_held), [true; 5]);
        registry.after_fork();
        assert_eq!(locks().map(Lock::is_held), [false; 5]);
        registry.before_fork();
        registry.in_child(None);
        assert_eq!(locks().map(Lock::is_held), [false; 5]);
    }
}

/// Models: one slot to hand over, and heaps whose caches are loom cells that report a race.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    /// A heap with one cache, and a bucket that counts what came back.
    struct Toy {
        links: Links,
        entry: Entry,
        cache: UnsafeCell<usize>,
        bucket: crate::sync::AtomicUsize,
        released: UnsafeCell<bool>,
        lock: Lock,
    }

    impl Toy {
        fn new() -> Box<Self> {
            Box::new(Self {
                links: Links::new(),
                entry: Entry::default(),
                cache: UnsafeCell::new(0),
                bucket: crate::sync::AtomicUsize::new(0),
                released: UnsafeCell::new(false),
                lock: Lock::new(),
            })
        }

        /// The holder of the slot parks a block.
        fn park(&self) {
            // SAFETY: I5: only the slot's holder gets here, which the model checks.
            self.cache.with_mut(|cache| unsafe { *cache += 1 });
        }
    }

    impl Member for Toy {
        fn links(&self) -> &Links {
            &self.links
        }

        fn each_lock(&self, visit: &dyn Fn(&Lock)) {
            visit(&self.lock);
        }

        fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
            visit(1, &self.entry);
        }

        fn site_of(&self, _: NonNull<u8>) -> Option<Site> {
            None
        }

        fn drain(&self, slot: usize) {
            assert_eq!(slot, 1);
            // SAFETY: I8: a listed heap is not released, which the model checks.
            self.released.with(|released| assert!(!unsafe { *released }));
            // SAFETY: I5: the slot is ours, which the model checks.
            let parked = self.cache.with_mut(|cache| unsafe { core::mem::take(&mut *cache) });
            self.bucket.fetch_add(parked, crate::sync::Ordering::Relaxed);
        }

        fn drain_kept(&self, slot: usize) {
            self.drain(slot);
        }

        fn forked(&self, _: Option<usize>) {}
    }

    fn dyn_member(toy: &Toy) -> NonNull<dyn Member> {
        let member: *const dyn Member = core::ptr::from_ref(toy);
        // SAFETY: only makes the trait object's lifetime 'static; every model leaves before the toy goes.
        NonNull::new(unsafe { core::mem::transmute::<*const dyn Member, *mut (dyn Member + 'static)>(member) }).unwrap()
    }

    struct World {
        registry: Registry,
        heap: Box<Toy>,
    }

    // SAFETY: the cells of `Links` and `Entry` are used under the registry's locks only, which the model exercises.
    unsafe impl Sync for World {}
    // SAFETY: as for `Sync`.
    unsafe impl Send for World {}

    fn world() -> Arc<World> {
        let world = Arc::new(World { registry: Registry::new(), heap: Toy::new() });
        // SAFETY: every model calls `leave` before the world goes.
        unsafe { world.registry.join(dyn_member(&world.heap)) };
        world
    }

    /// A thread's life: claim the only slot if it is free, park a block, end.
    fn live(world: &World) -> usize {
        let Some(slot) = world.registry.claim_slot() else { return 0 };
        world.registry.enlist(slot, &world.heap.entry, &world.heap.links);
        world.heap.park();
        world.registry.release_slot(slot);
        1
    }

    #[test]
    fn loom_a_slot_handed_over_is_never_shared_and_loses_no_block() {
        model(|| {
            let world = world();
            let other = Arc::clone(&world);
            let thread = thread::spawn(move || live(&other));
            let parked = live(&world) + thread.join().unwrap();
            world.registry.leave(&*world.heap);
            assert_eq!(world.heap.bucket.load(crate::sync::Ordering::Relaxed), parked);
        });
    }

    #[test]
    fn loom_a_heap_that_ends_is_not_drained_afterwards() {
        model(|| {
            let world = world();
            let slot = world.registry.claim_slot().unwrap();
            world.registry.enlist(slot, &world.heap.entry, &world.heap.links);
            let other = Arc::clone(&world);
            let thread = thread::spawn(move || {
                // A second heap joins and leaves beside the first.
                let toy = Toy::new();
                // SAFETY: left below, before the toy goes.
                unsafe { other.registry.join(dyn_member(&toy)) };
                other.registry.leave(&*toy);
                other.registry.leave(&*other.heap);
                // SAFETY: I8: off the list, so nobody else looks any more, which the model checks.
                other.heap.released.with_mut(|released| unsafe { *released = true });
                other.heap.bucket.load(crate::sync::Ordering::Relaxed)
            });
            world.heap.park();
            world.registry.release_slot(slot);
            let came_back = thread.join().unwrap();
            assert_eq!(world.heap.bucket.load(crate::sync::Ordering::Relaxed), came_back, "drained afterwards");
        });
    }

    /// The heap that ends is the one that the thread's end comes to next.
    #[test]
    fn loom_a_heap_that_ends_hides_no_other_from_a_threads_end() {
        model(|| {
            let world = world();
            let last = Toy::new();
            // SAFETY: left below, before the toy goes.
            unsafe { world.registry.join(dyn_member(&last)) };
            let slot = world.registry.claim_slot().unwrap();
            for toy in [&last, &world.heap] {
                world.registry.enlist(slot, &toy.entry, &toy.links);
                toy.park();
            }
            let other = Arc::clone(&world);
            let thread = thread::spawn(move || {
                other.registry.leave(&*other.heap);
                // SAFETY: I8: off the list, so nobody else looks any more, which the model checks.
                other.heap.released.with_mut(|released| unsafe { *released = true });
            });
            world.registry.release_kept(slot);
            assert_eq!(last.bucket.load(crate::sync::Ordering::Relaxed), 1);
            thread.join().unwrap();
            world.registry.leave(&*last);
        });
    }
}
