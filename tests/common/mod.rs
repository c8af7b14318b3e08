//! What several test files share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod counting_heap;
pub mod tracked;
