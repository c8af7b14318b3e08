//! Values that count how many of them are alive, notice a second drop, and can panic in their drop.

use std::cell::Cell;
use std::rc::Rc;

/// Counts the live values made from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Census(Rc<Cell<usize>>);

/// Lives once. `content` is there to be checked.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) content: u64,
    pub(crate) panics: bool,
    alive: bool,
    census: Census,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.get()
    }

    pub(crate) fn value(&self, content: u64) -> Tracked {
        self.0.set(self.0.get() + 1);
        Tracked { content, panics: false, alive: true, census: self.clone() }
    }

    pub(crate) fn panicking(&self, content: u64) -> Tracked {
        let mut value = self.value(content);
        value.panics = true;
        value
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        assert!(std::mem::replace(&mut self.alive, false), "dropped twice");
        self.census.0.set(self.census.0.get() - 1);
        assert!(!self.panics, "a drop that panics");
    }
}
