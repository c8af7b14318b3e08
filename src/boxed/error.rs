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
    /// The value, given back.
    pub value: T,
    /// What the heap says.
    pub error: AllocError,
}

impl<T> TryNewError<T> {
    #[cold]
    pub(crate) fn new(value: T, error: AllocError) -> Self {
        TryNewError { value, error }
    }

    /// What the heap says: [`error`](Self::error).
    ///
    /// ```
    /// # use smarena::{AllocError, SmBox};
    /// let refused = SmBox::try_new(5).map_err(|error| error.reason());
    /// assert!(!matches!(refused, Err(AllocError::TooLarge { .. })));
    /// ```
    #[must_use]
    pub fn reason(&self) -> AllocError {
        self.error
    }

    /// The value, given back.
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
}

says! { [T] TryNewError<T>: Self { error, .. } => "{error}"; }

// The value need not be `Debug`; an error must be.
debug_by! { [T] TryNewError<T> |this| { error: this.error } }

impl<T> Error for TryNewError<T> {}
