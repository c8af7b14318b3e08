//! Which thread slots are taken, and which heaps are alive: what a thread's end and a heap's end must agree on.
//!
//! A thread claims a slot when it first needs a cache, and gives it up when it ends; in between, the cache in that slot of
//! every heap's table is its own (I5). A heap joins when it is built and leaves before it is released (I8). One lock
//! covers both, so that a thread never drains a heap that is gone and a heap is never released under a draining thread.

use core::cell::Cell;
use core::ptr::NonNull;

use super::fault::Site;
use super::lock::Lock;

/// Thread slots, slot 0 included, which no thread gets: how many threads can have caches at once, plus one.
pub(crate) const SLOTS: usize = if cfg!(loom) {
    2
} else if cfg!(miri) {
    16
} else {
    1024
};
const WORDS: usize = SLOTS.div_ceil(64);

/// What a heap shows the registry.
pub(crate) trait Member {
    /// Where the registry keeps its list's links. They belong to the registry's lock.
    fn links(&self) -> &Links;
    /// Empties and closes the cache in `slot`. Called under the registry's lock by the thread that holds the slot.
    fn drain(&self, slot: usize);
    /// As `drain`, but only what lies in the thread's own memory.
    fn drain_local(&self, slot: usize);
    /// This process is a fork's child, and only the thread with `slot`, if it has one, came along.
    fn forked(&self, slot: Option<usize>);
    /// Shows `visit` the locks of its own that a fork must hold as well, in the order in which they are taken.
    fn each_lock(&self, visit: &dyn Fn(&Lock));
    /// The block that `address` points into, if it lies in one of the spans.
    fn site_of(&self, address: NonNull<u8>) -> Option<Site>;
}

/// A member's place in the list of live heaps. Shared, under the registry's lock.
#[derive(Debug, Default)]
pub(crate) struct Links {
    next: Cell<Option<NonNull<dyn Member>>>,
    previous: Cell<Option<NonNull<dyn Member>>>,
}

/// Shared; the lock guards everything else.
pub(crate) struct Registry {
    /// Held while a static heap is built, which takes the other lock.
    pub(crate) building: Lock,
    pub(crate) lock: Lock,
    first: Cell<Option<NonNull<dyn Member>>>,
    taken: [Cell<u64>; WORDS],
}

// SAFETY: I8: every access to the cells is made under the lock, and members are themselves shared between threads.
unsafe impl Sync for Registry {}
// SAFETY: as for `Sync`.
unsafe impl Send for Registry {}

impl Registry {
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) const fn new() -> Self {
        Self { building: Lock::new(), lock: Lock::new(), first: Cell::new(None), taken: Self::none_taken() }
    }

    #[cfg(any(loom, shuttle))]
    pub(crate) fn new() -> Self {
        Self { building: Lock::new(), lock: Lock::new(), first: Cell::new(None), taken: Self::none_taken() }
    }

    /// Slot 0 counts as taken: it is what threads without a slot look at.
    const fn none_taken() -> [Cell<u64>; WORDS] {
        let mut words = [const { Cell::new(0) }; WORDS];
        words[0] = Cell::new(1);
        words
    }

    /// The lowest free thread slot; `None` when all are taken.
    pub(crate) fn claim_slot(&self) -> Option<usize> {
        self.lock.with(|| {
            let word = self.taken.iter().position(|word| word.get() != u64::MAX)?;
            let bit = self.taken[word].get().trailing_ones() as usize;
            let slot = word * 64 + bit;
            if slot >= SLOTS {
                return None;
            }
            self.taken[word].set(self.taken[word].get() | 1 << bit);
            Some(slot)
        })
    }

    /// Drains `slot` in every live heap and lets the next thread have it. Only the slot's holder calls this.
    pub(crate) fn release_slot(&self, slot: usize) {
        self.lock.with(|| {
            self.each(|member| member.drain(slot));
            self.taken[slot / 64].set(self.taken[slot / 64].get() & !(1 << (slot % 64)));
        });
    }

    /// Drains, in every live heap, what the ending thread that keeps `slot` has in its own memory.
    pub(crate) fn release_locals(&self, slot: usize) {
        self.lock.with(|| self.each(|member| member.drain_local(slot)));
    }

    /// Takes every lock there is, so that none is held by a thread that a fork leaves behind.
    pub(crate) fn before_fork(&self) {
        self.building.acquire();
        self.lock.acquire();
        self.each(|member| member.each_lock(&Lock::acquire));
    }

    /// Undoes `before_fork` in the parent.
    pub(crate) fn after_fork(&self) {
        self.each(|member| member.each_lock(&Lock::release));
        self.lock.release();
        self.building.release();
    }

    /// Undoes `before_fork` in the child. `slot` is that of its only thread.
    pub(crate) fn in_child(&self, slot: Option<usize>) {
        self.each(|member| {
            member.forked(slot);
            member.each_lock(&Lock::reset);
        });
        self.lock.reset();
        self.building.reset();
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

    /// Adds a heap to the list.
    ///
    /// # Safety
    /// `member` stays valid and in place until `leave` has returned.
    pub(crate) unsafe fn join(&self, member: NonNull<dyn Member>) {
        self.lock.with(|| {
            let first = self.first.get();
            // SAFETY: I10: the caller keeps it valid.
            let links = unsafe { member.as_ref() }.links();
            links.next.set(first);
            links.previous.set(None);
            if let Some(first) = first {
                // SAFETY: I8: listed members are valid.
                unsafe { first.as_ref() }.links().previous.set(Some(member));
            }
            self.first.set(Some(member));
        });
    }

    /// Takes a heap off the list, after which no thread's end touches it.
    pub(crate) fn leave(&self, member: &dyn Member) {
        self.lock.with(|| {
            let (previous, next) = (member.links().previous.get(), member.links().next.get());
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
    use core::cell::RefCell;

    /// A heap that writes down which slots were drained.
    struct Toy {
        links: Links,
        drained: RefCell<Vec<usize>>,
        lock: Lock,
    }

    impl Member for Toy {
        fn links(&self) -> &Links {
            &self.links
        }

        fn drain(&self, slot: usize) {
            self.drained.borrow_mut().push(slot);
        }

        fn drain_local(&self, _: usize) {}

        fn forked(&self, _: Option<usize>) {}

        fn each_lock(&self, visit: &dyn Fn(&Lock)) {
            visit(&self.lock);
        }

        fn site_of(&self, _: NonNull<u8>) -> Option<Site> {
            None
        }
    }

    fn toys<const N: usize>() -> &'static [Toy; N] {
        let toy = || Toy { links: Links::default(), drained: RefCell::default(), lock: Lock::new() };
        Box::leak(Box::new(core::array::from_fn(|_| toy())))
    }

    fn join(registry: &Registry, toy: &'static Toy) {
        let member: &'static dyn Member = toy;
        // SAFETY: I8: leaked, so it stays for ever.
        unsafe { registry.join(NonNull::from(member)) };
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
    fn a_slot_is_drained_in_every_listed_heap_and_in_no_other() {
        let registry = Registry::new();
        let toys = toys::<4>();
        toys.iter().for_each(|toy| join(&registry, toy));
        // From the middle, then the last to come, then the first, then the only one.
        for (round, leaves) in [1, 3, 0, 2].into_iter().enumerate() {
            let slot = registry.claim_slot().unwrap();
            registry.release_slot(slot);
            let listed: Vec<_> = toys.iter().map(|toy| toy.drained.take() == [slot]).collect();
            let expected: Vec<_> = (0..4).map(|toy| ![1, 3, 0, 2][..round].contains(&toy)).collect();
            assert_eq!(listed, expected);
            registry.leave(&toys[leaves]);
        }
        registry.release_slot(registry.claim_slot().unwrap());
        assert!(toys.iter().all(|toy| toy.drained.borrow().is_empty()));
    }

    #[test]
    fn a_fork_finds_every_lock_taken() {
        let registry = Registry::new();
        let toys = toys::<2>();
        toys.iter().for_each(|toy| join(&registry, toy));
        let locks = || [&registry.building, &registry.lock, &toys[0].lock, &toys[1].lock];
        registry.before_fork();
        assert_eq!(locks().map(Lock::is_held), [true; 4]);
        registry.after_fork();
        assert_eq!(locks().map(Lock::is_held), [false; 4]);
        registry.before_fork();
        registry.in_child(None);
        assert_eq!(locks().map(Lock::is_held), [false; 4]);
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
        cache: UnsafeCell<usize>,
        bucket: crate::sync::AtomicUsize,
        released: UnsafeCell<bool>,
        lock: Lock,
    }

    impl Toy {
        fn new() -> Box<Self> {
            Box::new(Self {
                links: Links::default(),
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

        fn drain_local(&self, _: usize) {}

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

    // SAFETY: the cells of `Links` are used under the registry's lock only, which the model exercises.
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
            });
            world.registry.release_slot(slot);
            thread.join().unwrap();
        });
    }
}
