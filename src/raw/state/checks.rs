//! What a hardened heap does beside: it keeps book of every block, and ends the process when memory was misused.
//!
//! Such a heap has no caches, so every call that allocates or frees comes by here.

use core::ptr::NonNull;

use super::State;
use crate::raw::buckets::bucket::Bucket;
use crate::raw::fallback::Found;
use crate::raw::fault::{self, Misuse, Stranger};
use crate::raw::hardened::ledger::Ledger;
use crate::raw::hardened::quarantine::Quarantine;
use crate::raw::lock::Lock;
use crate::raw::testing::poison;
use crate::raw::threads::thread::REGISTRY;

/// What a hardened heap knows of one bucket's blocks. Shared; the quarantine belongs to the lock.
pub(super) struct Watch {
    pub(super) ledger: Ledger,
    pub(super) lock: Lock,
    pub(super) quarantine: Quarantine,
}

/// A live block, as a hardened heap knows it.
pub(crate) struct Held {
    /// The heap's own pointer to it.
    pub(crate) block: NonNull<u8>,
    /// The bucket it came from; `None` for the system.
    pub(crate) class: Option<usize>,
    /// Bytes it has.
    pub(crate) capacity: usize,
    /// Bytes it was asked for with.
    pub(crate) asked: usize,
    /// Bytes that its owner may use.
    pub(crate) usable: usize,
}

impl State {
    /// What is known of bucket `class`'s blocks, on a hardened heap.
    pub(super) fn watch(&self, class: usize) -> Option<&Watch> {
        // SAFETY: I1: written by `build`, in place until `release`.
        Some(&unsafe { self.watches?.as_ref() }[class])
    }

    /// Enters a block that is handed out for `asked` bytes. The fallback's need no entry: it has a list.
    pub(crate) fn hand_out(&self, block: NonNull<u8>, asked: usize) {
        let Some((class, watch)) = self.locate(block).and_then(|class| Some((class, self.watch(class)?))) else {
            return;
        };
        let bucket = &self.buckets()[class];
        let index = bucket.index(block);
        if self.config.zero_on_free {
            poison::has_content(block, bucket.block_size());
            // SAFETY: I2, I4: a whole block that is ours; never written, or zeroed when it was given back or purged.
            let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), bucket.block_size()) };
            if let Some(byte) = bytes.iter().position(|byte| *byte != 0) {
                fault::misuse(bucket.site(index), Misuse::WrittenWhileFree { byte });
            }
        }
        if let Some(canary) = self.canary {
            // SAFETY: I2, I4: the block is ours.
            unsafe { canary.write(block, asked, bucket.block_size()) };
        }
        let entered = watch.ledger.enter(index, asked);
        debug_assert!(entered, "a block was handed out twice");
    }

    /// Takes a bucket's block off the book and, later or at once, back into the bucket.
    pub(super) fn take_back(&self, watch: &Watch, bucket: &Bucket, block: NonNull<u8>) {
        let index = bucket.index(block);
        let Some(asked) = watch.ledger.strike(index) else {
            fault::misuse(bucket.site(index), Misuse::FreedTwice);
        };
        // The heap's own pointer: the caller's may be good for the bytes alone that were asked for.
        let block = bucket.block(index);
        self.check_canary(bucket, block, asked);
        if !bucket.share_count(block).is_sole() {
            fault::misuse(bucket.site(index), Misuse::Shared);
        }
        if self.config.zero_on_free {
            // SAFETY: I4, I10: the caller gave up the block, it is off the book, and nobody else has it yet.
            unsafe { block.write_bytes(0, bucket.block_size()) };
        }
        poison::given_back(block, bucket.block_size());
        watch.lock.with(|| {
            if let Some(waited) = watch.quarantine.exchange(index) {
                bucket.deposit_index(waited);
            }
        });
    }

    /// Takes back a block that is no bucket's. Of the system's blocks every heap has a list, so every heap checks that it is one.
    pub(crate) fn take_back_from_elsewhere(&self, block: NonNull<u8>) {
        let given_back = self.fallback.deallocate(block, |own, size, shares| {
            self.check_systems_canary(own, size);
            if !shares.is_sole() {
                fault::misuse_of_systems(self.config.name, own.addr().get(), Misuse::Shared);
            }
        });
        given_back.unwrap_or_else(|found| self.foreign(block, &found));
    }

    /// Changes the size of a block that is no bucket's, as `Fallback::reallocate`.
    ///
    /// # Safety
    /// The caller owns `block`, if it is one.
    pub(crate) unsafe fn resize_elsewhere(&self, block: NonNull<u8>, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: I10: passed on.
        let resized = unsafe { self.fallback.reallocate(block, size, align) };
        resized.unwrap_or_else(|found| self.foreign(block, &found))
    }

    /// As `measured`, of a block that is no bucket's.
    pub(super) fn measured_elsewhere(&self, block: NonNull<u8>) -> (NonNull<u8>, usize) {
        match self.fallback.find(block) {
            Found::Block { block, size } => (block, size),
            found => self.foreign(block, &found),
        }
    }

    /// A live block; whatever else ends the process.
    ///
    /// `told` is the size that the caller says it was asked for with, if it says so; `if_free` what to call it if it is free.
    pub(crate) fn held(&self, block: NonNull<u8>, told: Option<usize>, if_free: Misuse) -> Held {
        let Some(class) = self.locate(block) else {
            return match self.fallback.find(block) {
                Found::Block { block, size } => {
                    if let Some(told) = told.filter(|&told| told != size) {
                        let misuse = Misuse::WrongSize { asked: size, told };
                        fault::misuse_of_systems(self.config.name, block.addr().get(), misuse);
                    }
                    self.check_systems_canary(block, size);
                    Held { block, class: None, capacity: size, asked: size, usable: size }
                }
                found => self.foreign(block, &found),
            };
        };
        let bucket = &self.buckets()[class];
        let index = bucket.index(block);
        let Some(asked) = self.watch(class).and_then(|watch| watch.ledger.asked(index)) else {
            fault::misuse(bucket.site(index), if_free);
        };
        if let Some(told) = told.filter(|&told| told != asked) {
            fault::misuse(bucket.site(index), Misuse::WrongSize { asked, told });
        }
        let block = bucket.block(index);
        self.check_canary(bucket, block, asked);
        let capacity = bucket.block_size();
        let usable = if self.canary.is_some() { asked } else { capacity };
        Held { block, class: Some(class), capacity, asked, usable }
    }

    /// Notes that a live block of bucket `class` is used for `size` bytes from now on, which it has.
    pub(crate) fn resize(&self, held: &Held, class: usize, size: usize) {
        let bucket = &self.buckets()[class];
        let index = bucket.index(held.block);
        if let Some(canary) = self.canary {
            // SAFETY: I2, I10: the caller owns the block.
            unsafe { canary.write(held.block, size, bucket.block_size()) };
        }
        if !self.watch(class).is_some_and(|watch| watch.ledger.change(index, held.asked, size)) {
            fault::misuse(bucket.site(index), Misuse::UsedWhileFree);
        }
    }

    /// When the bucket has none left: a block that still waits, with everybody else who frees held off meanwhile.
    ///
    /// `None` only if at some moment of the call no block was free.
    pub(super) fn reuse_early(&self, class: usize) -> Option<NonNull<u8>> {
        let watch = self.watch(class)?;
        let bucket = &self.buckets()[class];
        watch.lock.with(|| {
            let waited = watch.quarantine.release().map(|waited| bucket.block(waited));
            waited
                .inspect(|&block| poison::handed_out(block, bucket.block_size()))
                .or_else(|| bucket.withdraw_one_exact().ok())
        })
    }

    /// How many of bucket `class`'s free blocks wait before they are used again.
    pub(crate) fn waiting(&self, class: usize) -> usize {
        let Some(watch) = self.watch(class) else { return 0 };
        watch.lock.with(|| watch.quarantine.held())
    }

    /// Bytes that bucket `class`'s live blocks have beyond those asked for, on a hardened heap.
    pub(crate) fn rounding(&self, class: usize) -> Option<usize> {
        let (watch, bucket) = (self.watch(class)?, &self.buckets()[class]);
        let asked = (0..bucket.watermark()).filter_map(|block| watch.ledger.asked(block));
        Some(asked.map(|asked| bucket.block_size() - asked).sum())
    }

    fn check_canary(&self, bucket: &Bucket, block: NonNull<u8>, asked: usize) {
        // SAFETY: I2, I10: the caller owns the block, whose canary `hand_out` or `resize` wrote.
        let changed = self.canary.and_then(|canary| unsafe { canary.changed(block, asked, bucket.block_size()) });
        if let Some(byte) = changed {
            fault::misuse(bucket.site(bucket.index(block)), Misuse::Overrun { asked, byte });
        }
    }

    fn check_systems_canary(&self, block: NonNull<u8>, asked: usize) {
        // SAFETY: I9, I10: a block of the fallback; its canary was written when it was made.
        if let Some(byte) = unsafe { self.fallback.overrun(block, asked) } {
            fault::misuse_of_systems(self.config.name, block.addr().get(), Misuse::Overrun { asked, byte });
        }
    }

    /// A pointer that is neither in a bucket nor a block of the fallback, given back as one to no bytes: what was made up lies in no heap.
    pub(crate) fn check_made_up(&self, pointer: NonNull<u8>) {
        let found = self.fallback.find(pointer);
        if found != Found::Nothing || REGISTRY.site_of(pointer).is_some() {
            self.foreign(pointer, &found);
        }
    }

    /// Ends the process over a pointer that is no live block of this heap.
    #[cold]
    fn foreign(&self, pointer: NonNull<u8>, found: &Found) -> ! {
        let stranger = match *found {
            Found::Inside { bytes, size } => Stranger::IntoSystems { bytes, size },
            _ => REGISTRY.site_of(pointer).map_or(Stranger::Unknown, Stranger::OtherHeaps),
        };
        fault::foreign(self.config.name, pointer.addr().get(), stranger)
    }
}
