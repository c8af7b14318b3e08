//! The system allocator, for what no bucket serves: larger sizes, and what overflows.
//!
//! Each block has a header in front of it, since a free is told only the pointer; a directory has the headers by their blocks' addresses, so that a
//! pointer is known to be a block's before anything in front of it is read, and a heap that ends gives back what its caller forgot.
//!
//! ```text
//! | front, for the alignment | header | block: the bytes asked for | canary |
//! ```
//!
//! The system is always asked for an alignment of 16, which is what it grows and shrinks in place and moves without a copy.

mod directory;

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::{GlobalAlloc, System};

use crate::raw::buckets::share::ShareCount;
use crate::raw::hardened::canary::Canary;
use crate::raw::lock::Lock;
use crate::raw::testing::refusal;
use directory::{Directory, HEADER, Header};

/// Bytes of a canary.
const TAIL: usize = 16;
/// What the system's blocks are aligned to.
const GRAIN: usize = 16;
/// The largest alignment: fronts are counted in 32 bits. Where addresses have no more than that, a part of all there are.
pub(crate) const MOST_ALIGN: usize = if usize::BITS > 32 { 1 << (usize::BITS / 2) } else { 1 << 28 };

/// Shared.
pub(crate) struct Fallback {
    directory: Directory,
    canary: Option<Canary>,
    zero_on_free: bool,
}

/// What an address is to a fallback.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A live block of so many bytes, by the fallback's own pointer.
    Block {
        block: NonNull<u8>,
        size: usize,
    },
    /// It lies `bytes` bytes into a live block of `size`.
    Inside {
        bytes: usize,
        size: usize,
    },
    Nothing,
}

/// A block that is on no list any more, and so belongs to whoever holds this.
struct Taken {
    header: NonNull<Header>,
    start: NonNull<u8>,
    layout: Layout,
}

impl Taken {
    fn block(&self) -> NonNull<u8> {
        block_behind(self.header)
    }

    fn asked(&self) -> usize {
        // SAFETY: I9: ours.
        unsafe { (*self.header.as_ptr()).asked }
    }

    /// From the start of the system's block to ours.
    fn front(&self) -> usize {
        self.block().addr().get() - self.start.addr().get()
    }
}

impl Fallback {
    /// With a canary, every block has one behind it. With `zero_on_free`, every block is overwritten before the system gets it.
    pub(crate) fn new(canary: Option<Canary>, zero_on_free: bool) -> Self {
        Self { directory: Directory::new(), canary, zero_on_free }
    }

    /// A block of `size` bytes at a multiple of `align`, a power of two. `None` when the system has no memory.
    pub(crate) fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: I9: the layout has room for a header: its size is not zero.
        self.allocate_by(size, align, |layout| unsafe { System.alloc(layout) })
    }

    /// As `allocate`; every byte is zero, and none was written to make it so if the system has zeroed memory.
    pub(crate) fn allocate_zeroed(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: I9: as for `allocate`.
        self.allocate_by(size, align, |layout| unsafe { System.alloc_zeroed(layout) })
    }

    fn allocate_by(&self, size: usize, align: usize, system: impl FnOnce(Layout) -> *mut u8) -> Option<NonNull<u8>> {
        let layout = self.layout(size, room_for(align)?).filter(|_| !refusal::due())?;
        let start = NonNull::new(system(layout))?;
        Some(self.adopt(start, front_for(start, align), layout.size(), size))
    }

    /// The most bytes that a block at a multiple of `align` can have: what a layout has room for beside what goes with a block.
    pub(crate) fn largest(&self, align: usize) -> usize {
        (isize::MAX as usize + 1 - GRAIN - self.tail()).saturating_sub(room_for(align).unwrap_or(usize::MAX))
    }

    /// Gives a block back, if it is one: finding it and taking it off the list is one step, so of two who free it one is told.
    /// What it was asked for with and whether it has one owner alone is shown to `check` in between, with our own pointer to it.
    pub(crate) fn deallocate(
        &self,
        block: NonNull<u8>,
        check: impl FnOnce(NonNull<u8>, usize, &ShareCount),
    ) -> Result<(), Found> {
        let taken = self.take(block)?;
        // SAFETY: I9, I11: ours, and in place until `release`.
        check(taken.block(), taken.asked(), unsafe { &(*taken.header.as_ptr()).shares });
        self.release(taken);
        Ok(())
    }

    /// Changes the size of a block, keeping the content up to the smaller size, and moves it to a multiple of `align`. `None` when the system has no
    /// memory; then the block is as it was. What is smaller is not refused. An error if it is no block.
    ///
    /// # Safety
    /// The caller owns `block`, if it is one.
    pub(crate) unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        size: usize,
        align: usize,
    ) -> Result<Option<NonNull<u8>>, Found> {
        // Off the list while the system may move it.
        let taken = self.take(block)?;
        let old = taken.asked();
        let moved = if self.zero_on_free {
            self.copy(&taken, size, align)
        } else {
            self.resize_at_systems(&taken, size, align)
        };
        if let Some(moved) = moved {
            if self.zero_on_free {
                self.release(taken);
            }
            return Ok(Some(moved));
        }
        let block = taken.block();
        let stays = size <= old && block.addr().get() % align == 0;
        if stays {
            // SAFETY: I9: ours.
            unsafe { (*taken.header.as_ptr()).asked = size };
            self.write_canary(block, size);
        }
        self.list(taken.header);
        Ok(stays.then_some(block))
    }

    /// A new block with the content of one that was taken: the system would leave what it moves where it was.
    fn copy(&self, taken: &Taken, size: usize, align: usize) -> Option<NonNull<u8>> {
        let new = self.allocate(size, align)?;
        // SAFETY: I4: both blocks are ours, apart from each other, and large enough.
        unsafe { new.copy_from_nonoverlapping(taken.block(), taken.asked().min(size)) };
        Some(new)
    }

    /// The same block of the system's with another size, wherever that is then. On `None` it is as it was.
    fn resize_at_systems(&self, taken: &Taken, size: usize, align: usize) -> Option<NonNull<u8>> {
        let (old, front) = (taken.asked(), taken.front());
        // The content comes along as far in as it is.
        let layout = self.layout(size, room_for(align)?.max(front)).filter(|_| !refusal::due())?;
        // SAFETY: I9: allocated with this layout; the new size is not zero and was checked by `layout`.
        let start = NonNull::new(unsafe { System.realloc(taken.start.as_ptr(), taken.layout, layout.size()) })?;
        // SAFETY: I9: the new block has room for as much in front.
        let content = unsafe { start.add(front) };
        let aligned = content.addr().get() % align == 0;
        let new_front = if aligned { front } else { front_for(start, align) };
        if !aligned {
            // SAFETY: I9: inside the system's block.
            let place = unsafe { start.add(new_front) };
            // SAFETY: I4: ours; `layout` has room for so many bytes behind either front.
            unsafe { place.copy_from(content, old.min(size)) };
        }
        Some(self.adopt(start, new_front, layout.size(), size))
    }

    /// The count of the block's owners.
    ///
    /// # Safety
    /// `block` is a live block of this fallback, by the pointer that it was handed out with; the caller is one of its owners.
    pub(crate) unsafe fn share_count(&self, block: NonNull<u8>) -> NonNull<ShareCount> {
        // SAFETY: I9: in front of the block there is its header.
        let header = unsafe { block.cast::<Header>().sub(1) };
        // SAFETY: I9, I10, I11: the header of a live block is in place; the count is an atomic.
        NonNull::from(unsafe { &(*header.as_ptr()).shares })
    }

    /// What `address` is, found without touching it. Linear in the number of live blocks if it is none.
    pub(crate) fn find(&self, address: NonNull<u8>) -> Found {
        let address = address.addr().get();
        let listed = self.directory.look(address, |header| {
            // Not the whole header: its block's owners may be counting themselves.
            // SAFETY: I9: a listed header is a live block's; the size belongs to the lock.
            Found::Block { block: block_behind(header), size: unsafe { (*header.as_ptr()).asked } }
        });
        listed.unwrap_or_else(|| self.directory.search(|header| inside(header, address)).unwrap_or(Found::Nothing))
    }

    /// Whether it is a live block.
    pub(crate) fn has(&self, block: NonNull<u8>) -> bool {
        self.directory.look(block.addr().get(), |_| ()).is_some()
    }

    /// The first byte behind a block that was written, if its canary was changed.
    ///
    /// # Safety
    /// `block` is a block of this fallback with `size` bytes, by its own pointer; the caller owns it.
    pub(crate) unsafe fn overrun(&self, block: NonNull<u8>, size: usize) -> Option<usize> {
        // SAFETY: I9, I10: `adopt` wrote the canary behind the block's bytes.
        unsafe { self.canary?.changed(block, size, size + TAIL) }
    }

    /// Live blocks and their bytes.
    pub(crate) fn live(&self) -> (usize, usize) {
        self.directory.live()
    }

    /// Every lock there is, for a fork.
    pub(crate) fn locks(&self) -> impl Iterator<Item = &Lock> {
        self.directory.locks()
    }

    /// Writes the header into the system's block of `total` bytes at `start`, and lists it.
    fn adopt(&self, start: NonNull<u8>, front: usize, total: usize, size: usize) -> NonNull<u8> {
        // SAFETY: I9: the system's block has `front + size` bytes.
        let block = unsafe { start.add(front) };
        self.write_canary(block, size);
        // SAFETY: I9: `front` has room for a header.
        let header = unsafe { block.cast::<Header>().sub(1) };
        #[expect(clippy::cast_possible_truncation, reason = "`room_for` has no larger ones")]
        let front = (front / GRAIN) as u32;
        // SAFETY: I9: inside the system's block, which is ours, and aligned as it is.
        unsafe { header.write(Header::new(total, size, front)) };
        self.list(header);
        block
    }

    /// Writes the canary, if there is one, of a block of ours with `size` bytes.
    fn write_canary(&self, block: NonNull<u8>, size: usize) {
        if let Some(canary) = self.canary {
            // SAFETY: I4: the system's block has as many bytes more, and it is ours.
            unsafe { canary.write(block, size, size + TAIL) };
        }
    }

    fn list(&self, header: NonNull<Header>) {
        // SAFETY: I9: written, in front of its block, and there until it is taken.
        unsafe { self.directory.list(header) };
    }

    /// Takes a block off the list.
    fn take(&self, block: NonNull<u8>) -> Result<Taken, Found> {
        match self.directory.unlist(block.addr().get()) {
            Some(header) => Ok(taken(header)),
            None => Err(self.find(block)),
        }
    }

    /// Lets the system have a block that was taken.
    fn release(&self, taken: Taken) {
        if self.zero_on_free {
            let block = taken.block();
            // SAFETY: I4, I10: the block is ours, all its bytes but those in front.
            unsafe { block.write_bytes(0, taken.layout.size() - taken.front()) };
            // A compiler may leave out what is written just before a free, unless somebody might look at it.
            core::hint::black_box(block);
        }
        // SAFETY: I9: allocated with this layout, and ours.
        unsafe { System.dealloc(taken.start.as_ptr(), taken.layout) }
    }

    /// Bytes behind each block.
    fn tail(&self) -> usize {
        if self.canary.is_some() { TAIL } else { 0 }
    }

    /// What the system is asked for: `size` bytes behind `front` others, and what comes behind.
    fn layout(&self, size: usize, front: usize) -> Option<Layout> {
        Layout::from_size_align(size.checked_add(front)?.checked_add(self.tail())?, GRAIN).ok()
    }
}

impl Drop for Fallback {
    fn drop(&mut self) {
        // The heap ends, so nobody may use any of them any more.
        self.directory.empty(|header| self.release(taken(header)));
    }
}

/// Most bytes that lie in front of a block at a multiple of `align`.
fn room_for(align: usize) -> Option<usize> {
    (align <= MOST_ALIGN).then(|| HEADER + align.max(GRAIN) - GRAIN)
}

/// Bytes from the start of the system's block to the first multiple of `align` behind a header.
fn front_for(start: NonNull<u8>, align: usize) -> usize {
    let start = start.addr().get();
    (start + HEADER).next_multiple_of(align.max(GRAIN)) - start
}

fn block_behind(header: NonNull<Header>) -> NonNull<u8> {
    // SAFETY: I9: a header lies in front of its block.
    unsafe { header.add(1) }.cast()
}

/// What a header says that is on no list any more.
fn taken(header: NonNull<Header>) -> Taken {
    // SAFETY: I9: of a block that was live, and ours now.
    let Header { total, front, .. } = unsafe { header.read() };
    // SAFETY: I9: `adopt` put the block so many bytes behind the start.
    let start = unsafe { block_behind(header).sub(front as usize * GRAIN) };
    // SAFETY: I9: this layout was valid when the block was allocated.
    Taken { header, start, layout: unsafe { Layout::from_size_align_unchecked(total, GRAIN) } }
}

/// Whether `address` lies inside the block of a listed header.
fn inside(header: NonNull<Header>, address: usize) -> Option<Found> {
    // SAFETY: I9: a listed header is a live block's; the size belongs to the lock.
    let size = unsafe { (*header.as_ptr()).asked };
    let bytes = address.wrapping_sub(block_behind(header).addr().get());
    (bytes < size).then_some(Found::Inside { bytes, size })
}

#[cfg(all(test, not(loom)))]
#[expect(clippy::cast_possible_truncation, reason = "remainders")]
mod tests {
    use super::*;

    fn settings() -> [Fallback; 3] {
        [Fallback::new(None, false), Fallback::new(Some(Canary::new()), false), Fallback::new(None, true)]
    }

    fn fill(block: NonNull<u8>, size: usize) {
        for byte in 0..size {
            // SAFETY: I10: live, so many bytes.
            let place = unsafe { block.add(byte) };
            // SAFETY: I10: as above.
            unsafe { place.write((byte % 251) as u8) };
        }
    }

    #[track_caller]
    fn check(block: NonNull<u8>, size: usize) {
        // SAFETY: I10: live, so many bytes, written.
        let content = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
        assert!(content.iter().enumerate().all(|(number, byte)| *byte == (number % 251) as u8));
    }

    #[test]
    fn blocks_are_aligned_listed_and_given_back_at_the_end() {
        for fallback in settings() {
            let aligns = [1, 16, 32, 64, 4096, 8192, 2 << 20];
            for align in aligns {
                let block = fallback.allocate(100, align).unwrap();
                assert_eq!(block.addr().get() % align.max(16), 0);
                assert_eq!(fallback.find(block), Found::Block { block, size: 100 });
                // SAFETY: I9: inside the block.
                let behind = unsafe { block.add(99) };
                assert_eq!(fallback.find(behind), Found::Inside { bytes: 99, size: 100 });
                assert_eq!(fallback.deallocate(behind, |_, _, _| unreachable!()), Err(fallback.find(behind)));
                fill(block, 100);
            }
            assert_eq!(fallback.live(), (aligns.len(), aligns.len() * 100));
            assert!(fallback.allocate(100, 2 * MOST_ALIGN).is_none());
        }
    }

    #[test]
    fn what_is_asked_for_zeroed_is_zero() {
        let fallback = Fallback::new(None, false);
        for (size, align) in [(1, 16), (5000, 64), (1 << 20, 4096)] {
            for _ in 0..3 {
                let block = fallback.allocate_zeroed(size, align).unwrap();
                // SAFETY: I10: live, so many bytes, zeroed.
                let content = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
                assert!(content.iter().all(|byte| *byte == 0));
                fill(block, size);
                fallback.deallocate(block, |_, _, _| ()).unwrap();
            }
        }
    }

    /// Many more than there are rows at first, of one shard and of others, in an order that is not theirs.
    #[test]
    fn thousands_of_blocks_are_found_and_taken_once() {
        const COUNT: usize = 10_007;
        let fallback = Fallback::new(None, false);
        let blocks: Vec<_> = (0..COUNT).map(|number| fallback.allocate(number, 16).unwrap()).collect();
        assert_eq!(fallback.live(), (COUNT, (0..COUNT).sum()));
        for step in 0..COUNT {
            let number = step * 5003 % COUNT;
            let block = blocks[number];
            assert_eq!(fallback.find(block), Found::Block { block, size: number });
            assert_eq!(
                fallback.deallocate(block, |own, size, shares| {
                    assert_eq!((own, size, shares.is_sole()), (block, number, true));
                }),
                Ok(())
            );
            assert!(!fallback.has(block));
        }
        assert_eq!(fallback.live(), (0, 0));
    }

    #[test]
    fn realloc_keeps_content_and_alignment_whatever_it_was_before() {
        for fallback in settings() {
            let neighbour = fallback.allocate(1, 16).unwrap();
            let aligns = [16, 4096, 64, 1 << 16, 16];
            let sizes = [10, 3000, 5 << 20, 100, 300_000, 20, 1 << 20, 1 << 20, 0, 7];
            let (mut block, mut old) = (fallback.allocate(1, 16).unwrap(), 1);
            fill(block, 1);
            for align in aligns {
                for size in sizes {
                    // SAFETY: I9: live, ours.
                    block = unsafe { fallback.reallocate(block, size, align) }.unwrap().unwrap();
                    assert_eq!((block.addr().get() % align, fallback.live()), (0, (2, size + 1)));
                    check(block, old.min(size));
                    fill(block, size);
                    // SAFETY: I9: live, ours.
                    assert_eq!(unsafe { fallback.overrun(block, size) }, None);
                    old = size;
                }
            }
            // SAFETY: I9: live, ours.
            assert_eq!(unsafe { fallback.reallocate(block, isize::MAX as usize, 16) }, Ok(None));
            check(block, old);
            for block in [block, neighbour] {
                assert_eq!(fallback.deallocate(block, |_, _, _| ()), Ok(()));
                // SAFETY: I9: ours, and no block any more.
                assert_eq!(unsafe { fallback.reallocate(block, 1, 16) }, Err(Found::Nothing));
            }
            assert_eq!(fallback.live(), (0, 0));
        }
    }

    #[cfg(all(unix, not(any(shuttle, smarena_portable, miri))))]
    #[test]
    fn a_block_that_cannot_be_cut_is_known_to_be_smaller_where_it_is() {
        for fallback in settings() {
            let block = fallback.allocate(300_000, 16).unwrap();
            fill(block, 10);
            refusal::refuse_after(Some(0));
            // SAFETY: I9: live, ours.
            let smaller = unsafe { fallback.reallocate(block, 10, 16) };
            refusal::refuse_after(None);
            assert_eq!((smaller, fallback.find(block)), (Ok(Some(block)), Found::Block { block, size: 10 }));
            assert_eq!(fallback.live(), (1, 10));
            check(block, 10);
            // SAFETY: I9: live, ours.
            assert_eq!(unsafe { fallback.overrun(block, 10) }, None);
        }
    }

    #[test]
    fn the_largest_block_is_the_largest_that_a_layout_has_room_for() {
        for fallback in settings() {
            for align in [1, 16, 64, 4096, 2 << 20] {
                let room = room_for(align).unwrap();
                let largest = fallback.largest(align);
                assert!(fallback.layout(largest, room).is_some() && fallback.layout(largest + 1, room).is_none());
            }
            assert_eq!(fallback.largest(2 * MOST_ALIGN), 0);
        }
    }

    #[test]
    fn of_two_frees_of_a_block_one_is_told() {
        let fallback = &Fallback::new(None, false);
        for _ in 0..100 {
            let block = fallback.allocate(1, 16).unwrap().addr();
            // The address is enough.
            let free = move || {
                fallback
                    .deallocate(NonNull::new(core::ptr::without_provenance_mut(block.get())).unwrap(), |_, _, _| ())
                    .is_ok()
            };
            let freed =
                std::thread::scope(|scope| [scope.spawn(free), scope.spawn(free)].map(|thread| thread.join().unwrap()));
            assert!(freed[0] != freed[1], "{freed:?}");
        }
    }
}
