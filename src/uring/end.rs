//! The end of a ring with all that is under way.

use core::mem::ManuallyDrop;
use core::time::Duration;

use io_uring::opcode;
use io_uring::types::CancelBuilder;

use super::operations::GROUP;
use super::{NOBODY, Uring};
use crate::heap::HeapRef;

/// After so long all is cancelled once more.
const PATIENCE: Duration = Duration::from_millis(100);

impl<H: HeapRef + 'static> Uring<H> {
    /// Cancels all that is under way, and waits until the kernel lets go of the buffers. Says whether it did. What has not begun does not.
    fn let_go(&mut self) -> bool {
        while self.under_way > self.notifying {
            if self.ring.submission().is_full() && self.ring.submit().is_err() {
                return false;
            }
            self.push(&opcode::AsyncCancel2::new(CancelBuilder::any()).build().user_data(NOBODY));
            if self.enter(Some(PATIENCE)).is_err() {
                return false;
            }
            while let Some(event) = self.next() {
                drop(event);
            }
        }
        self.ring.submitter().unregister_buf_ring(GROUP).is_ok()
    }
}

impl<H: HeapRef + 'static> Drop for Uring<H> {
    fn drop(&mut self) {
        // R3, R4: in a child, or where the kernel may go on writing, all of it is forgotten.
        if self.is_ours().is_err() || !self.let_go() {
            return;
        }
        // SAFETY: R3: dropped once, here. What is under way still is known to the kernel without it.
        unsafe { ManuallyDrop::drop(&mut self.ring) };
        // SAFETY: R1, R3: the kernel has let go of them.
        unsafe { ManuallyDrop::drop(&mut self.buffers) };
        // SAFETY: R3: what is under way has its file from the kernel.
        unsafe { ManuallyDrop::drop(&mut self.sockets) };
        if self.under_way > 0 {
            // R2: what the kernel reads in place stays; what it never had goes.
            let idle: Vec<_> =
                self.operations.iter().filter_map(|(handle, doing)| (!doing.is_kernels).then_some(handle)).collect();
            idle.into_iter().for_each(|handle| drop(self.operations.remove(handle)));
            return;
        }
        // SAFETY: R2, R3: nothing is under way.
        unsafe { ManuallyDrop::drop(&mut self.operations) };
        // SAFETY: R2, R3: as above.
        unsafe { ManuallyDrop::drop(&mut self.receiving) };
    }
}
