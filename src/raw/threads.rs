//! Threads: their slots, their caches in each heap, and their ends.

pub(crate) mod cache_slot;
pub(crate) mod cache_table;
pub(crate) mod registry;
pub(crate) mod shortcut;
pub(crate) mod thread;
