//! One value on loan.

use crate::derived::{dereference, format_as};
use core::fmt;
use core::mem::ManuallyDrop;

use super::{Objects, Permit};

/// A value on loan from an [`ObjectPool`](crate::ObjectPool). Dropping it resets the value and gives it back, on any thread, whether or not a
/// handle to the pool is left. If resetting panics the value is dropped, and the loan ends all the same.
///
/// ```
/// use smarena::{Loan, ObjectPool};
///
/// let pool = ObjectPool::builder(Vec::<u8>::new).reset(Vec::clear).build()?;
/// let mut loan: Loan<Vec<u8>> = pool.try_acquire()?;
/// loan.push(1);
/// std::thread::spawn(move || drop(loan)).join().unwrap();
/// assert!(pool.try_acquire()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loan<T> {
    /// Both are there until the drop, or `into_inner`.
    value: ManuallyDrop<T>,
    permit: ManuallyDrop<Permit<Objects<T>>>,
}

impl<T> Loan<T> {
    /// Takes or makes the value that `permit` stands for.
    #[inline]
    pub(super) fn new(permit: Permit<Objects<T>>) -> Self {
        let value = permit.take();
        Loan { value: ManuallyDrop::new(value), permit: ManuallyDrop::new(permit) }
    }

    /// Keeps the value and ends the loan: the pool makes another in its place.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).limit(1).build()?;
    /// let seven = pool.try_acquire()?.into_inner();
    /// assert_eq!((seven, pool.in_flight(), pool.stats().idle), (7, 0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "dropping the loan gives the value back"]
    pub fn into_inner(self) -> T {
        // SAFETY: P6: the loan is not used again, nor dropped.
        let (value, permit) = unsafe { ManuallyDrop::new(self).take_parts() };
        // Dropped here, not by the end of the function: if passing the permit on panicked there, the value that is being
        // returned would not be dropped.
        drop(permit);
        value
    }

    /// # Safety
    /// The loan is not used again, and dropped by nobody but the caller, if that is its drop.
    #[inline]
    unsafe fn take_parts(&mut self) -> (T, Permit<Objects<T>>) {
        // SAFETY: P6: taken once, as the caller promises.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        // SAFETY: P6: as above.
        let permit = unsafe { ManuallyDrop::take(&mut self.permit) };
        (value, permit)
    }
}

impl<T> Drop for Loan<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: P6: this is the drop.
        let (value, permit) = unsafe { self.take_parts() };
        permit.put(value);
        // The permit is dropped here, after the value is back in the list, and also if resetting the value panics.
    }
}

dereference! { [T] Loan<T> => T: |loan| &loan.value, mut &mut loan.value }

/// As the value: a loan of bytes is one that [`SmBytes::from_owner`](crate::SmBytes::from_owner) takes.
impl<T: AsRef<U>, U: ?Sized> AsRef<U> for Loan<T> {
    fn as_ref(&self) -> &U {
        (**self).as_ref()
    }
}

/// As the value.
impl<T: AsMut<U>, U: ?Sized> AsMut<U> for Loan<T> {
    fn as_mut(&mut self) -> &mut U {
        (**self).as_mut()
    }
}

format_as! {
    /// As the value.
    [T: fmt::Debug] Loan<T>: Debug |loan| **loan
}
