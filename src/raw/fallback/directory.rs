//! Which blocks of a fallback are live: their headers by the blocks' addresses, in shards with a lock each.
//!
//! A block is found by its address alone. So nothing in front of a pointer is read before it is known to be a block's, and what is found
//! is the pointer that the directory was given, not one whose right to memory a user has narrowed.
//!
//! A shard's headers hang in rows, a few more than it has blocks. Blocks come and rows come with them, one at a time and each by splitting one
//! other, so that nobody waits while thousands are moved.

use core::alloc::Layout;
use core::cell::Cell;
use core::mem::size_of;
use core::ptr::{NonNull, null_mut};
use std::alloc::{GlobalAlloc, System};

use crate::raw::buckets::share::ShareCount;
use crate::raw::lock::Lock;
use crate::raw::testing::poison;
use crate::raw::testing::refusal;
use crate::sync::array_of;

/// Threads have their blocks in different shards, mostly.
const SHARDS: usize = 16;
/// The logarithm of the bytes that are all of one shard: those from which the GNU C library serves one thread.
const STRETCH: u32 = 26;
/// Bank `b` has `2^b` rows.
const BANKS: usize = 26;

/// Directly in front of its block. Its owner's, but for `next`, which the shard's lock guards while it is listed, and `asked`, which that guards
/// too.
#[repr(C, align(16))]
pub(super) struct Header {
    /// The next one in the row.
    next: Row,
    /// Bytes of the system's block.
    pub(super) total: usize,
    /// Bytes the block was asked for with.
    pub(super) asked: usize,
    /// From the start of the system's block to ours, in units of 16 bytes.
    pub(super) front: u32,
    pub(super) shares: ShareCount,
}

/// Bytes of a header: a multiple of 16, which the system's blocks are aligned to.
pub(super) const HEADER: usize = size_of::<Header>();

impl Header {
    pub(super) fn new(total: usize, asked: usize, front: u32) -> Self {
        Self { next: Row::empty(), total, asked, front, shares: ShareCount::new() }
    }
}

/// A row, from any of its places on: the next header, if there is one.
struct Row(Cell<*mut Header>);

impl Row {
    const fn empty() -> Self {
        Self(Cell::new(null_mut()))
    }

    fn get(&self) -> Option<NonNull<Header>> {
        NonNull::new(poison::on_the_book(self.0.get()))
    }

    fn set(&self, header: Option<NonNull<Header>>) {
        self.0.set(poison::on_the_book(header.map_or(null_mut(), NonNull::as_ptr)));
    }

    /// Puts a header in front.
    fn push(&self, header: NonNull<Header>) {
        behind(header).set(self.get());
        self.set(Some(header));
    }

    fn headers(&self) -> impl Iterator<Item = NonNull<Header>> {
        core::iter::successors(self.get(), |&header| behind(header).get())
    }
}

/// What hangs in the row behind a header, which is listed or about to be.
fn behind<'r>(header: NonNull<Header>) -> &'r Row {
    // SAFETY: I9: a listed header is a live block's, and its link the lock's.
    unsafe { &(*header.as_ptr()).next }
}

/// Shared; the cells belong to the lock.
#[repr(align(64))]
struct Shard {
    lock: Lock,
    blocks: Cell<usize>,
    bytes: Cell<usize>,
    /// At least one.
    rows: Cell<usize>,
    first: Row,
    /// The rows from the second on: bank `b` has those from `2^b` up to `2^(b + 1)`, and is null before the first of them is needed.
    banks: [Cell<*mut Row>; BANKS],
}

/// Shared.
pub(super) struct Directory {
    shards: [Shard; SHARDS],
}

// SAFETY: I9: the cells and the headers' links are used under their shard's lock alone.
unsafe impl Sync for Directory {}
// SAFETY: as for `Sync`; the system allocator's blocks belong to no thread.
unsafe impl Send for Directory {}

impl Directory {
    /// A constant, since a debug build makes the array on the stack of whoever builds a heap, as often as it is handed on.
    pub(super) fn new() -> Self {
        Self { shards: array_of![Shard::new(Lock::new()); SHARDS] }
    }

    /// Lists a block.
    ///
    /// # Safety
    /// `header` is written, lies in front of its block, and stays until it is taken off.
    pub(super) unsafe fn list(&self, header: NonNull<Header>) {
        let shard = self.shard(block_of(header));
        // SAFETY: I10: the caller's contract is the same.
        shard.lock.with(|| unsafe { shard.insert(header) });
    }

    /// Takes a block off: `None` if it is not listed. So of two who give back the same one is told.
    pub(super) fn unlist(&self, block: usize) -> Option<NonNull<Header>> {
        let shard = self.shard(block);
        shard.lock.with(|| shard.remove(block))
    }

    /// Shows a block's header to `look`, under the lock; `None` if it is not listed.
    pub(super) fn look<R>(&self, block: usize, look: impl FnOnce(NonNull<Header>) -> R) -> Option<R> {
        let shard = self.shard(block);
        shard.lock.with(|| shard.find(block).map(look))
    }

    /// The first answer of `look` that is one. Linear in the number of blocks.
    pub(super) fn search<R>(&self, look: impl Fn(NonNull<Header>) -> Option<R>) -> Option<R> {
        self.shards.iter().find_map(|shard| shard.lock.with(|| shard.headers().find_map(&look)))
    }

    /// Live blocks and their bytes.
    pub(super) fn live(&self) -> (usize, usize) {
        let count = |shard: &Shard| shard.lock.with(|| (shard.blocks.get(), shard.bytes.get()));
        self.shards.iter().map(count).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Takes all blocks off, one by one, and hands them to `take`, which may end them.
    pub(super) fn empty(&self, take: impl Fn(NonNull<Header>)) {
        for shard in &self.shards {
            for row in 0..shard.rows.get() {
                while let Some(header) = shard.row(row).get() {
                    shard.remove(block_of(header));
                    take(header);
                }
            }
        }
    }

    /// Every lock there is, for a fork.
    pub(super) fn locks(&self) -> impl Iterator<Item = &Lock> {
        self.shards.iter().map(|shard| &shard.lock)
    }

    fn shard(&self, block: usize) -> &Shard {
        &self.shards[spread(block >> STRETCH) % SHARDS]
    }
}

impl Shard {
    const fn new(lock: Lock) -> Self {
        let banks = [const { Cell::new(null_mut()) }; BANKS];
        let (blocks, bytes) = (Cell::new(0), Cell::new(0));
        Self { lock, blocks, bytes, rows: Cell::new(1), first: Row::empty(), banks }
    }

    /// # Safety
    /// As `Directory::list`.
    unsafe fn insert(&self, header: NonNull<Header>) {
        // SAFETY: I10: written.
        let bytes = unsafe { (*header.as_ptr()).asked };
        self.blocks.set(self.blocks.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
        // Two at most, and each splits one other: no block waits for many.
        for _ in 0..2 {
            if self.rows.get() < self.blocks.get() * 2 {
                self.add_row();
            }
        }
        self.row_of(block_of(header)).push(header);
    }

    fn remove(&self, block: usize) -> Option<NonNull<Header>> {
        let mut row = self.row_of(block);
        loop {
            let header = row.get()?;
            if block_of(header) == block {
                row.set(behind(header).get());
                // SAFETY: I9: a listed header is a live block's.
                let bytes = unsafe { (*header.as_ptr()).asked };
                self.blocks.set(self.blocks.get() - 1);
                self.bytes.set(self.bytes.get() - bytes);
                return Some(header);
            }
            row = behind(header);
        }
    }

    fn find(&self, block: usize) -> Option<NonNull<Header>> {
        self.row_of(block).headers().find(|header| block_of(*header) == block)
    }

    fn headers(&self) -> impl Iterator<Item = NonNull<Header>> {
        (0..self.rows.get()).flat_map(|row| self.row(row).headers())
    }

    fn row_of(&self, block: usize) -> &Row {
        let rows = self.rows.get();
        let mask = rows.next_power_of_two() - 1;
        let number = spread(block >> 4) & mask;
        // What belongs into a row that is still to come hangs in the one it will be split from.
        self.row(if number < rows { number } else { number & (mask >> 1) })
    }

    fn row(&self, number: usize) -> &Row {
        let Some(bank) = number.checked_ilog2() else { return &self.first };
        let rows = self.banks[bank as usize].get();
        // SAFETY: I9: `add_row` made a bank for each row there is, with so many rows.
        let row = unsafe { rows.add(number - (1 << bank)) };
        // SAFETY: I9: `add_row` wrote the row.
        unsafe { &*row }
    }

    /// One row more. Where the system has no memory for it, rows are longer.
    fn add_row(&self) {
        let number = self.rows.get();
        let bank = number.ilog2() as usize;
        if !self.has_bank(bank) {
            return;
        }
        // SAFETY: I9: `has_bank` sees to it that it has so many rows.
        let place = unsafe { self.banks[bank].get().add(number - (1 << bank)) };
        // SAFETY: I9: inside the bank; nobody looks at it yet.
        unsafe { place.write(Row::empty()) };
        let old = self.row(number - (1 << bank));
        let mut next = old.get();
        old.set(None);
        self.rows.set(number + 1);
        while let Some(header) = next {
            next = behind(header).get();
            self.row_of(block_of(header)).push(header);
        }
    }

    /// Makes bank `bank`, if there is none.
    fn has_bank(&self, bank: usize) -> bool {
        let (Some(place), Ok(layout)) = (self.banks.get(bank), Layout::array::<Row>(1 << bank)) else { return false };
        if place.get().is_null() && !refusal::due() {
            // SAFETY: I9: a layout with bytes.
            place.set(unsafe { System.alloc(layout) }.cast());
        }
        !place.get().is_null()
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        for (bank, rows) in self.banks.iter().enumerate() {
            if let (false, Ok(layout)) = (rows.get().is_null(), Layout::array::<Row>(1 << bank)) {
                // SAFETY: I9: allocated by `has_bank` with this layout.
                unsafe { System.dealloc(rows.get().cast(), layout) };
            }
        }
    }
}

/// The address of the block behind a header.
fn block_of(header: NonNull<Header>) -> usize {
    header.addr().get() + HEADER
}

/// A number whose lower bits depend on all of `value`'s.
fn spread(value: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "its lower half does where addresses have 32 bits")]
    const FACTOR: usize = 0x9e37_79b9_7f4a_7c15_u64 as usize;
    value.wrapping_mul(FACTOR).rotate_left(usize::BITS / 2)
}
