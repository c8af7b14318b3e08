//! Why a ring could not be had, or did not do what it was asked.

use core::error::Error;
use std::io;

use crate::derived::{says, wrap};
use crate::error::AllocError;

/// Why there is no ring, or it refused.
///
/// ```
/// use smarena::{BufPool, Uring, UringError};
///
/// let pool = BufPool::builder().buf_size(64).limit(8).build()?;
/// let error = Uring::builder().buffers(16).build(pool).unwrap_err();
/// assert_eq!(error.to_string(), "a ring was given 16 buffers; it has 1 to 32768, and no more than its pool's 8");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum UringError {
    /// The kernel lacks something, or forbids it: the ordinary calls are the way then.
    Unsupported {
        /// What was asked for in vain.
        missing: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Too few buffers, too many, or more than the pool has.
    Buffers {
        /// The number that was given.
        buffers: usize,
        /// The pool's limit.
        limit: usize,
    },
    /// The pool's buffers have no room for a datagram behind what the kernel puts in front of it.
    SmallBuffers {
        /// The size of the pool's buffers in bytes.
        bytes: usize,
        /// The smallest size that will do.
        least: usize,
    },
    /// So many operations are under way as were allowed.
    Full {
        /// The most operations at a time.
        limit: usize,
    },
    /// A ring of buffers that are filled piece by piece receives no datagrams.
    StreamsAlone,
    /// The socket was closed, or is another ring's.
    NoSocket,
    /// A ring is its process's: a child that a fork made cannot use it.
    Forked,
    /// The heap has no block for a buffer.
    Alloc(AllocError),
    /// What the system said.
    System(io::Error),
}

says! {
    [] UringError:
    Self::Unsupported { missing, source } => "io_uring is not to be had here: {missing} ({source}){}", advice(source);
    Self::Buffers { buffers, limit } =>
        "a ring was given {buffers} buffers; it has 1 to 32768, and no more than its pool's {limit}";
    Self::SmallBuffers { bytes, least } => "a ring's buffers have at least {least} bytes; the pool's have {bytes}";
    Self::Full { limit } => "all {limit} operations of a ring are under way";
    Self::StreamsAlone => "a ring of incremental buffers receives no datagrams";
    Self::NoSocket => "the ring has no such socket";
    Self::Forked => "the ring belongs to the process that forked this one";
    Self::Alloc(error) => "{error}";
    Self::System(error) => "{error}";
}

impl Error for UringError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UringError::Unsupported { source, .. } => Some(source),
            UringError::Alloc(error) => error.source(),
            UringError::System(error) => error.source(),
            _ => None,
        }
    }
}

wrap! { [] UringError: Alloc(AllocError) }
wrap! { [] UringError: System(io::Error) }

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => ". A sandbox, or the setting kernel.io_uring_disabled, forbids it",
        io::ErrorKind::OutOfMemory => ". The limit on locked memory (ulimit -l) may be too low",
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {
            ". It takes Linux 6.1, and 6.12 for incremental buffers"
        }
        _ => "",
    }
}
