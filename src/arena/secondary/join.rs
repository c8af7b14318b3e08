//! Secondary maps in a join: walked along, or looked up in.

use std::collections::{BTreeMap, btree_map};
use std::slice;

use super::{Cell, SecondaryMap, SparseSecondaryMap, generation};
use crate::arena::{Handle, Part};

impl<'a, T, V> Part for &'a SecondaryMap<T, V> {
    type Of = T;
    type Value = &'a V;
    type Within = Self;

    fn steps(&self) -> usize {
        self.cells.len()
    }

    fn within(self) -> Self {
        self
    }

    #[inline]
    fn find(within: &mut Self, handle: Handle<T>) -> Option<&'a V> {
        within.get(handle)
    }
}

/// The rest of a sparse map: the next pair first.
#[derive(Debug)]
pub struct Rest<'a, V> {
    cells: &'a BTreeMap<u32, Cell<V>>,
    rest: btree_map::Range<'a, u32, Cell<V>>,
    next: Option<(&'a u32, &'a Cell<V>)>,
}

/// So many pairs are passed one by one before a slot is looked up: steps are short, where a map has most of the slots that are asked for.
const PASSED: usize = 8;

impl<'a, T, V> Part for &'a SparseSecondaryMap<T, V> {
    type Of = T;
    type Value = &'a V;
    type Within = Rest<'a, V>;

    fn steps(&self) -> usize {
        self.cells.len()
    }

    fn within(self) -> Rest<'a, V> {
        let mut rest = self.cells.range(..);
        Rest { cells: &self.cells, next: rest.next(), rest }
    }

    #[inline]
    fn find(within: &mut Rest<'a, V>, handle: Handle<T>) -> Option<&'a V> {
        let slot = handle.slot();
        for _ in 0..PASSED {
            if *within.next?.0 >= slot {
                break;
            }
            within.next = within.rest.next();
        }
        if *within.next?.0 < slot {
            within.rest = within.cells.range(slot..);
            within.next = within.rest.next();
        }
        let (_, (there, value)) = within.next.filter(|(next, _)| **next == slot)?;
        (*there == generation(handle)).then_some(value)
    }
}

/// The cells from slot `from` on. Each is passed once, so no reference to one is given out twice.
#[derive(Debug)]
pub struct Cells<'a, V> {
    cells: slice::IterMut<'a, Option<Cell<V>>>,
    from: usize,
}

impl<'a, T, V> Part for &'a mut SecondaryMap<T, V> {
    type Of = T;
    type Value = &'a mut V;
    type Within = Cells<'a, V>;

    fn steps(&self) -> usize {
        self.cells.len()
    }

    fn within(self) -> Cells<'a, V> {
        Cells { cells: self.cells.iter_mut(), from: 0 }
    }

    #[inline]
    fn find(within: &mut Cells<'a, V>, handle: Handle<T>) -> Option<&'a mut V> {
        let slot = handle.slot() as usize;
        let cell = within.cells.nth(slot.checked_sub(within.from)?)?;
        within.from = slot + 1;
        let (there, value) = cell.as_mut()?;
        (*there == generation(handle)).then_some(value)
    }
}

/// The rest of a sparse map: the next cell first.
#[derive(Debug)]
pub struct Pairs<'a, V> {
    rest: btree_map::IterMut<'a, u32, Cell<V>>,
    next: Option<(u32, &'a mut Cell<V>)>,
}

impl<'a, T, V> Part for &'a mut SparseSecondaryMap<T, V> {
    type Of = T;
    type Value = &'a mut V;
    type Within = Pairs<'a, V>;

    fn steps(&self) -> usize {
        self.cells.len()
    }

    fn within(self) -> Pairs<'a, V> {
        Pairs { rest: self.cells.iter_mut(), next: None }
    }

    #[inline]
    fn find(within: &mut Pairs<'a, V>, handle: Handle<T>) -> Option<&'a mut V> {
        let slot = handle.slot();
        if within.next.as_ref().is_none_or(|(next, _)| *next < slot) {
            within.next = within.rest.find(|(next, _)| **next >= slot).map(|(next, cell)| (*next, cell));
        }
        let (_, (there, value)) = within.next.take_if(|(next, _)| *next == slot)?;
        (*there == generation(handle)).then_some(value)
    }
}
