//! What tests and checking tools are told, and what tests do to us.

pub(crate) mod poison;
pub(crate) mod refusal;
