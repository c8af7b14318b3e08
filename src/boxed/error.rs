//! A box that could not be had, with the value that was to go into it.

use core::error::Error;

use crate::derived::{debug_by, says};
use crate::error::AllocError;

/// The heap had no block for a value: here is the value, and why.
///
/// ```
/// use smarena::{SmBox, TryNewError};
///
/// fn boxed(name: String) -> Result<SmBox<String>, String> {
///     SmBox::try_new(name).map_err(TryNewError::into_value)
/// }
/// assert_eq!(*boxed("eth0".to_string()).unwrap(), "eth0");
/// ```
pub struct TryNewError<T> {
    value: T,
    reason: AllocError,
}

impl<T> TryNewError<T> {
    #[cold]
    pub(crate) fn new(value: T, reason: AllocError) -> Self {
        TryNewError { value, reason }
    }

    /// The value, as it was given.
    ///
    /// ```
    /// # use smarena::{SmBox, TryNewError};
    /// let given_back: fn(TryNewError<String>) -> String = TryNewError::into_value;
    /// # let _ = given_back;
    /// ```
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// What the heap says.
    ///
    /// ```
    /// # use smarena::{AllocError, SmBox, TryNewError};
    /// match SmBox::try_new(5) {
    ///     Ok(boxed) => assert_eq!(*boxed, 5),
    ///     Err(error) => assert!(matches!(error.reason(), AllocError::OutOfMemory { .. })),
    /// }
    /// ```
    #[must_use]
    pub fn reason(&self) -> AllocError {
        self.reason
    }
}

says! { [T] TryNewError<T>: Self { reason, .. } => "{reason}"; }

// The value need not be `Debug`; an error must be.
debug_by! { [T] TryNewError<T> |error| { reason: error.reason } }

impl<T> Error for TryNewError<T> {}
