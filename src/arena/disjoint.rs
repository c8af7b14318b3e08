//! Several values borrowed mutably at once.

use super::SmArena;
use super::error::DisjointError;
use super::handle::Handle;
use super::slot::SlotPtr;
use crate::heap::HeapRef;

impl<T, H: HeapRef> SmArena<T, H> {
    /// Borrows the values of `N` handles mutably at once.
    ///
    /// Takes `N * N / 2` comparisons, so it is meant for a few.
    ///
    /// # Errors
    /// [`DisjointError`] if a handle names no value or occurs twice.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let (a, b) = (arena.insert(1), arena.insert(2));
    /// let [x, y] = arena.get_disjoint_mut([a, b])?;
    /// core::mem::swap(x, y);
    /// assert_eq!((arena[a], arena[b]), (2, 1));
    /// # Ok::<(), smarena::DisjointError>(())
    /// ```
    pub fn get_disjoint_mut<const N: usize>(&mut self, handles: [Handle<T>; N]) -> Result<[&mut T; N], DisjointError> {
        let mut slots = [SlotPtr::NULL; N];
        for (position, &handle) in handles.iter().enumerate() {
            let stale = || DisjointError::Stale { position, slot: handle.slot(), generation: handle.generation() };
            slots[position] = self.storage.find(handle).ok_or_else(stale)?;
            if let Some(first) = handles[..position].iter().position(|&before| before == handle) {
                return Err(DisjointError::Repeated { first, again: position, slot: handle.slot() });
            }
        }
        // SAFETY: A3: all slots were found occupied. Their handles differ pairwise and are all valid now; a slot has one
        // generation at a time, so the slots differ as well, and `&mut self` is alone with them.
        Ok(slots.map(|slot| unsafe { &mut *slot.value() }))
    }
}
