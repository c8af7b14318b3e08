//! Several values borrowed mutably at once.

use super::{DisjointError, Handle, SlotPtr, SmArena};
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
    #[doc(alias = "get_many_mut")]
    pub fn get_disjoint_mut<const N: usize>(&mut self, handles: [Handle<T>; N]) -> Result<[&mut T; N], DisjointError> {
        let slots = each_once(handles, SlotPtr::NULL, |handle| self.storage.find(handle))?;
        // SAFETY: A3: all slots were found occupied. Their handles differ pairwise and are all valid now; a slot has one
        // generation at a time, so the slots differ as well, and `&mut self` is alone with them.
        Ok(slots.map(|slot| unsafe { &mut *slot.value() }))
    }
}

/// What `find` finds for each of the handles, if it does for all and none is there twice. `nothing` is any of its kind.
pub(super) fn each_once<T, P: Copy, const N: usize>(
    handles: [Handle<T>; N],
    nothing: P,
    find: impl Fn(Handle<T>) -> Option<P>,
) -> Result<[P; N], DisjointError> {
    let mut found = [nothing; N];
    for (position, &handle) in handles.iter().enumerate() {
        let stale = || DisjointError::Stale { position, slot: handle.slot(), generation: handle.generation() };
        found[position] = find(handle).ok_or_else(stale)?;
        if let Some(first) = handles[..position].iter().position(|&before| before == handle) {
            return Err(DisjointError::Repeated { first, again: position, slot: handle.slot() });
        }
    }
    Ok(found)
}

/// The elements at these places, which differ and are all there: by splitting the slice before each of them.
pub(super) fn side_by_side<V, const N: usize>(values: &mut [V], at: [usize; N]) -> [&mut V; N] {
    let mut order: [usize; N] = core::array::from_fn(|n| n);
    order.sort_unstable_by_key(|&n| at[n]);
    let mut found = [const { None }; N];
    let (mut rest, mut gone) = (values, 0);
    for n in order {
        let Some((value, behind)) = rest.split_at_mut(at[n] - gone).1.split_first_mut() else { break };
        found[n] = Some(value);
        (rest, gone) = (behind, at[n] + 1);
    }
    found.map(|value| value.unwrap_or_else(|| unreachable!("the places differ and are all there")))
}
