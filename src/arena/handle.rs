//! `Handle<T>`: a slot number and a generation in 8 bytes, typed.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::{Generation, Place, Slot};
use crate::derived::{compare_by, copy, default};

/// Names one value in an [`SmArena<T>`](crate::SmArena), for as long as that value lives and never again after.
///
/// Eight bytes, and so is `Option<Handle<T>>`. It is `Copy`, `Eq`, `Ord` (by slot, then generation), `Hash`, `Send`
/// and `Sync` whatever `T` is: it is a name, it holds no `T`.
///
/// ```
/// use smarena::{Handle, SmArena};
///
/// let mut arena = SmArena::new();
/// let handle: Handle<&str> = arena.insert("a");
/// assert_eq!(arena.get(handle), Some(&"a"));
/// arena.remove(handle);
/// arena.insert("b"); // takes the same slot
/// assert_eq!(arena.get(handle), None);
/// assert_eq!(size_of::<Option<Handle<[u64; 100]>>>(), 8);
/// ```
///
/// A handle of one type is not one of another:
///
/// ```compile_fail,E0308
/// let mut names = smarena::SmArena::<String>::new();
/// let mut numbers = smarena::SmArena::<u32>::new();
/// let handle = numbers.insert(1);
/// names.get(handle);
/// ```
pub struct Handle<T> {
    // Two fields, not one number: a look-up wants them apart.
    /// Odd, so never zero.
    generation: NonZeroU32,
    place: Place,
    /// `fn() -> T`: covariant, and Send and Sync for every `T`.
    value: PhantomData<fn() -> T>,
}

const _: () = assert!(size_of::<Handle<[u64; 4]>>() == 8);
const _: () = assert!(size_of::<Option<Handle<[u64; 4]>>>() == 8);

impl<T> Handle<T> {
    /// A handle that no arena ever gives out: every look-up refuses it.
    ///
    /// ```
    /// use smarena::{Handle, SmArena};
    ///
    /// let mut arena = SmArena::new();
    /// arena.insert(1);
    /// assert_eq!(arena.get(Handle::DANGLING), None);
    /// ```
    #[doc(alias = "null")]
    pub const DANGLING: Self = Self::new(Place::NONE, Generation::NEVER);

    /// `generation` is odd, and `place` one of a slot (A7).
    #[inline]
    pub(crate) const fn new(place: Place, generation: Generation) -> Self {
        debug_assert!(generation.is_occupied());
        debug_assert!(place.bits() == Place::NONE.bits() || place.is_of_slot(Slot::<T>::FIRST_BITS));
        // The `| 1` changes nothing (the generation is odd); it shows the compiler that it is not zero.
        let Some(generation) = NonZeroU32::new(generation.get() | 1) else { unreachable!() };
        Self { generation, place, value: PhantomData }
    }

    /// The number of the slot: dense, counted from 0, reused after a removal.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// assert_eq!(arena.insert("a").slot(), 0);
    /// assert_eq!(arena.insert("b").slot(), 1);
    /// ```
    #[inline]
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.place().number(Slot::<T>::FIRST_BITS)
    }

    /// The handle with this slot and generation. `None` if no handle of a `T` has them.
    pub(crate) fn from_parts(slot: u32, generation: u32) -> Option<Self> {
        let (place, generation) = (Place::of_number(slot, Slot::<T>::FIRST_BITS)?, Generation::new(generation));
        generation.is_of_a_value().then(|| Self::new(place, generation))
    }

    #[inline]
    pub(crate) const fn place(self) -> Place {
        self.place
    }

    /// The generation: an odd number that grows with each value the slot holds. Where it begins is the arena's business.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let first = arena.insert("a");
    /// arena.remove(first);
    /// let second = arena.insert("b");
    /// assert_eq!(second.slot(), first.slot());
    /// assert!(second.generation() > first.generation());
    /// ```
    #[inline]
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation_of_slot().get()
    }

    #[inline]
    pub(crate) const fn generation_of_slot(self) -> Generation {
        Generation::new(self.generation.get())
    }

    /// The handle as a number, never 0: to pass it through a C interface, a user-data word or a file.
    ///
    /// ```
    /// use smarena::{Handle, SmArena};
    ///
    /// let mut arena = SmArena::new();
    /// let handle = arena.insert("a");
    /// assert_eq!(Handle::from_bits(handle.to_bits()), Some(handle));
    /// ```
    #[doc(alias = "to_u64")]
    #[doc(alias = "as_ffi")]
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.place.packed(Slot::<T>::FIRST_BITS) as u64) << 32 | self.generation.get() as u64
    }

    /// Both halves in one number, the place above.
    #[inline]
    const fn both(self) -> u64 {
        (self.place.bits() as u64) << 32 | self.generation.get() as u64
    }

    /// The generation, known not to be 0.
    #[inline]
    pub(crate) const fn odd_generation(self) -> NonZeroU32 {
        self.generation
    }

    /// The handle that [`to_bits`](Self::to_bits) gave this number for. `None` if no handle of a `T` has it.
    ///
    /// A number that was made up is memory safe: it names a value or it does not.
    ///
    /// ```
    /// use smarena::Handle;
    ///
    /// assert_eq!(Handle::<u8>::from_bits(0), None);
    /// ```
    #[doc(alias = "from_u64")]
    #[doc(alias = "from_ffi")]
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "one half is meant, and then the other")]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        let generation = Generation::new(bits as u32);
        if bits == Self::DANGLING.to_bits() {
            return Some(Self::DANGLING);
        }
        match Place::from_packed((bits >> 32) as u32, Slot::<T>::FIRST_BITS) {
            Some(place) if generation.is_of_a_value() => Some(Self::new(place, generation)), // A7
            _ => None,
        }
    }
}

copy! { [T] Handle<T> }

default! {
    /// [`DANGLING`](Handle::DANGLING), for what is to name a value later.
    ///
    /// ```
    /// #[derive(Default)]
    /// struct Enemy { target: smarena::Handle<Enemy> }
    ///
    /// assert_eq!(Enemy::default().target, smarena::Handle::DANGLING);
    /// ```
    [T] Handle<T>: Self::DANGLING
}

compare_by! { [T] Handle<T>: both() }

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}:{})", self.slot(), self.generation())
    }
}

#[cfg(test)]
mod tests {
    use super::{Generation, Handle, Place, Slot};
    use core::hash::{Hash, Hasher};
    use std::collections::hash_map::DefaultHasher;

    fn handle(place: u32, generation: u32) -> Handle<()> {
        Handle::new(Place::from_bits(place), Generation::new(generation))
    }

    #[test]
    fn bits_keep_both_halves() {
        for (slot, generation) in [(0, 1), (1, 3), (63, 1), (7, u32::MAX - 2), (0x3FFF_FF00, 0x8000_0001)] {
            let handle = Handle::<()>::from_parts(slot, generation).unwrap();
            assert_eq!((handle.slot(), handle.generation()), (slot, generation));
            assert_eq!(Handle::from_bits(handle.to_bits()), Some(handle));
        }
    }

    #[test]
    fn a_generation_that_no_value_has_is_no_handle() {
        for generation in [0, 2, 8, u32::MAX - 1, u32::MAX] {
            assert_eq!(Handle::<()>::from_bits((5 << 32) | u64::from(generation)), None);
            assert_eq!(Handle::<()>::from_parts(5, generation), None);
        }
    }

    #[test]
    fn a_place_that_no_slot_has_is_no_handle() {
        let (chunk_0_has, chunk_31) = (1_u64 << Slot::<()>::FIRST_BITS, 31_u64 << 27);
        assert!(Handle::<()>::from_bits((chunk_0_has - 1) << 32 | 1).is_some());
        for place in [chunk_0_has, (1 << 27) - 1, chunk_31, u64::from(u32::MAX)] {
            assert_eq!(Handle::<()>::from_bits(place << 32 | 1), None);
        }
        for (place, is_one) in
            [(20_u64 << 27, true), ((28 << 27) - 1, true), (28 << 27, false), ((31 << 27) - 1, false)]
        {
            assert_eq!(Handle::<()>::from_bits(place << 32 | 1).is_some(), is_one);
        }
        assert_eq!(Handle::<()>::from_bits(Handle::<()>::DANGLING.to_bits()), Some(Handle::DANGLING));
    }

    #[test]
    fn the_hash_is_that_of_both_halves() {
        let hash = |value: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            value(&mut hasher);
            hasher.finish()
        };
        for handle in [handle(64, 1), handle(64, 3), handle(65, 1)] {
            assert_eq!(hash(&|hasher| handle.hash(hasher)), hash(&|hasher| handle.both().hash(hasher)));
        }
    }

    #[test]
    fn order_is_by_slot_first() {
        assert!(handle(65, 9) < handle(66, 1));
        assert!(handle(66, 1) < handle(66, 3));
    }
}
