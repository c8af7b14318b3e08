//! The buffers that the kernel may fill: leases that stand in a ring of memory which it was shown, each under a number.

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU16, Ordering};
use std::io;

use io_uring::types::BufRingEntry;

use crate::buf::narrow;
use crate::heap::HeapRef;
use crate::pool::{BufPool, Lease, PoolError};

/// The leases that are the kernel's, by their numbers, which begin with 1. One thread's.
///
/// ```text
/// entries:  | number, address, length | … | …     the kernel takes them in order, up to the tail
/// leases:   | Some: stands in the ring, or the kernel has it (R1) | None: its number is in `free` | …
/// ```
///
/// Incremental ones the kernel fills piece by piece: it moves address and length of an entry on, and goes to the next when no room is left.
pub(super) struct Buffers<H: HeapRef> {
    /// As many as a power of two, in pages of their own; the tail lies in the first one.
    entries: NonNull<BufRingEntry>,
    leases: Box<[Option<Lease<H>>]>,
    free: Vec<u16>,
    /// Counts all that were ever added; the rest of a division by the number of entries is where the next goes.
    tail: u16,
    /// The number of entries, less one.
    mask: u16,
    pub(super) incremental: bool,
}

impl<H: HeapRef> Buffers<H> {
    /// Room for this many, 1 to 32768; none stands in it yet.
    pub(super) fn new(count: u16, incremental: bool) -> io::Result<Self> {
        let entries = count.next_power_of_two();
        const NEW: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: R1: new pages, which nobody else has.
        let pages = unsafe { libc::mmap(null_mut(), bytes(entries), libc::PROT_READ | libc::PROT_WRITE, NEW, -1, 0) };
        if pages == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let this = Buffers {
            entries: NonNull::new(pages.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            leases: (0..count).map(|_| None).collect(),
            free: (1..=count).rev().collect(),
            tail: 0,
            mask: entries - 1,
            incremental,
        };
        // SAFETY: R4: our own pages. In a fork's child they are zero, which is how it knows what it is.
        if unsafe { libc::madvise(pages, bytes(entries), libc::MADV_WIPEONFORK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        this.write(0, 0, 0, 1);
        Ok(this)
    }

    /// The address and the number of the entries, and how they are to be used, for the kernel.
    pub(super) fn entries(&self) -> (u64, u16, u16) {
        /// `IOU_PBUF_RING_INC`
        const INCREMENTAL: u16 = 2;
        (self.entries.addr().get() as u64, self.mask + 1, if self.incremental { INCREMENTAL } else { 0 })
    }

    /// Whether this is the process that made it, and not the child of a fork.
    #[inline]
    pub(super) fn are_ours(&self) -> bool {
        // SAFETY: R1: the first entry, which is initialised; the kernel writes to none but while this thread calls it. R4: only wiped is its number zero.
        unsafe { self.entries.as_ref() }.bid() != 0
    }

    /// How many stand in the ring.
    pub(super) fn standing(&self) -> usize {
        self.leases.len() - self.free.len()
    }

    /// Puts leases of the pool in the ring: as many as are missing, or as there are. Not for a few.
    pub(super) fn fill(&mut self, pool: &BufPool<H>) -> Result<(), PoolError> {
        if self.free.len() * 4 < self.leases.len() {
            return Ok(());
        }
        self.add(pool.batch(self.free.len()))
    }

    /// Puts these in the ring, as far as there are numbers for them.
    pub(super) fn add(
        &mut self,
        leases: impl IntoIterator<Item = Result<Lease<H>, PoolError>>,
    ) -> Result<(), PoolError> {
        let before = self.tail;
        let added = self.write_all(leases);
        if self.tail != before {
            // SAFETY: R1: where the first entry has the tail.
            let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) }.cast_mut();
            // SAFETY: R1: it is there as long as `self`, aligned, and written by nobody else; the kernel reads it as an atomic.
            let tail = unsafe { AtomicU16::from_ptr(tail) };
            // Release: pairs with the kernel's Acquire, for the entries.
            tail.store(self.tail, Ordering::Release);
        }
        added
    }

    fn write_all(&mut self, leases: impl IntoIterator<Item = Result<Lease<H>, PoolError>>) -> Result<(), PoolError> {
        for lease in leases {
            let mut lease = lease?;
            let Some(number) = self.free.pop() else { break };
            let room = lease.spare_capacity_mut();
            // The provenance is exposed, because the kernel knows buffers by their addresses.
            let (address, len) = (room.as_mut_ptr().expose_provenance(), narrow(room.len()));
            self.write(self.tail & self.mask, address as u64, len, number);
            // R1: from the next store of the tail on it is the kernel's.
            self.leases[usize::from(number) - 1] = Some(lease);
            self.tail = self.tail.wrapping_add(1);
        }
        Ok(())
    }

    /// Writes an entry that the kernel does not read yet.
    fn write(&self, at: u16, address: u64, len: u32, number: u16) {
        // SAFETY: R1: one of the entries.
        let mut entry = unsafe { self.entries.add(usize::from(at)) };
        // SAFETY: R1: no more leases are out than there are entries, so the kernel is done with this one. The tail beside it is left alone.
        let entry = unsafe { entry.as_mut() };
        entry.set_addr(address);
        entry.set_len(len);
        entry.set_bid(number);
    }

    /// The lease that the kernel has put `len` bytes into; of an incremental one with room left, the part that they fill.
    ///
    /// # Safety
    /// R1, R6: the kernel has said so, now.
    pub(super) unsafe fn take(&mut self, number: u16, len: usize) -> Lease<H> {
        let place = usize::from(number).checked_sub(1).and_then(|place| self.leases.get_mut(place));
        let place = place.expect("the kernel names a buffer");
        let lease = place.as_mut().expect("the kernel names a buffer that it has");
        let all = lease.len() + len;
        assert!(all <= lease.capacity(), "the kernel fills a buffer with no more than it has room for");
        // SAFETY: R6: initialised by the kernel.
        unsafe { lease.set_len(all) };
        // R1: an incremental buffer belongs to the kernel until it is full, whatever the completion says.
        if self.incremental && lease.room() > 0 {
            return lease.split_front();
        }
        self.free.push(number);
        place.take().expect("it was seen above")
    }
}

impl<H: HeapRef> Drop for Buffers<H> {
    fn drop(&mut self) {
        // SAFETY: R1: our own pages, of which the kernel was told to let go, or never told.
        let answer = unsafe { libc::munmap(self.entries.as_ptr().cast(), bytes(self.mask + 1)) };
        debug_assert!(answer == 0, "a mapping of our own can be unmapped");
    }
}

/// The bytes of so many entries.
fn bytes(entries: u16) -> usize {
    usize::from(entries) * size_of::<BufRingEntry>()
}
