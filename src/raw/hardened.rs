//! What hardened heaps keep beside: which blocks are live, bytes behind them, and a wait before they are used again.

pub(crate) mod canary;
pub(crate) mod ledger;
pub(crate) mod quarantine;
