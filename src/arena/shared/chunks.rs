//! The chunks of a shared arena: added once each, never moved, given back when the arena is dropped.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use super::state::State;
use crate::arena::error::GrowError;
use crate::arena::generation::Generation;
use crate::arena::place::{CHUNK_NUMBERS, MAX_CHUNKS, Place, slots_of};
use crate::arena::slot;
use crate::class::MAX_ALIGN;
use crate::heap::HeapRef;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// One cell. Shared: the state word says who may do what with the value.
pub(super) struct Slot<T> {
    pub(super) state: State,
    /// While the slot is in the vacant list: the head's word before it came there.
    pub(super) link: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// # Safety
    /// The slot is the caller's alone and has no value (G2).
    pub(super) unsafe fn write(&self, value: T) {
        // SAFETY: G2: the slot is the caller's alone, as it promises.
        unsafe { self.value.get().write(MaybeUninit::new(value)) };
    }

    /// # Safety
    /// The slot is the caller's alone and has a value, which is gone afterwards (G2).
    pub(super) unsafe fn read(&self) -> T {
        // SAFETY: G2: the slot is the caller's alone, as it promises, and initialised memory.
        let value = unsafe { self.value.get().read() };
        // SAFETY: G2: the caller says that there was a value.
        unsafe { value.assume_init() }
    }

    /// # Safety
    /// There is a value, and a guard is counted for as long as the reference lives (G3).
    pub(super) unsafe fn value(&self) -> &T {
        // SAFETY: G3: nobody writes to the slot while a guard is counted.
        let value = unsafe { &*self.value.get() };
        // SAFETY: G3: the caller says that there is a value.
        unsafe { value.assume_init_ref() }
    }

    /// # Safety
    /// There is a value, and the slot is the caller's alone for as long as the reference lives (G2).
    #[expect(clippy::mut_from_ref, reason = "the caller has the arena to itself")]
    pub(super) unsafe fn value_mut(&self) -> &mut T {
        // SAFETY: G2: the slot is the caller's alone, as it promises.
        let value = unsafe { &mut *self.value.get() };
        // SAFETY: G2: the caller says that there is a value.
        unsafe { value.assume_init_mut() }
    }
}

/// Shared. Drops no values.
pub(super) struct Chunks<T, H: HeapRef> {
    /// The first slot of each chunk; null while it is absent.
    first: [AtomicPtr<Slot<T>>; CHUNK_NUMBERS],
    heap: H,
}

impl<T, H: HeapRef> Chunks<T, H> {
    pub(super) const FIRST_BITS: u32 = slot::Slot::<T>::FIRST_BITS;
    const ALIGN_IS_SERVED: () =
        assert!(align_of::<T>() <= MAX_ALIGN, "an arena's values can be aligned to 4096 bytes at most");

    #[cfg(not(loom))]
    pub(super) const fn new(heap: H) -> Self {
        const { Self::ALIGN_IS_SERVED };
        Self { first: [const { AtomicPtr::new(core::ptr::null_mut()) }; CHUNK_NUMBERS], heap }
    }

    /// A model's atomics cannot be made at compile time.
    #[cfg(loom)]
    pub(super) fn new(heap: H) -> Self {
        const { Self::ALIGN_IS_SERVED };
        Self { first: core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut())), heap }
    }

    pub(super) const fn heap(&self) -> &H {
        &self.heap
    }

    /// The slot at `place`, if its chunk is present and has one there.
    #[inline]
    pub(super) fn slot(&self, place: Place) -> Option<&Slot<T>> {
        // Acquire pairs with the release of `add`: the chunk's slots are initialised.
        let first = self.first[place.chunk()].load(Ordering::Acquire);
        if first.is_null() || place.offset() >= slots_of(place.chunk(), Self::FIRST_BITS) {
            return None;
        }
        // SAFETY: G1: the chunk is present and has a slot with this offset.
        Some(unsafe { &*first.wrapping_add(place.offset() as usize) })
    }

    fn layout(chunk: usize) -> Option<Layout> {
        Layout::array::<Slot<T>>(slots_of(chunk, Self::FIRST_BITS) as usize).ok()
    }

    /// The error of an arena that has all its slots.
    pub(super) fn full() -> GrowError {
        let slots = (0..MAX_CHUNKS)
            .take_while(|&chunk| Self::layout(chunk).is_some())
            .map(|chunk| slots_of(chunk, Self::FIRST_BITS) as usize);
        GrowError::Full { value_size: size_of::<T>(), limit: slots.sum() }
    }

    /// Makes chunk `chunk` present, its slots vacant with this generation, unless another thread has done so.
    #[cold]
    #[inline(never)]
    pub(super) fn add(&self, chunk: usize, generation: Generation) -> Result<(), GrowError> {
        let layout = Self::layout(chunk).ok_or_else(Self::full)?;
        let block = self.heap.allocate(layout).map_err(|error| GrowError::Alloc { layout, error })?;
        let first = block.cast::<Slot<T>>();
        for offset in 0..slots_of(chunk, Self::FIRST_BITS) as usize {
            let slot = Slot {
                state: State::new(generation),
                link: AtomicU64::new(0),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            };
            // SAFETY: G1: the block has the layout of so many slots, and nobody else knows it yet.
            unsafe { first.as_ptr().wrapping_add(offset).write(slot) };
        }
        let absent = core::ptr::null_mut();
        // Release pairs with the acquire of `slot`. Relaxed on failure: the other thread's chunk is looked at by `slot`.
        if self.first[chunk].compare_exchange(absent, first.as_ptr(), Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: G1: the block is of this heap and layout, and was never a chunk.
            unsafe { self.heap.deallocate(block, layout) };
        }
        Ok(())
    }
}

impl<T, H: HeapRef> Drop for Chunks<T, H> {
    fn drop(&mut self) {
        for (chunk, first) in self.first.iter().enumerate() {
            // Relaxed: `&mut self` comes after whatever other threads did.
            let block = core::ptr::NonNull::new(first.load(Ordering::Relaxed).cast::<u8>());
            if let (Some(block), Some(layout)) = (block, Self::layout(chunk)) {
                // SAFETY: G1: the chunk is a block of this heap and layout, and forgotten from now on.
                unsafe { self.heap.deallocate(block, layout) };
            }
        }
    }
}
