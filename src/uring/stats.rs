//! What a ring has done.

/// What a ring has done, by [`Uring::stats`](crate::uring::Uring::stats).
///
/// ```
/// # use smarena::UringStats;
/// assert_eq!(UringStats::default().calls, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UringStats {
    /// Calls of the system.
    pub calls: u64,
    /// Datagrams, and pieces of streams, that came in.
    pub received: u64,
    /// Sendings that are over.
    pub sent: u64,
    /// How often the kernel had something to put into a buffer, and found none.
    pub ran_out: u64,
}
