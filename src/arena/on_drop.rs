//! What happens at the end of a scope, however that is left.

/// Calls what it has when it is dropped.
pub(super) struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> OnDrop<F> {
    pub(super) const fn new(call: F) -> Self {
        Self(call)
    }
}

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Calls `go_on`, which drops values until none is left, again if one of those drops panics.
pub(super) fn drop_all(go_on: impl FnMut()) {
    let mut rest = OnDrop(go_on);
    (rest.0)();
}
