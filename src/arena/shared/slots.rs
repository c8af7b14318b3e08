//! The slots of a shared arena: how one becomes a thread's own to put a value in, and vacant again. Models at its foot.
//!
//! Vacant slots are a stack. Its head is the place of the slot on top, together with that slot's generation; a slot keeps
//! the head that it covered. A thread that pops reads the covered head and exchanges it for the head it saw. Could the same
//! head come back in between, with another one below? No: a slot that was popped has a value before it is pushed again,
//! hence a higher generation, and generations never come back (G4).

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::aside::Aside;
use super::book::Book;
use super::chunks::{Chunks, Slot};
use crate::arena::{Generation, GrowError, Handle, OnDrop, Place, drop_all};
use crate::heap::HeapRef;
use crate::sync::{AtomicU32, AtomicU64, Mutex, Ordering, Word, const_but_for_models, lock};

/// The head of an empty stack.
pub(super) const NONE: u64 = head(Place::NONE, Generation::FRESH);

pub(super) const fn head(place: Place, generation: Generation) -> u64 {
    (place.bits() as u64) << 32 | generation.get() as u64
}

pub(super) const fn top_of(head: u64) -> Place {
    Place::from_bits((head >> 32) as u32)
}

/// Shared, lock-free.
pub(super) struct Slots<T, H: HeapRef> {
    chunks: Chunks<T, H>,
    /// The head of the stack of vacant slots.
    vacant: AtomicU64,
    /// The number of the first slot that never had an owner.
    opened: AtomicU32,
    /// Values that were not removed, and readings.
    pub(super) book: Book,
    /// What waits for readings to end, and the number that changes when somebody may have waited long enough.
    pub(super) aside: Mutex<Aside>,
    pub(super) woken: Word,
    /// The generation slots begin with. Held by the one thread that adds a chunk: so the heap is asked once for each,
    /// and whoever comes meanwhile waits for that chunk instead of being refused the block that it is made of.
    growing: Mutex<Option<Generation>>,
    /// Not `Sync` by itself.
    values: PhantomData<UnsafeCell<T>>,
}

impl<T, H: HeapRef> Slots<T, H> {
    const_but_for_models! {
        pub(super) fn new(heap: H) -> Self {
            Self {
                chunks: Chunks::new(heap),
                vacant: AtomicU64::new(NONE),
                opened: AtomicU32::new(0),
                book: Book::new(),
                aside: Mutex::new(Aside::NOTHING),
                woken: Word::new(0),
                growing: Mutex::new(None),
                values: PhantomData,
            }
        }
    }

    pub(super) const fn heap(&self) -> &H {
        self.chunks.heap()
    }

    /// How many slots had an owner at some time.
    pub(super) fn opened(&self) -> u32 {
        // Relaxed: a count that others change meanwhile is stale anyway.
        self.opened.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn slot(&self, place: Place) -> Option<&Slot<T>> {
        self.chunks.slot(place)
    }

    pub(super) fn place_of(number: u32) -> Option<Place> {
        Place::of_number(number, Chunks::<T, H>::FIRST_BITS)
    }

    /// Puts a value into a vacant slot, or into a new one. Gives it back if there is none.
    pub(super) fn insert(&self, value: T) -> Result<Handle<T>, (T, GrowError)> {
        let (place, slot) = match self.vacancy() {
            Ok(vacancy) => vacancy,
            Err(error) => return Err((value, error)),
        };
        let generation = slot.state.generation().next();
        // SAFETY: G2: the slot has just become this thread's own, and has no value.
        unsafe { slot.write(value) };
        self.book.came();
        slot.state.publish(generation, 0);
        Ok(Handle::new(place, generation))
    }

    /// Puts the value that `make` returns into a slot that it is told the handle of. It has so many guards from the beginning.
    pub(super) fn insert_with(
        &self,
        guards: u32,
        make: impl FnOnce(Handle<T>) -> T,
    ) -> Result<(&Slot<T>, Handle<T>), GrowError> {
        let (place, slot) = self.vacancy()?;
        let handle = Handle::new(place, slot.state.generation().next());
        // If `make` panics, the slot is given up. Its handle is known by then: it is as if its value had come and gone.
        let unused = OnDrop::new(|| self.pass_on(slot, handle));
        let value = make(handle);
        // `make` has returned: the slot is used, and must not be given up.
        let _ = ManuallyDrop::new(unused);
        // SAFETY: G2: the slot is this thread's own since it was taken, and has no value.
        unsafe { slot.write(value) };
        self.book.came();
        slot.state.publish(handle.generation_of_slot(), guards);
        Ok((slot, handle))
    }

    /// Moves the value out that `handle` named, and makes its slot vacant, or retires it.
    ///
    /// # Safety
    /// `slot` is the handle's, is the caller's alone, and has the handle's value (G2).
    pub(super) unsafe fn vacate(&self, slot: &Slot<T>, handle: Handle<T>) -> T {
        // SAFETY: G2: the slot is the caller's alone and has a value.
        let value = unsafe { slot.read() };
        self.pass_on(slot, handle);
        value
    }

    /// Makes the slot vacant that `handle` named, and that is the caller's alone, or retires it.
    fn pass_on(&self, slot: &Slot<T>, handle: Handle<T>) {
        let generation = handle.generation_of_slot().next();
        slot.state.vacate(generation);
        if generation != Generation::RETIRED {
            self.push(handle.place(), generation, slot);
        }
    }

    /// A slot for a value, which is this thread's alone until it is published.
    fn vacancy(&self) -> Result<(Place, &Slot<T>), GrowError> {
        if let Some(vacant) = self.pop() {
            return Ok(vacant);
        }
        // A refusal must be true: while this thread asked for a chunk, others may have made slots vacant.
        self.open().or_else(|error| self.pop().ok_or(error))
    }

    /// Takes the top of the stack.
    fn pop(&self) -> Option<(Place, &Slot<T>)> {
        // Acquire pairs with `push`: the slot's link, and all that its last owner did.
        let mut seen = self.vacant.load(Ordering::Acquire);
        loop {
            let place = top_of(seen);
            if place == Place::NONE {
                return None;
            }
            let slot = self.slot(place)?;
            // Relaxed: if another thread has this slot by now, the exchange fails.
            let below = slot.link.load(Ordering::Relaxed);
            // Acquire on failure as above; on success nothing new is seen.
            match self.vacant.compare_exchange_weak(seen, below, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some((place, slot)),
                Err(now) => seen = now,
            }
        }
    }

    /// Puts a slot that is the caller's alone on top of the stack.
    fn push(&self, place: Place, generation: Generation, slot: &Slot<T>) {
        // Relaxed: only a first guess, the exchange below decides.
        let mut seen = self.vacant.load(Ordering::Relaxed);
        loop {
            // Relaxed: released by the exchange.
            slot.link.store(seen, Ordering::Relaxed);
            // Release pairs with `pop`. Exchanges by others later on do not break its release sequence.
            match self.vacant.compare_exchange_weak(seen, head(place, generation), Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Takes a slot that never had an owner.
    fn open(&self) -> Result<(Place, &Slot<T>), GrowError> {
        // Relaxed, here and below: the number only divides the slots among threads; `Chunks` publishes them.
        let mut seen = self.opened.load(Ordering::Relaxed);
        loop {
            let place = Self::place_of(seen).ok_or_else(Chunks::<T, H>::full)?;
            let Some(slot) = self.slot(place) else {
                self.grow(place)?;
                continue;
            };
            match self.opened.compare_exchange_weak(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok((place, slot)),
                Err(now) => seen = now,
            }
        }
    }

    /// Adds the chunk or piece with `place`, unless another thread has done so before this one's turn came.
    #[cold]
    #[inline(never)]
    fn grow(&self, place: Place) -> Result<(), GrowError> {
        let mut growing = lock(&self.growing);
        if self.slot(place).is_some() {
            return Ok(());
        }
        self.chunks.add(place, *growing.get_or_insert_with(Generation::first_of_arena))
    }

    /// Drops the values from slot number `next` on, which is behind each when it is dropped.
    fn drop_values(&self, next: &mut u32) {
        while *next < self.opened() {
            let slot = Self::place_of(*next).and_then(|place| self.slot(place));
            *next += 1;
            if let Some(slot) = slot.filter(|slot| slot.state.generation().is_occupied()) {
                // SAFETY: G2: only `drop` calls this: no other thread and no guard uses the slot any more, its
                // odd generation says that there is a value, and `next` is already behind it.
                unsafe { slot.discard() };
            }
        }
    }
}

impl<T, H: HeapRef> Drop for Slots<T, H> {
    fn drop(&mut self) {
        let mut next = 0;
        drop_all(|| {
            // By its generation such a slot may be vacant, so they come first.
            self.free_all_aside();
            self.drop_values(&mut next);
        });
    }
}

// SAFETY: G2, G3: values move in and out through `&Slots` (hence `T: Send`) and are read by several threads (`T: Sync`);
// each as the slot's state allows.
unsafe impl<T: Send + Sync, H: HeapRef + Sync> Sync for Slots<T, H> {}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use crate::arena::generation::Generation;
    use crate::arena::{Handle, SharedArena};

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let arena = SharedArena::new();
        let first = arena.insert(1);
        arena.remove(first);
        // As if it had had all its values but one.
        let slot = arena.slots.slot(first.place()).unwrap();
        slot.state.vacate(Generation::RETIRED.previous().previous());
        let last = arena.insert(2);
        assert_eq!((last.place(), last.generation_of_slot()), (first.place(), Generation::RETIRED.previous()));
        assert!(arena.remove(last));
        assert_ne!(arena.insert(3).place(), first.place());
        assert!(!arena.contains(last) && !arena.contains(Handle::new(first.place(), Generation::NEVER)));
    }
}

/// Models: the first chunk has one slot or two, so that reuse and growth come soon.
#[cfg(all(test, loom))]
mod models {
    use core::alloc::Layout;
    use core::ptr::NonNull;

    use super::Slot;
    use crate::arena::SharedArena;
    use crate::arena::handle::Handle;
    use crate::class::{Geometric, SizeClasses, SizeTable, Table};
    use crate::error::AllocError;
    use crate::heap::{HeapRef, ShareCount};
    use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, UnsafeCell, model, thread};

    /// The system allocator: the kernel has models of its own.
    #[derive(Clone)]
    struct System;

    // SAFETY: blocks of the system allocator, which no chunk of size 0 is asked of.
    unsafe impl HeapRef for System {
        type Classes = Geometric<40>;

        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            // SAFETY: a chunk is never empty: its slots have a state.
            Ok(NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap())
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { std::alloc::dealloc(block.as_ptr(), layout) };
        }

        unsafe fn reallocate(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
            unreachable!("chunks never move")
        }

        unsafe fn share_count(&self, _: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
            unreachable!("chunks are not shared")
        }
    }

    /// A value whose content loom watches: a reader beside its drop or its making is a race.
    struct Watched {
        content: UnsafeCell<usize>,
        drops: Arc<AtomicUsize>,
    }

    impl Watched {
        fn new(content: usize, drops: &Arc<AtomicUsize>) -> Self {
            let value = Self { content: UnsafeCell::new(0), drops: Arc::clone(drops) };
            // SAFETY: the value is this thread's.
            value.content.with_mut(|place| unsafe { *place = content });
            value
        }

        fn read(&self) -> usize {
            // SAFETY: G3: that nobody writes meanwhile is what the model checks.
            self.content.with(|place| unsafe { *place })
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            // SAFETY: G2: that nobody reads meanwhile is what the model checks.
            self.content.with_mut(|place| unsafe { *place = usize::MAX });
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    // SAFETY: the cell is read through guards only, and written by the owner.
    unsafe impl Sync for Watched {}

    /// As the system, but with one block for each chunk, and the block of a chunk that another thread is about to add is taken.
    #[derive(Clone)]
    struct Scarce(Arc<Mutex<Vec<usize>>>);

    // SAFETY: as above.
    unsafe impl HeapRef for Scarce {
        type Classes = Geometric<40>;

        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            let mut taken = self.0.lock().unwrap();
            if taken.contains(&layout.size()) {
                return Err(AllocError::NoBucket { heap: "scarce", size: layout.size(), align: layout.align() });
            }
            taken.push(layout.size());
            System.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { System.deallocate(block, layout) };
        }

        unsafe fn reallocate(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
            unreachable!("chunks never move")
        }

        unsafe fn share_count(&self, _: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
            unreachable!("chunks are not shared")
        }
    }

    #[test]
    fn loom_nobody_is_refused_a_chunk_that_another_thread_adds() {
        model(|| {
            let taken = Arc::new(Mutex::new(Vec::new()));
            let arena = Arc::new(SharedArena::new_in(Scarce(Arc::clone(&taken))));
            let other = Arc::clone(&arena);
            // Three slots in two chunks: one of the threads comes to each when it is missing.
            let thread = thread::spawn(move || other.try_insert([1_u64; 4]).is_ok());
            assert!(arena.try_insert([2; 4]).is_ok() && arena.try_insert([3; 4]).is_ok());
            assert!(thread.join().unwrap());
            // And nobody had to go on in pieces.
            assert_eq!((arena.len(), taken.lock().unwrap().len()), (3, 2));
        });
    }

    type Value = [u64; 4];

    /// Pieces of one slot, so that the tree soon grows.
    #[derive(Clone, Copy)]
    struct Single;

    impl SizeTable for Single {
        const TABLE: Table = Table::listed(&[size_of::<Slot<Value>>().next_multiple_of(16)]);
    }

    /// As the system, but it refuses the first block, which would be a chunk.
    #[derive(Clone)]
    struct Refusing(Arc<Mutex<bool>>);

    // SAFETY: as above.
    unsafe impl HeapRef for Refusing {
        type Classes = Single;

        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            if !core::mem::replace(&mut *self.0.lock().unwrap(), true) {
                return Err(AllocError::NoBucket { heap: "scarce", size: layout.size(), align: layout.align() });
            }
            System.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { System.deallocate(block, layout) };
        }

        unsafe fn reallocate(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
            unreachable!("pieces never move")
        }

        unsafe fn share_count(&self, _: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
            unreachable!("pieces are not shared")
        }
    }

    /// Who looks a value up while its tree grows finds it, or nothing.
    #[test]
    fn loom_a_slot_in_a_piece_is_found_while_others_are_added() {
        model(|| {
            let arena = Arc::new(SharedArena::new_in(Refusing(Arc::new(Mutex::new(false)))));
            let first = arena.insert([1_u64; 4]);
            // The uppermost node is full: with the next one the tree grows.
            let children = 1 << (Single::LARGEST / size_of::<crate::sync::AtomicPtr<u8>>()).ilog2();
            (1..children).for_each(|_| drop(arena.insert([1; 4])));
            let wire = Arc::new(crate::sync::AtomicU64::new(first.to_bits()));
            let (other, sender) = (Arc::clone(&arena), Arc::clone(&wire));
            let thread = thread::spawn(move || {
                sender.store(other.insert([2; 4]).to_bits(), Ordering::Relaxed);
            });
            assert_eq!(*arena.get(first).unwrap(), [1; 4]);
            let found = Handle::from_bits(wire.load(Ordering::Relaxed));
            if let Some(value) = found.and_then(|handle| arena.get(handle)) {
                assert!((1..=2).contains(&value[0]));
            }
            thread.join().unwrap();
            assert_eq!(arena.len(), children + 1);
        });
    }

    fn arena() -> (Arc<SharedArena<Watched, System>>, Arc<AtomicUsize>) {
        (Arc::new(SharedArena::new_in(System)), Arc::new(AtomicUsize::new(0)))
    }

    #[test]
    fn loom_the_last_guard_drops_a_removed_value_once() {
        model(|| {
            let (arena, drops) = arena();
            let handle = arena.insert(Watched::new(7, &drops));
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let arena = Arc::clone(&arena);
                    thread::spawn(move || {
                        if let Some(value) = arena.get(handle) {
                            assert_eq!(value.read(), 7);
                        }
                    })
                })
                .collect();
            assert!(arena.remove(handle));
            assert!(arena.get(handle).is_none());
            for reader in readers {
                reader.join().unwrap();
            }
            assert_eq!(drops.load(Ordering::Relaxed), 1);
            drop(arena);
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn loom_one_of_two_removers_gets_the_value() {
        model(|| {
            let (arena, drops) = arena();
            let handle = arena.insert(Watched::new(7, &drops));
            let other = Arc::clone(&arena);
            let remover = thread::spawn(move || other.remove(handle));
            let taken = arena.take(handle).map(|value| value.read());
            assert!(remover.join().unwrap() != taken.is_some());
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (1, 0));
        });
    }

    #[test]
    fn loom_a_reused_slot_is_one_threads_and_a_stale_handle_finds_nothing() {
        model(|| {
            let (arena, drops) = arena();
            let stale = arena.insert(Watched::new(1, &drops));
            let other = Arc::clone(&arena);
            let (count, reader) = (Arc::clone(&drops), Arc::clone(&arena));
            let inserter = thread::spawn(move || other.insert(Watched::new(2, &count)));
            let reader = thread::spawn(move || reader.get(stale).map(|value| assert_eq!(value.read(), 1)));
            arena.remove(stale);
            let mine = arena.insert(Watched::new(3, &drops));
            let theirs = inserter.join().unwrap();
            reader.join().unwrap();
            assert_eq!(arena.get(mine).unwrap().read(), 3);
            assert_eq!(arena.get(theirs).unwrap().read(), 2);
            assert!(mine != theirs && arena.get(stale).is_none());
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (1, 2));
        });
    }

    /// A slot is popped, filled, removed and pushed again while another thread pops: the head must not be taken for the old.
    #[test]
    fn loom_a_slot_that_comes_back_on_top_is_not_mistaken() {
        model(|| {
            let (arena, drops) = arena();
            let [a, b] = [1, 2].map(|content| arena.insert(Watched::new(content, &drops)));
            assert!(arena.remove(a) && arena.remove(b));
            let (other, count) = (Arc::clone(&arena), Arc::clone(&drops));
            let thread = thread::spawn(move || other.insert(Watched::new(3, &count)));
            let [c, d] = [4, 5].map(|content| arena.insert(Watched::new(content, &drops)));
            arena.remove(c);
            let e = thread.join().unwrap();
            let f = arena.insert(Watched::new(6, &drops));
            assert_eq!([d, e, f].map(|handle| arena.get(handle).unwrap().read()), [5, 3, 6]);
        });
    }

    /// A handle says where its value is and nothing else: finding the value must be enough to see it.
    #[test]
    fn loom_a_handle_that_travels_alone_finds_its_value() {
        model(|| {
            let (arena, drops) = arena();
            // The slot is there, or who finds the chunk would find its first value by that alone.
            assert!(arena.remove(arena.insert(Watched::new(1, &drops))));
            let wire = Arc::new(crate::sync::AtomicU64::new(0));
            let (other, count, sender) = (Arc::clone(&arena), Arc::clone(&drops), Arc::clone(&wire));
            let thread = thread::spawn(move || {
                let handle = other.insert(Watched::new(7, &count));
                sender.store(handle.to_bits(), Ordering::Relaxed);
            });
            let found = Handle::from_bits(wire.load(Ordering::Relaxed));
            if let Some(value) = found.and_then(|handle| arena.get(handle)) {
                assert_eq!(value.read(), 7);
            }
            thread.join().unwrap();
        });
    }

    /// Either the removal waits for the reading, or the reading finds nothing; the slot is not used again meanwhile.
    #[test]
    fn loom_a_reading_keeps_what_it_finds() {
        model(|| {
            let (arena, drops) = arena();
            let handle = arena.insert(Watched::new(7, &drops));
            let other = Arc::clone(&arena);
            let reader = thread::spawn(move || {
                let reading = other.reading();
                if let Some(value) = reading.get(handle) {
                    assert_eq!(value.read(), 7);
                }
            });
            assert!(arena.remove(handle));
            let next = arena.insert(Watched::new(8, &drops));
            reader.join().unwrap();
            assert_eq!(arena.get(next).map(|value| value.read()), Some(8));
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (1, 1));
        });
    }

    /// The last guard of a removed value asks for readings, too.
    #[test]
    fn loom_the_last_guard_leaves_a_value_to_a_reading() {
        model(|| {
            let (arena, drops) = arena();
            let handle = arena.insert(Watched::new(7, &drops));
            let guard = arena.get(handle).unwrap();
            let (other, remover) = (Arc::clone(&arena), Arc::clone(&arena));
            let reader = thread::spawn(move || {
                let reading = other.reading();
                if let Some(value) = reading.get(handle) {
                    assert_eq!(value.read(), 7);
                }
            });
            let remover = thread::spawn(move || assert!(remover.remove(handle)));
            drop(guard);
            reader.join().unwrap();
            remover.join().unwrap();
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (1, 0));
        });
    }

    /// Readings overlap: what is removed in between goes with a turn, and not with one too early.
    #[test]
    fn loom_a_turn_waits_for_the_readings_before_it() {
        model(|| {
            let (arena, drops) = arena();
            let [a, b] = [1, 2].map(|content| arena.insert(Watched::new(content, &drops)));
            let first = arena.reading();
            assert!(arena.remove(a));
            let other = Arc::clone(&arena);
            let reader = thread::spawn(move || {
                let reading = other.reading();
                assert!(reading.get(a).is_none());
                if let Some(value) = reading.get(b) {
                    assert_eq!(value.read(), 2);
                }
            });
            assert!(arena.remove(b));
            drop(first);
            reader.join().unwrap();
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (2, 0));
        });
    }

    /// A thread that wants a value sleeps until guard and reading are gone.
    #[test]
    fn loom_who_waits_for_a_withdrawn_value_is_woken_and_has_it_alone() {
        model(|| {
            let (arena, drops) = arena();
            let handle = arena.insert(Watched::new(7, &drops));
            let guard = arena.get(handle).unwrap();
            let other = Arc::clone(&arena);
            let reader = thread::spawn(move || {
                let reading = other.reading();
                if let Some(value) = reading.get(handle) {
                    assert_eq!(value.read(), 7);
                }
            });
            let waiter = Arc::clone(&arena);
            let waiter = thread::spawn(move || waiter.withdraw(handle).unwrap().wait().read());
            assert_eq!(guard.read(), 7);
            drop(guard);
            reader.join().unwrap();
            assert_eq!(waiter.join().unwrap(), 7);
            assert_eq!((drops.load(Ordering::Relaxed), arena.len()), (1, 0));
        });
    }
}
