//! A way for lists from one thread to the next. Unlike a channel of the standard library it allocates nothing when a thread has to wait for the
//! first time, which may be at any datagram.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) struct Way<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    lists: VecDeque<T>,
    ended: bool,
}

impl<T> Way<T> {
    /// For up to `most` lists.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { lists: VecDeque::with_capacity(most), ended: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn put(&self, list: T) {
        self.state().lists.push_back(list);
        self.changed.notify_one();
    }

    /// Waits for the next list; `None` if the last was taken and no more comes.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(list) = state.lists.pop_front() {
                return Some(list);
            }
            if state.ended {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that lists are put in at. When it is dropped, however its thread ends, no more comes.
pub(crate) struct End<'w, T>(pub(crate) &'w Way<T>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_one();
    }
}
