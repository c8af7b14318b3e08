//! The end of a ring with all that is under way.

use core::mem::ManuallyDrop;
use core::time::Duration;

use io_uring::opcode;
use io_uring::types::CancelBuilder;

use super::{Doing, Event, GROUP, NOBODY, Uring};
use crate::heap::HeapRef;

/// After so long all is cancelled once more.
const PATIENCE: Duration = Duration::from_millis(100);

impl<H: HeapRef + 'static> Uring<H> {
    /// Cancels all that is under way, and waits until the kernel lets go of the buffers. Says whether it did. What has not begun does not.
    ///
    /// The events are the caller's to drop, who is done by then: what is in them may panic.
    fn let_go(&mut self, events: &mut Vec<Event<H>>) -> bool {
        while self.under_way > self.notifying {
            if self.ring.submission().is_full() && self.ring.submit().is_err() {
                return false;
            }
            self.push(&opcode::AsyncCancel2::new(CancelBuilder::any()).build().user_data(NOBODY));
            if self.enter(Some(PATIENCE)).is_err() {
                return false;
            }
            events.extend(core::iter::from_fn(|| self.next()));
        }
        self.ring.submitter().unregister_buf_ring(GROUP).is_ok()
    }
}

impl<H: HeapRef + 'static> Drop for Uring<H> {
    fn drop(&mut self) {
        let mut events = Vec::new();
        // R4: the child of a fork forgets all of it.
        if self.is_ours().is_err() {
            return;
        }
        // SAFETY: R4: taken once, here. Its place in the queue goes with it, whatever comes of the rest, so that no buffer is kept for a ring that is gone.
        let _pool = unsafe { ManuallyDrop::take(&mut self.pool) };
        // R3: if the kernel may go on writing, everything is forgotten, too.
        if !self.let_go(&mut events) {
            return;
        }
        let is_quiet = self.under_way == 0;
        let idle = |(handle, doing): (_, &Doing<H>)| (!is_quiet && !doing.is_kernels).then_some(handle);
        let idle: Vec<_> = self.operations.iter().filter_map(idle).collect();
        // R2: operations whose payload the kernel may still read stay; those that it never had are dropped. All that is bound to a variable from here on
        // is dropped at the end, the last first, and also if one of the drops panics: that of a payload's owner, or of a waker.
        let _idle: Vec<_> = idle.into_iter().filter_map(|handle| self.operations.remove(handle)).collect();
        // SAFETY: R2, R3: taken once, here, and only if nothing is under way.
        let _operations = is_quiet.then(|| unsafe { ManuallyDrop::take(&mut self.operations) });
        // SAFETY: R2, R3: as above.
        let _receiving = is_quiet.then(|| unsafe { ManuallyDrop::take(&mut self.receiving) });
        // SAFETY: R3: what is under way has its file from the kernel.
        let _sockets = unsafe { ManuallyDrop::take(&mut self.sockets) };
        // SAFETY: R1, R3: the kernel has let go of them.
        let _buffers = unsafe { ManuallyDrop::take(&mut self.buffers) };
        // SAFETY: R3: what is under way still is known to the kernel without it.
        let _ring = unsafe { ManuallyDrop::take(&mut self.ring) };
    }
}
