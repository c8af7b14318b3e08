//! The allocator that a feature chooses, under the name that jaq knows its own by: so jaq's source can stay as it is published.

#[cfg(feature = "mimalloc")]
pub use mimalloc::MiMalloc;
#[cfg(feature = "rusty_alloc")]
pub use rusty_alloc_api::RustyAlloc as MiMalloc;
#[cfg(feature = "smarena")]
pub use smarena::Global as MiMalloc;
#[cfg(feature = "snmalloc")]
pub use snmalloc_rs::SnMalloc as MiMalloc;
#[cfg(feature = "system")]
pub use std::alloc::System as MiMalloc;
#[cfg(feature = "jemalloc")]
pub use tikv_jemallocator::Jemalloc as MiMalloc;
