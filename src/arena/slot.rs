//! One slot: a generation, and beside it the value or, while there is none, a link of the vacant list.

use core::mem::{ManuallyDrop, offset_of};

use super::{Generation, Place};
use crate::class::MAX_ALIGN;
use crate::derived::copy;

/// About how many bytes the first chunk of an arena has. Small, so that many small arenas cost little.
/// Models want few slots.
const FIRST_CHUNK_BYTES: usize = if cfg!(loom) { 32 } else { 1024 };

/// Whether [`SlotPtr::prefetch`] does anything.
pub(crate) const PREFETCHES: bool = cfg!(all(target_arch = "x86_64", not(miri)));

/// Generation and value lie side by side: a look-up that compares the one has fetched the other.
#[repr(C)]
pub(crate) struct Slot<T> {
    generation: Generation,
    body: Body<T>,
}

#[repr(C)]
union Body<T> {
    value: ManuallyDrop<T>,
    link: Place,
}

impl<T> Slot<T> {
    /// The first chunk has `1 << FIRST_BITS` slots: one to 64 of them.
    pub(crate) const FIRST_BITS: u32 = {
        let slots = FIRST_CHUNK_BYTES / size_of::<Self>();
        match slots.checked_ilog2() {
            None => 0,
            Some(bits) if bits < 6 => bits,
            Some(_) => 6,
        }
    };

    /// Named by whatever makes an arena: a program with values aligned to more does not build.
    pub(crate) const ALIGN_IS_SERVED: () =
        assert!(align_of::<T>() <= MAX_ALIGN, "an arena's values can be aligned to 4096 bytes at most");
}

/// Where a slot is. A mere address: what may be done with it is each function's contract.
pub(crate) struct SlotPtr<T>(*const Slot<T>);

copy! { [T] SlotPtr<T> }

impl<T> SlotPtr<T> {
    pub(crate) const NULL: Self = Self(core::ptr::null());

    #[inline]
    pub(crate) const fn new(address: *const Slot<T>) -> Self {
        Self(address)
    }

    /// The slot `count` further on.
    #[inline]
    pub(crate) const fn add(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count as usize))
    }

    /// The address `count` slots before, which need not be one of a slot.
    pub(crate) const fn sub(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count as usize))
    }

    /// Has the slot's memory fetched into the cache, for who reads it soon.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: A1: it is a chunk's memory, and even if it were none: it is neither read nor changed.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(self.0.cast());
        }
    }

    /// The address as that of a chunk's block, for the first slot of one.
    pub(crate) const fn block(self) -> *mut u8 {
        self.0.cast::<u8>().cast_mut()
    }

    /// Where the value is, or would be.
    #[inline]
    pub(crate) const fn value(self) -> *mut T {
        self.0.wrapping_byte_add(offset_of!(Slot<T>, body)).cast::<T>().cast_mut()
    }

    /// The value. In a look-up this is shorter than `&*value()`: the compiler sees that the reference is not null.
    ///
    /// # Safety
    /// The slot is occupied (A3), and stays so, without the value being changed, for 'a.
    #[inline]
    pub(crate) const unsafe fn value_ref<'a>(self) -> &'a T {
        // SAFETY: A1: the slot lies in a block, so its body does.
        let body = unsafe { &raw const (*self.0).body };
        // SAFETY: A3: the body of an occupied slot is a value; the caller keeps it there.
        unsafe { &*body.cast::<T>() }
    }

    /// The value, mutable; as `value_ref`.
    ///
    /// # Safety
    /// The slot is occupied (A3), and nobody else uses it for 'a.
    #[inline]
    pub(crate) const unsafe fn value_mut<'a>(self) -> &'a mut T {
        // SAFETY: A1: the slot lies in a block, so its body does.
        let body = unsafe { &raw mut (*self.0.cast_mut()).body };
        // SAFETY: A3: the body of an occupied slot is a value; the caller is alone with it.
        unsafe { &mut *body.cast::<T>() }
    }

    #[inline]
    const fn link_address(self) -> *mut Place {
        self.0.wrapping_byte_add(offset_of!(Slot<T>, body)).cast::<Place>().cast_mut()
    }

    #[inline]
    const fn generation_address(self) -> *mut Generation {
        self.0.cast::<Generation>().cast_mut()
    }

    /// # Safety
    /// The slot is opened (A2).
    #[inline]
    pub(crate) unsafe fn generation(self) -> Generation {
        // SAFETY: A2: the generation of an opened slot is initialised, and it is the slot's first field (repr C).
        unsafe { self.generation_address().read() }
    }

    /// # Safety
    /// The slot lies in a present chunk (A1), and nobody else uses the slot now.
    #[inline]
    pub(crate) unsafe fn set_generation(self, generation: Generation) {
        // SAFETY: A1: the chunk's memory holds the whole slot, aligned; the caller is alone with it.
        unsafe { self.generation_address().write(generation) };
    }

    /// # Safety
    /// The slot is opened and not occupied (A3).
    #[inline]
    pub(crate) unsafe fn link(self) -> Place {
        // SAFETY: A3: a slot that is not occupied has an initialised link as its body.
        unsafe { self.link_address().read() }
    }

    /// # Safety
    /// The slot lies in a present chunk (A1), nobody else uses it now, and no value is in it that is still needed.
    #[inline]
    pub(crate) unsafe fn set_link(self, link: Place) {
        // SAFETY: A1: the chunk's memory holds the whole slot, aligned for both arms of the body.
        unsafe { self.link_address().write(link) };
    }
}
