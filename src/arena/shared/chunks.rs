//! The chunks of a shared arena, and its pieces: added once each, never moved, given back when the arena is dropped.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use super::state::State;
use crate::arena::{Generation, GrowError, HIGHEST_BITS, Pieces, Place, most_slots, slot, slots_before, slots_of};
use crate::heap::HeapRef;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, array_of, const_but_for_models};

/// One cell. Shared: the state word says who may do what with the value.
pub(super) struct Slot<T> {
    pub(super) state: State,
    /// While the slot is in the vacant list: the head's word before it came there.
    pub(super) link: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    fn new(generation: Generation) -> Self {
        Self { state: State::new(generation), link: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    fn place(&self) -> *mut T {
        self.value.get().cast()
    }

    /// # Safety
    /// The slot is the caller's alone and has no value (G2).
    pub(super) unsafe fn write(&self, value: T) {
        // SAFETY: G2: the slot is the caller's alone, as it promises.
        unsafe { self.place().write(value) };
    }

    /// # Safety
    /// The slot is the caller's alone and has a value, which is gone afterwards (G2).
    pub(super) unsafe fn read(&self) -> T {
        // SAFETY: G2: the slot is the caller's alone and has a value, as it promises.
        unsafe { self.place().read() }
    }

    /// Drops the value where it lies: there may be no room for it on the stack.
    ///
    /// # Safety
    /// As [`read`](Self::read).
    pub(super) unsafe fn discard(&self) {
        // SAFETY: G2: the slot is the caller's alone and has a value, as it promises.
        unsafe { self.place().drop_in_place() };
    }

    /// # Safety
    /// There is a value, and a guard is counted for as long as the reference lives (G3).
    pub(super) unsafe fn value(&self) -> &T {
        // SAFETY: G3: there is a value, as the caller says, and nobody writes to the slot while a guard is counted.
        unsafe { &*self.place() }
    }

    /// # Safety
    /// There is a value, and the slot is the caller's alone for as long as the reference lives (G2).
    #[expect(clippy::mut_from_ref, reason = "the caller has the arena to itself")]
    pub(super) unsafe fn value_mut(&self) -> &mut T {
        // SAFETY: G2: the slot is the caller's alone and has a value, as it promises.
        unsafe { &mut *self.place() }
    }
}

/// Shared. Drops no values.
pub(super) struct Chunks<T, H: HeapRef> {
    /// The first slot of each chunk, by the highest bits of their places; null while it is absent.
    first: [AtomicPtr<Slot<T>>; HIGHEST_BITS],
    pieces: Pieces<Slot<T>>,
    heap: H,
}

impl<T, H: HeapRef> Chunks<T, H> {
    pub(super) const FIRST_BITS: u32 = slot::Slot::<T>::FIRST_BITS;

    const_but_for_models! {
        pub(super) fn new(heap: H) -> Self {
            const { slot::Slot::<T>::ALIGN_IS_SERVED };
            Self { first: array_of![AtomicPtr::new(null_mut()); HIGHEST_BITS], pieces: Pieces::new(), heap }
        }
    }

    pub(super) const fn heap(&self) -> &H {
        &self.heap
    }

    /// The slot at `place`, if its chunk is present and has one there.
    #[inline]
    pub(super) fn slot(&self, place: Place) -> Option<&Slot<T>> {
        // Acquire pairs with the release of `add`: the chunk's slots are initialised.
        let first = self.first[place.highest_bit()].load(Ordering::Acquire);
        if first.is_null() {
            return self.far(place);
        }
        // SAFETY: G1: the chunk is present and has a slot with this offset, by A7.
        Some(unsafe { &*first.wrapping_add(place.offset() as usize) })
    }

    /// The slot at `place`, if it is in a piece.
    #[cold]
    #[inline(never)]
    fn far(&self, place: Place) -> Option<&Slot<T>> {
        let found = self.pieces.find(place.number(Self::FIRST_BITS))?;
        // SAFETY: G1: the piece is there, and its slots are initialised.
        Some(unsafe { &*found.slot })
    }

    fn layout(chunk: usize) -> Option<Layout> {
        Layout::array::<Slot<T>>(slots_of(chunk, Self::FIRST_BITS) as usize).ok()
    }

    fn limit() -> usize {
        most_slots(Self::FIRST_BITS, |chunk| Self::layout(chunk).is_some())
    }

    /// The error of an arena that has all its slots.
    pub(super) fn full() -> GrowError {
        let limit = Self::limit();
        GrowError::Full { wanted: limit + 1, value_size: size_of::<T>(), limit }
    }

    /// Gives memory to the slots from `place` on, which is the first that has none; they are vacant, with this generation. One thread
    /// at a time does so.
    ///
    /// That is a chunk; or, once the heap has no block for one, a piece.
    pub(super) fn add(&self, place: Place, generation: Generation) -> Result<(), GrowError> {
        if self.pieces.slots_of_last().is_some() {
            return self.add_piece(place, generation, Self::full());
        }
        self.add_chunk(place.chunk(Self::FIRST_BITS), generation)
            .or_else(|error| self.add_piece(place, generation, error))
    }

    fn add_chunk(&self, chunk: usize, generation: Generation) -> Result<(), GrowError> {
        let layout = Self::layout(chunk).ok_or_else(Self::full)?;
        let wanted = slots_before(chunk, Self::FIRST_BITS) as usize + 1;
        let value_size = size_of::<T>();
        let block =
            self.heap.allocate(layout).map_err(|error| GrowError::Alloc { wanted, value_size, layout, error })?;
        let first = block.cast::<Slot<T>>();
        for offset in 0..slots_of(chunk, Self::FIRST_BITS) as usize {
            // SAFETY: G1: the block has the layout of so many slots, and nobody else knows it yet.
            unsafe { first.as_ptr().wrapping_add(offset).write(Slot::new(generation)) };
        }
        // Release pairs with the acquire of `slot`.
        self.first[chunk + Self::FIRST_BITS as usize].store(first.as_ptr(), Ordering::Release);
        Ok(())
    }

    /// `error` is why it is no chunk.
    fn add_piece(&self, place: Place, generation: Generation, error: GrowError) -> Result<(), GrowError> {
        let backed = place.number(Self::FIRST_BITS);
        let added = self.pieces.add(&self.heap, backed, Self::limit(), error, |slot| {
            // SAFETY: G1: the slot lies in a block that nobody else knows yet.
            unsafe { slot.write(Slot::new(generation)) };
        });
        added.map(drop)
    }
}

impl<T, H: HeapRef> Drop for Chunks<T, H> {
    fn drop(&mut self) {
        for (chunk, first) in self.first.iter().skip(Self::FIRST_BITS as usize).enumerate() {
            // Relaxed: `&mut self` comes after whatever other threads did.
            let block = core::ptr::NonNull::new(first.load(Ordering::Relaxed).cast::<u8>());
            if let (Some(block), Some(layout)) = (block, Self::layout(chunk)) {
                // SAFETY: G1: the chunk is a block of this heap and layout, and forgotten from now on.
                unsafe { self.heap.deallocate(block, layout) };
            }
        }
        self.pieces.clear(&self.heap);
    }
}
