//! The shared part of each size class: a span of addresses, a bit for each free block, and how many own a block.

pub(crate) mod bitmap;
pub(crate) mod bucket;
pub(crate) mod region;
pub(crate) mod share;
