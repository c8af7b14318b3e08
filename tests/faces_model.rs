//! One heap by all its faces at once, against a list of what is live: raw calls by type and by reference, owners' calls by type, by reference
//! and by `Arc`, both versions of allocator-api2, `GlobalAlloc`, explicit caches, C.
//!
//! Two threads take turns, so that at every moment it is known what is live: then every count must be exact, and whatever is refused,
//! or taken from elsewhere, must not have been within the asking thread's reach. And the same programs with both threads running freely,
//! where counts have bounds and a thread is refused nothing as long as there is more than others may keep.

#![expect(unsafe_code, reason = "raw calls and the traits of allocators are what is tested")]

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use allocator_api2_02::alloc::Allocator as Allocator02;
use allocator_api2_04::alloc::Allocator as Allocator04;
use common::setting::{Classes, Setting, cache_bytes, setting, warmup};
use proptest::prelude::*;
use smarena::ffi::*;
use smarena::{AllocError, CacheWarmup, Exhausted, Global, Heap, HeapRef, HeapStats, SizeClasses, StaticHeap};

const STATIC_BYTES: usize = 2000;
const RESERVE: usize = 7000;
const STATIC_CACHE: usize = 200;

smarena::static_heap! {
    struct Overflowing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold) }
    struct Growing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold), on_exhausted: Exhausted::Grow { reserve: RESERVE } }
    struct Refusing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold), on_exhausted: Exhausted::Refuse }
    struct HardOverflowing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold), hardened: true }
    struct HardGrowing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold), on_exhausted: Exhausted::Grow { reserve: RESERVE }, hardened: true }
    struct HardRefusing: Classes { bucket_bytes: STATIC_BYTES, thread_cache(STATIC_CACHE, CacheWarmup::Cold), on_exhausted: Exhausted::Refuse, hardened: true }
}

/// Which heap a program runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Static(usize),
    Global,
    Counted(Setting),
    Foreign { buckets: u32, bytes: usize },
}

/// Places are taken modulo how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Allocate {
        way: usize,
        size: usize,
        align: usize,
        zeroed: bool,
    },
    Free {
        way: usize,
        block: usize,
    },
    FreeBatch(usize),
    Reallocate {
        way: usize,
        block: usize,
        size: usize,
        align: usize,
    },
    /// Gives back, or grows, what has no bytes and was never handed out, as collections do.
    Nothing {
        way: usize,
        align: usize,
        size: usize,
    },
    OpenCache {
        bytes: usize,
        warmup: CacheWarmup,
    },
    CloseCache(usize),
    /// So many times, if the other thread runs meanwhile.
    Trim(u8),
}

/// Which of the two threads takes each step.
pub(crate) type Program = (Kind, Vec<(bool, Step)>);

pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => (0..6_usize).prop_map(Kind::Static),
        1 => Just(Kind::Global),
        6 => setting().prop_map(Kind::Counted),
        2 => (1..=8_u32, 128..20_000_usize).prop_map(|(buckets, bytes)| Kind::Foreign { buckets, bytes }),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    // Often the largest, of which there are few, and those of a class below: what is made smaller or larger between them finds none often, too.
    prop_oneof![4 => 0..=128_usize, 5 => 113..=128_usize, 5 => 81..=96_usize, 2 => Just(0), 1 => 129..6000_usize]
}

fn align() -> impl Strategy<Value = usize> {
    prop_oneof![8 => (0..=4_u32).prop_map(|bit| 1 << bit), 3 => (5..=12_u32).prop_map(|bit| 1 << bit), 1 => Just(8192)]
}

pub(crate) fn step() -> impl Strategy<Value = (bool, Step)> {
    let place = any::<usize>;
    let step = prop_oneof![
        20 => (place(), size(), align(), any::<bool>())
            .prop_map(|(way, size, align, zeroed)| Step::Allocate { way, size, align, zeroed }),
        8 => (place(), place()).prop_map(|(way, block)| Step::Free { way, block }),
        1 => (0..40_usize).prop_map(Step::FreeBatch),
        10 => (place(), place(), size(), align())
            .prop_map(|(way, block, size, align)| Step::Reallocate { way, block, size, align }),
        1 => (place(), align(), size()).prop_map(|(way, align, size)| Step::Nothing { way, align, size }),
        2 => (cache_bytes(), warmup()).prop_map(|(bytes, warmup)| Step::OpenCache { bytes, warmup }),
        2 => place().prop_map(Step::CloseCache),
        2 => prop_oneof![Just(1), Just(100)].prop_map(Step::Trim),
    ];
    (any::<bool>(), step)
}

/// Why there is no block, if the face says so.
type Refused = Option<AllocError>;
type Answer = Result<NonNull<u8>, Refused>;

/// Whether a face is told layouts, and whose rules hold for those without bytes: such a block goes back as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Face {
    Raw,
    Owner,
    Collection,
    GlobalAlloc,
}

/// One face of a heap.
trait Way {
    fn face(&self) -> Face;
    fn allocate(&self, layout: Layout) -> Answer;
    /// By the face's call for it, if it has one.
    fn allocate_zeroed(&self, layout: Layout) -> Answer {
        let block = self.allocate(layout)?;
        // SAFETY: ours, this large.
        unsafe { block.write_bytes(0, layout.size()) };
        Ok(block)
    }
    /// # Safety
    /// The block is live, was last asked for with this layout, and is given up.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout);
    /// # Safety
    /// As `deallocate`, if a block comes back.
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Answer;
}

/// What a heap can be asked that is not one block's business.
trait Whole: Sync {
    /// `None` from C.
    fn stats(&self) -> Option<HeapStats>;
    fn trim(&self);
    fn block_sizes(&self) -> Vec<usize>;
    fn bucket_of(&self, block: NonNull<u8>) -> Option<usize>;
    fn usable_size(&self, block: NonNull<u8>) -> usize;
    fn free_batch(&self, blocks: &[NonNull<u8>]);
    fn open_cache(&self, bytes: usize, warmup: CacheWarmup) -> Box<dyn Way + '_>;
}

/// 0 stands for 16.
fn raw_align(layout: Layout) -> usize {
    if layout.align() == 16 { 0 } else { layout.align() }
}

/// Whether the raw free of a block is told what was asked for: every second block's is.
fn is_told(block: NonNull<u8>) -> bool {
    block.addr().get() / 16 % 2 == 0
}

struct Raw<'h, C: SizeClasses>(&'h Heap<C>);

struct RawByType<S: StaticHeap>(S);

macro_rules! raw {
    ($type:ty, $generic:ident: $bound:ident $(, $more:item)?) => {
        impl<$generic: $bound> Way for $type {
            fn face(&self) -> Face {
                Face::Raw
            }

            fn allocate(&self, layout: Layout) -> Answer {
                self.0.malloc(layout.size(), raw_align(layout)).map_err(Some)
            }

            $($more)?

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                if is_told(block) {
                    // SAFETY: the caller's contract.
                    unsafe { self.0.free_sized(block, layout.size(), raw_align(layout)) }
                } else {
                    // SAFETY: the caller's contract.
                    unsafe { self.0.free(block) }
                }
            }

            unsafe fn reallocate(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Answer {
                // SAFETY: the caller's contract.
                unsafe { self.0.realloc(block, new.size(), raw_align(new)) }.map_err(Some)
            }
        }
    };
}

raw!(
    Raw<'_, C>,
    C: SizeClasses,
    fn allocate_zeroed(&self, layout: Layout) -> Answer {
        self.0.malloc_zeroed(layout.size(), raw_align(layout)).map_err(Some)
    }
);
raw!(RawByType<S>, S: StaticHeap);

struct Explicit<'h, C: SizeClasses>(&'h Heap<C>, smarena::ThreadCache<'h, C>);

impl<C: SizeClasses> Way for Explicit<'_, C> {
    fn face(&self) -> Face {
        Face::Raw
    }

    fn allocate(&self, layout: Layout) -> Answer {
        self.1.alloc(layout.size(), raw_align(layout)).map_err(Some)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the caller's contract.
        unsafe { self.1.free(block) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Answer {
        // SAFETY: the caller's contract.
        unsafe { self.0.realloc(block, new.size(), raw_align(new)) }.map_err(Some)
    }
}

/// What owners call.
struct Owner<H: HeapRef>(H);

impl<H: HeapRef> Way for Owner<H> {
    fn face(&self) -> Face {
        Face::Owner
    }

    fn allocate(&self, layout: Layout) -> Answer {
        self.0.allocate(layout).map_err(Some)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Answer {
        self.0.allocate_zeroed(layout).map_err(Some)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() % 2 == 0 {
            // SAFETY: the caller's contract.
            unsafe { self.0.deallocate(block, layout) }
        } else {
            // SAFETY: the caller's contract.
            unsafe { self.0.deallocate_by_address(block, layout) }
        }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Answer {
        // SAFETY: the caller's contract.
        unsafe { self.0.reallocate(block, old, new) }.map_err(Some)
    }
}

macro_rules! collection {
    ($name:ident, $allocator:ident) => {
        struct $name<A: $allocator>(A);

        impl<A: $allocator> Way for $name<A> {
            fn face(&self) -> Face {
                Face::Collection
            }

            fn allocate(&self, layout: Layout) -> Answer {
                self.0.allocate(layout).map(NonNull::cast).map_err(|_| None)
            }

            fn allocate_zeroed(&self, layout: Layout) -> Answer {
                self.0.allocate_zeroed(layout).map(NonNull::cast).map_err(|_| None)
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller's contract.
                unsafe { self.0.deallocate(block, layout) }
            }

            unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Answer {
                let moved = if new.size() > old.size() {
                    // SAFETY: the caller's contract.
                    unsafe { self.0.grow(block, old, new) }
                } else {
                    // SAFETY: the caller's contract.
                    unsafe { self.0.shrink(block, old, new) }
                };
                moved.map(NonNull::cast).map_err(|_| None)
            }
        }
    };
}

collection!(Collection02, Allocator02);
collection!(Collection04, Allocator04);

struct AsGlobal<'h, A: GlobalAlloc>(&'h A);

impl<A: GlobalAlloc> Way for AsGlobal<'_, A> {
    fn face(&self) -> Face {
        Face::GlobalAlloc
    }

    fn allocate(&self, layout: Layout) -> Answer {
        // SAFETY: this allocator serves layouts without bytes, too.
        NonNull::new(unsafe { self.0.alloc(layout) }).ok_or(None)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Answer {
        // SAFETY: as above.
        NonNull::new(unsafe { self.0.alloc_zeroed(layout) }).ok_or(None)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { self.0.dealloc(block.as_ptr(), layout) }
    }

    /// Keeps the alignment, and at least so many.
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Answer {
        // SAFETY: the caller's contract.
        NonNull::new(unsafe { self.0.realloc(block.as_ptr(), old, new.size()) }).ok_or(None)
    }
}

impl<C: SizeClasses> Whole for Heap<C> {
    fn stats(&self) -> Option<HeapStats> {
        Some(Heap::stats(self))
    }

    fn trim(&self) {
        Heap::trim(self);
    }

    fn block_sizes(&self) -> Vec<usize> {
        C::BLOCK_SIZES.to_vec()
    }

    fn bucket_of(&self, block: NonNull<u8>) -> Option<usize> {
        Heap::bucket_of(self, block)
    }

    fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: only asked of live blocks.
        unsafe { Heap::usable_size(self, block) }
    }

    fn free_batch(&self, blocks: &[NonNull<u8>]) {
        // SAFETY: live, each once, given up.
        unsafe { Heap::free_batch(self, blocks) }
    }

    fn open_cache(&self, bytes: usize, warmup: CacheWarmup) -> Box<dyn Way + '_> {
        Box::new(Explicit(self, self.thread_cache(bytes, warmup)))
    }
}

/// An allocator of the C interface.
struct Foreign(*mut c_void, u32);

// SAFETY: any thread may use an allocator.
unsafe impl Sync for Foreign {}

impl Way for &Foreign {
    fn face(&self) -> Face {
        Face::Raw
    }

    fn allocate(&self, layout: Layout) -> Answer {
        // SAFETY: an allocator.
        let block = unsafe { sm_malloc(self.0, layout.size(), raw_align(layout)) };
        NonNull::new(block.cast()).ok_or(None)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let memory = block.as_ptr().cast();
        if is_told(block) {
            // SAFETY: the caller's contract.
            unsafe { sm_free_sized(self.0, memory, layout.size(), raw_align(layout)) }
        } else {
            // SAFETY: the caller's contract.
            unsafe { sm_free(self.0, memory) }
        }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Answer {
        // To size 0 would be a free.
        // SAFETY: the caller's contract.
        let moved = unsafe { sm_realloc(self.0, block.as_ptr().cast(), new.size().max(1), raw_align(new)) };
        NonNull::new(moved.cast()).ok_or(None)
    }
}

/// A thread's cache of it: created, and destroyed again.
struct ForeignCache<'f>(&'f Foreign);

impl Way for ForeignCache<'_> {
    fn face(&self) -> Face {
        Face::Raw
    }

    fn allocate(&self, layout: Layout) -> Answer {
        (&self.0).allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { (&self.0).deallocate(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Answer {
        // SAFETY: the caller's contract.
        unsafe { (&self.0).reallocate(block, old, new) }
    }
}

impl Drop for ForeignCache<'_> {
    fn drop(&mut self) {
        // SAFETY: an allocator.
        unsafe { sm_allocator_thread_cache_destroy(self.0.0) };
    }
}

impl Whole for Foreign {
    fn stats(&self) -> Option<HeapStats> {
        None
    }

    fn trim(&self) {}

    fn block_sizes(&self) -> Vec<usize> {
        (1..=self.1 as usize).map(|number| 16 * number).collect()
    }

    fn bucket_of(&self, block: NonNull<u8>) -> Option<usize> {
        // SAFETY: an allocator; any pointer may be asked about.
        usize::try_from(unsafe { sm_mbucket(self.0, block.as_ptr().cast()) }).ok()
    }

    fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: only asked of live blocks.
        unsafe { sm_msize(self.0, block.as_ptr().cast()) }
    }

    fn free_batch(&self, blocks: &[NonNull<u8>]) {
        // SAFETY: live, each once, given up; a slice of pointers.
        unsafe { sm_free_batch(self.0, blocks.as_ptr().cast_mut().cast(), blocks.len()) };
    }

    fn open_cache(&self, bytes: usize, warmup: CacheWarmup) -> Box<dyn Way + '_> {
        let warmup = match warmup {
            CacheWarmup::Cold => 0,
            CacheWarmup::Warm => 1,
            CacheWarmup::Hot => 2,
        };
        // SAFETY: an allocator.
        unsafe { sm_allocator_thread_cache_create(self.0, warmup, bytes / 16) };
        Box::new(ForeignCache(self))
    }
}

/// A live block, `layout.size()` bytes of `fill`.
#[derive(Clone, Copy)]
struct Held {
    block: NonNull<u8>,
    layout: Layout,
    /// `None` if it is no bucket's.
    bucket: Option<usize>,
    face: Face,
    /// By a raw call, which was told another layout: its block need not be of that one's class.
    left_in_place: bool,
    fill: u8,
}

// SAFETY: any thread may own and free a block.
unsafe impl Send for Held {}

impl Held {
    /// The first `size` bytes are what was written.
    fn check(&self, size: usize) {
        // SAFETY: live, `size` bytes, written.
        let bytes = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), size) };
        assert!(bytes.iter().all(|byte| *byte == self.fill), "the content of {:?} is lost", self.block);
    }
}

/// What a heap was told, as far as the model must know it.
#[derive(Clone, Copy)]
struct Rules {
    exhausted: Exhausted,
    bucket_bytes: usize,
    hardened: bool,
    canary: bool,
    /// Whether it has caches of two kinds.
    by_type: bool,
    /// Bytes of blocks of a bucket that another thread's cache may have.
    cached: usize,
}

type Ways<'h> = Vec<Box<dyn Way + Send + Sync + 'h>>;

struct World<'h> {
    whole: &'h dyn Whole,
    ways: Ways<'h>,
    rules: Rules,
    block_sizes: Vec<usize>,
    /// Whether only one thread does something at a time.
    turns: bool,
    held: Mutex<Vec<Held>>,
    /// First byte of every live block, and the byte behind its last.
    live: Mutex<BTreeMap<usize, usize>>,
    /// The capacity of each bucket before this step.
    capacity: Mutex<Vec<usize>>,
    /// Blocks of each class that are live or being allocated.
    claimed: Vec<AtomicUsize>,
    /// How often there were too many of these for each of them to be sure of a block.
    crowded: Vec<AtomicUsize>,
    fill: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'h> World<'h> {
    fn new(whole: &'h dyn Whole, ways: Ways<'h>, rules: Rules, turns: bool) -> Self {
        let block_sizes = whole.block_sizes();
        let capacity = whole.stats().map_or(Vec::new(), |stats| stats.buckets().iter().map(|b| b.capacity).collect());
        let zeros = || block_sizes.iter().map(|_| AtomicUsize::new(0)).collect();
        let (claimed, crowded, fill) = (zeros(), zeros(), AtomicUsize::new(1));
        let (held, live, capacity) = (Mutex::default(), Mutex::default(), Mutex::new(capacity));
        Self { whole, ways, rules, block_sizes, turns, held, live, capacity, claimed, crowded, fill }
    }

    /// The first class with blocks that are large enough and aligned.
    fn class(&self, layout: Layout) -> Option<usize> {
        let fits = |&size: &usize| size >= layout.size() && (layout.align() <= 16 || size % layout.align() == 0);
        self.block_sizes.iter().position(fits).filter(|_| layout.align() <= 4096)
    }

    fn most_blocks(&self, bucket: usize) -> usize {
        let first = self.rules.bucket_bytes / self.block_sizes[bucket];
        match self.rules.exhausted {
            Exhausted::Grow { reserve } => first.max(reserve / self.block_sizes[bucket]),
            _ => first,
        }
    }

    /// Blocks of a bucket that this thread could have now, after its caches went back into the buckets.
    fn within_reach(&self, bucket: usize) -> usize {
        let Some(stats) = self.whole.stats() else { return 0 };
        let bucket = &stats.buckets()[bucket];
        let waiting = if self.rules.hardened { bucket.cached } else { 0 };
        bucket.free + waiting + bucket.capacity - bucket.watermark
    }

    /// One thread at a time: nothing else than what came would have been right. `answer` is where the block is from, if there is one.
    fn check_source(&self, layout: Layout, answer: Option<Option<usize>>) {
        let Rules { exhausted, .. } = self.rules;
        let refuses = exhausted == Exhausted::Refuse;
        let class = self.class(layout);
        let Some(class) = class else {
            match answer {
                Some(source) => assert!(source.is_none() && !refuses),
                None => assert!(refuses || layout.align() > 4096, "refused {layout:?}"),
            }
            return;
        };
        assert!(answer.is_some() || refuses, "refused {layout:?}");
        let end = answer.flatten().unwrap_or(self.block_sizes.len());
        assert!(end >= class, "{layout:?} from bucket {end}");
        if refuses {
            assert!(answer.is_none() || end == class, "{layout:?} from elsewhere");
        }
        if !self.turns || self.whole.stats().is_none() {
            return;
        }
        let before = lock(&self.capacity)[class];
        if end == class {
            if self.capacity_of(class) > before {
                self.whole.trim();
                let grown = self.capacity_of(class) - before;
                assert!(self.within_reach(class) < grown, "bucket {class} grew for {layout:?}");
            }
            return;
        }
        self.whole.trim();
        let last = if refuses { class + 1 } else { end };
        for bucket in (class..last).filter(|&b| b == class || self.block_sizes[b] % layout.align() == 0) {
            let reach = self.within_reach(bucket);
            assert_eq!(
                reach,
                0,
                "{layout:?} got {answer:?} though bucket {bucket} has blocks: {:?}",
                self.whole.stats()
            );
        }
        assert!(!matches!(exhausted, Exhausted::Grow { .. }) || self.capacity_of(class) == self.most_blocks(class));
    }

    fn capacity_of(&self, bucket: usize) -> usize {
        self.whole.stats().map_or(0, |stats| stats.buckets()[bucket].capacity)
    }

    /// Writes a block down that was just handed out, and fills it.
    fn enter(&self, block: NonNull<u8>, layout: Layout, face: Face) -> Held {
        let address = block.addr().get();
        assert_eq!(address % layout.align(), 0, "{block:?} is not aligned");
        let bucket = self.whole.bucket_of(block);
        // Relaxed: any number will do that the neighbours do not have.
        let fill = self.fill.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        let held = Held { block, layout, bucket, face, left_in_place: false, fill };
        if layout.size() == 0 {
            return held;
        }
        let usable = self.whole.usable_size(block);
        assert!(usable >= layout.size(), "{layout:?} wanted, {usable} bytes got");
        if let Some(bucket) = bucket {
            assert_eq!(usable, if self.rules.canary { layout.size() } else { self.block_sizes[bucket] });
        }
        let mut live = lock(&self.live);
        let before = live.range(..=address).next_back().map_or(0, |(_, end)| *end);
        let after = live.range(address..).next().map_or(usize::MAX, |(start, _)| *start);
        assert!(before <= address && address + usable <= after, "{block:?} lies in a live block");
        live.insert(address, address + usable);
        drop(live);
        // SAFETY: live, this large.
        unsafe { block.write_bytes(fill, usable) };
        held
    }

    /// Strikes a block off that is about to be given up: afterwards somebody else may have it at once.
    fn leave(&self, held: &Held) {
        held.check(held.layout.size());
        if held.layout.size() > 0 {
            lock(&self.live).remove(&held.block.addr().get());
        }
    }

    /// Blocks that the other thread's caches may keep.
    fn kept_by_another(&self, bucket: usize) -> usize {
        let Rules { hardened, by_type, cached, .. } = self.rules;
        if hardened {
            return 0;
        }
        cached / self.block_sizes[bucket] * if by_type { 2 } else { 1 }
    }

    /// Counts a block of this layout in, where only its own bucket serves it; what `is_sure` asks if there is one.
    fn claim(&self, layout: Layout) -> Option<(usize, usize)> {
        let class = self.class(layout).filter(|_| self.rules.exhausted == Exhausted::Refuse)?;
        // Acquire: before the claim, so that who claims later and gets the block first is seen to have been too many.
        let crowded = self.crowded[class].load(Ordering::Acquire);
        // AcqRel: pairs with `unclaim`: a block that is counted out is free.
        let claimed = self.claimed[class].fetch_add(1, Ordering::AcqRel) + 1;
        if claimed + self.kept_by_another(class) <= self.most_blocks(class) {
            return Some((class, crowded));
        }
        // AcqRel: pairs with the looks: before the call that may take somebody's block.
        self.crowded[class].fetch_add(1, Ordering::AcqRel);
        None
    }

    /// Whether a call that claimed must have had its block: there was one for each that claimed before, and nobody was too many since.
    fn is_sure(&self, claim: Option<(usize, usize)>) -> bool {
        // Acquire: as in `claim`.
        claim.is_some_and(|(class, crowded)| self.crowded[class].load(Ordering::Acquire) == crowded)
    }

    /// Counts a block of this bucket out.
    fn unclaim(&self, bucket: Option<usize>) {
        if let Some(bucket) = bucket.filter(|_| self.rules.exhausted == Exhausted::Refuse) {
            // AcqRel: pairs with `claim`.
            self.claimed[bucket].fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// A block from the list.
    fn pick(&self, place: usize) -> Option<Held> {
        let mut held = lock(&self.held);
        let count = held.len();
        (count > 0).then(|| held.swap_remove(place % count))
    }

    /// The way of that number, from those that a block without bytes may go if it has none.
    fn way<'w>(&'w self, caches: &'w [Box<dyn Way + 'h>], number: usize, block: Option<&Held>) -> &'w dyn Way {
        let all = || {
            let caches = caches.iter().map(|cache| &**cache as &dyn Way);
            self.ways.iter().map(|way| &**way as &dyn Way).chain(caches)
        };
        let may = |way: &&dyn Way| block.is_none_or(|held| held.layout.size() > 0 || held.face == way.face());
        let count = all().filter(may).count();
        all().filter(may).nth(number % count).expect("the way it came, at least")
    }

    fn step(&self, step: Step, caches: &mut Vec<Box<dyn Way + 'h>>) {
        match step {
            Step::Allocate { way, size, align, zeroed } => {
                let way = self.way(caches, way, None);
                let layout = Layout::from_size_align(size, align).unwrap();
                self.allocate(way, layout, zeroed);
            }
            Step::Free { way, block } => {
                let Some(held) = self.pick(block) else { return };
                self.free(self.way(caches, way, Some(&held)), &held);
            }
            Step::FreeBatch(most) => {
                let mut batch = Vec::new();
                lock(&self.held).retain(|held| {
                    let goes = batch.len() < most && (held.layout.size() > 0 || held.face == Face::Raw);
                    if goes {
                        batch.push(*held);
                    }
                    !goes
                });
                batch.iter().for_each(|held| self.leave(held));
                self.whole.free_batch(&batch.iter().map(|held| held.block).collect::<Vec<_>>());
                batch.iter().for_each(|held| self.unclaim(held.bucket));
            }
            Step::Reallocate { way, block, size, align } => {
                let Some(old) = self.pick(block) else { return };
                let way = self.way(caches, way, Some(&old));
                let align = if way.face() == Face::GlobalAlloc { old.layout.align() } else { align };
                let layout = Layout::from_size_align(size, align).unwrap();
                if align > 4096 && way.face() == Face::Raw {
                    return lock(&self.held).push(old);
                }
                self.reallocate(way, &old, layout);
            }
            Step::Nothing { way, align, size } => {
                let way = self.way(caches, way, None);
                if way.face() == Face::Raw {
                    return;
                }
                let layout = Layout::from_size_align(0, align).unwrap();
                let nothing = Held {
                    block: dangling(align),
                    layout,
                    bucket: None,
                    face: way.face(),
                    left_in_place: false,
                    fill: 0,
                };
                if size % 2 == 0 {
                    // SAFETY: nothing, and it has no bytes.
                    unsafe { way.deallocate(nothing.block, layout) };
                } else if align <= 4096 {
                    self.reallocate(way, &nothing, Layout::from_size_align(size, align).unwrap());
                }
            }
            Step::OpenCache { bytes, warmup } => {
                caches.push(self.whole.open_cache(bytes, warmup));
            }
            Step::CloseCache(cache) => {
                if !caches.is_empty() {
                    drop(caches.swap_remove(cache % caches.len()));
                }
            }
            Step::Trim(times) => {
                for _ in 0..if self.turns { 1 } else { times } {
                    self.whole.trim();
                    self.count();
                }
            }
        }
    }

    fn allocate(&self, way: &dyn Way, layout: Layout, zeroed: bool) {
        let claim = self.claim(layout);
        let answer = if zeroed { way.allocate_zeroed(layout) } else { way.allocate(layout) };
        let source = answer.as_ref().ok().map(|block| self.whole.bucket_of(*block));
        match answer {
            Ok(block) => {
                if zeroed {
                    let new = Held { block, layout, bucket: None, face: way.face(), left_in_place: false, fill: 0 };
                    new.check(layout.size());
                }
                let held = self.enter(block, layout, way.face());
                if held.bucket.is_none() {
                    self.unclaim(self.class(layout));
                }
                lock(&self.held).push(held);
            }
            Err(error) => {
                assert!(!self.is_sure(claim), "{layout:?} was refused: {error:?}");
                self.unclaim(self.class(layout));
                accept(error, layout);
            }
        }
        // Last: a block that is written down is given back even if this fails.
        if layout.size() > 0 {
            self.check_source(layout, source);
        }
    }

    fn free(&self, way: &dyn Way, held: &Held) {
        self.leave(held);
        // SAFETY: live, with this layout, given up.
        unsafe { way.deallocate(held.block, held.layout) };
        self.unclaim(held.bucket);
    }

    /// Whether a block is as large and as aligned as the layout wants it, whatever it was asked for with.
    fn fits(&self, held: &Held, layout: Layout) -> bool {
        let made_up = held.layout.size() == 0 && held.bucket.is_none();
        let usable = if made_up { 0 } else { self.whole.usable_size(held.block) };
        layout.size() <= usable && held.block.addr().get() % layout.align() == 0
    }

    fn reallocate(&self, way: &dyn Way, old: &Held, layout: Layout) {
        if old.left_in_place && way.face() != Face::Raw {
            return lock(&self.held).push(*old);
        }
        self.leave(old);
        let fits = self.fits(old, layout);
        let claim = self.claim(layout);
        // SAFETY: live, with this layout; given up if another one comes back.
        let answer = unsafe { way.reallocate(old.block, old.layout, layout) };
        match answer {
            Ok(block) => {
                Held { block, ..*old }.check(old.layout.size().min(layout.size()));
                let left_in_place = block == old.block && (old.left_in_place || way.face() == Face::Raw);
                let held = Held { left_in_place, ..self.enter(block, layout, way.face()) };
                lock(&self.held).push(held);
                let stays = block == old.block || held.bucket.is_none();
                self.unclaim(if stays { self.class(layout) } else { old.bucket });
                if held.bucket.is_none() {
                    self.unclaim(old.bucket);
                }
                // The system may cut off what is too much, and move the rest for it.
                let stayed = block == old.block || fits && held.bucket.is_none() && old.bucket.is_none();
                if !stayed && layout.size() > 0 {
                    self.check_source(layout, Some(held.bucket));
                    let went_home = held.bucket == self.class(layout);
                    assert!(!fits || went_home, "{:?} was moved for {layout:?}, though it fitted", old.layout);
                }
            }
            Err(error) => {
                let sure = self.is_sure(claim);
                self.unclaim(self.class(layout));
                old.check(old.layout.size());
                let left_in_place = old.left_in_place;
                let kept = Held { left_in_place, ..self.enter(old.block, old.layout, old.face) };
                lock(&self.held).push(kept);
                assert!(!sure, "{layout:?} was refused: {error:?}");
                assert!(!fits, "{:?} could not be made {layout:?}", old.layout);
                accept(error, layout);
                if !fits {
                    self.check_source(layout, None);
                }
            }
        }
    }

    /// What the heap says is live is what is; or, with both threads running, could be.
    fn count(&self) {
        let Some(stats) = self.whole.stats() else { return };
        for bucket in stats.buckets() {
            let parts = [bucket.live, bucket.free, bucket.cached, bucket.watermark];
            assert!(parts.iter().all(|part| *part <= bucket.capacity), "{stats:?}");
        }
        if !self.turns {
            return;
        }
        let mut live = vec![0; self.block_sizes.len()];
        let (mut systems, mut nowhere) = (0, 0);
        for held in lock(&self.held).iter() {
            match held.bucket {
                Some(bucket) => live[bucket] += 1,
                None if held.layout.size() == 0 => nowhere += 1,
                None => systems += 1,
            }
        }
        *lock(&self.capacity) = stats.buckets().iter().map(|bucket| bucket.capacity).collect();
        let counted: Vec<_> = stats.buckets().iter().map(|bucket| bucket.live).collect();
        assert_eq!(counted, live, "{stats:?}");
        assert!((systems..=systems + nowhere).contains(&stats.fallback_live), "{systems} from the system: {stats:?}");
        for bucket in stats.buckets() {
            assert_eq!(bucket.live + bucket.free + bucket.cached, bucket.watermark, "{stats:?}");
        }
    }

    /// Everything that is left goes back, and then every bucket has all its blocks.
    fn end(&self) {
        let mut number = 0;
        while let Some(held) = self.pick(0) {
            number += 1;
            self.free(self.way(&[], number, Some(&held)), &held);
        }
        self.whole.trim();
        assert!(lock(&self.live).is_empty());
        if let Some(stats) = self.whole.stats() {
            assert_eq!((stats.live(), stats.fallback_bytes), (0, 0), "{stats}");
        }
        let raw = self.way(&[], 0, None);
        for (bucket, &size) in self.block_sizes.iter().enumerate().filter(|_| self.rules.bucket_bytes < 1 << 20) {
            let layout = Layout::from_size_align(size, 16).unwrap();
            let blocks = std::iter::from_fn(|| raw.allocate(layout).ok());
            let mut last = None;
            let blocks: Vec<_> = blocks
                .take_while(|block| {
                    let own = self.whole.bucket_of(*block) == Some(bucket);
                    if !own {
                        last = Some(*block);
                    }
                    own
                })
                .collect();
            assert_eq!(blocks.len(), self.most_blocks(bucket), "blocks of {size} bytes");
            self.whole.free_batch(&blocks);
            self.whole.free_batch(last.as_slice());
        }
        // This thread has more to do, and the next program has other threads.
        self.whole.trim();
    }
}

fn dangling(align: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::without_provenance_mut(align)).unwrap()
}

/// Whether a heap may say this of a layout.
fn accept(error: Refused, layout: Layout) {
    match error {
        Some(AllocError::Alignment { .. }) => assert!(layout.align() > 4096),
        None | Some(AllocError::Exhausted { .. } | AllocError::TooLarge { .. } | AllocError::NoBucket { .. }) => {}
        Some(other) => panic!("{other}"),
    }
}

/// One step at a time, on whichever of two threads; what is live is counted after each.
fn in_turns(world: &World<'_>, steps: &[(bool, Step)]) {
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            let (to, steps) = mpsc::channel::<Step>();
            let (done, from) = mpsc::channel();
            let thread = scope.spawn(move || {
                let mut caches = Vec::new();
                for step in steps {
                    world.step(step, &mut caches);
                    world.count();
                    done.send(()).unwrap();
                }
            });
            (to, from, thread)
        });
        for (second, step) in steps {
            let (to, from, _) = &threads[usize::from(*second)];
            if to.send(*step).is_err() || from.recv().is_err() {
                break;
            }
        }
        join(threads.map(|(to, _, thread)| {
            drop(to);
            thread
        }));
    });
}

/// Both threads at once.
fn at_once(world: &World<'_>, steps: &[(bool, Step)]) {
    std::thread::scope(|scope| {
        join([false, true].map(|own| {
            scope.spawn(move || {
                let mut caches = Vec::new();
                for (_, step) in steps.iter().filter(|(second, _)| *second == own) {
                    world.step(*step, &mut caches);
                    world.count();
                }
            })
        }));
    });
}

/// A scope alone does not wait for the threads' very end.
fn join(threads: [std::thread::ScopedJoinHandle<'_, ()>; 2]) {
    for result in threads.map(|thread| thread.join()) {
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

fn run(world: &World<'_>, steps: &[(bool, Step)]) {
    if world.turns {
        in_turns(world, steps)
    } else {
        at_once(world, steps)
    }
    world.end();
}

/// A heap that a type names outlives a program that failed, and should be as good as new for the next one.
impl Drop for World<'_> {
    fn drop(&mut self) {
        while let Some(held) = self.pick(0) {
            // SAFETY: live, with this layout, given up.
            unsafe { self.way(&[], 0, Some(&held)).deallocate(held.block, held.layout) };
        }
        self.whole.trim();
    }
}

/// Bytes of blocks of a bucket that a thread's cache may have at any time: two of the largest at least, one each way.
fn most_cached(first: usize, steps: &[(bool, Step)]) -> usize {
    let opened =
        steps.iter().filter_map(|(_, step)| if let Step::OpenCache { bytes, .. } = step { Some(*bytes) } else { None });
    opened.fold(first, usize::max).max(256)
}

/// The ways to any heap that is referred to.
fn by_reference<'h, C: SizeClasses>(heap: &'h Heap<C>) -> Ways<'h> {
    vec![
        Box::new(Raw(heap)),
        Box::new(Owner(heap)),
        Box::new(Collection02(heap)),
        Box::new(Collection04(heap)),
        Box::new(AsGlobal(heap)),
    ]
}

fn run_static<S: StaticHeap>(_: S, exhausted: Exhausted, hardened: bool, turns: bool, steps: &[(bool, Step)]) {
    let mut ways = by_reference(S::HEAP);
    ways.push(Box::new(RawByType(S::default())));
    ways.push(Box::new(Owner(S::default())));
    let rules = Rules {
        exhausted,
        bucket_bytes: STATIC_BYTES,
        hardened,
        canary: false,
        by_type: true,
        cached: most_cached(STATIC_CACHE, steps),
    };
    run(&World::new(&**S::HEAP, ways, rules, turns), steps);
}

/// Runs a program, and fails if the heap does anything that it must not.
pub(crate) fn check((kind, steps): &Program, turns: bool) {
    /// A static heap is one program's at a time.
    static ONE: [Mutex<()>; 7] = [const { Mutex::new(()) }; 7];
    let grow = Exhausted::Grow { reserve: RESERVE };
    let overflow = Exhausted::NextBucketThenFallback;
    match *kind {
        Kind::Static(number) => {
            let _one = lock(&ONE[number]);
            match number {
                0 => run_static(Overflowing, overflow, false, turns, steps),
                1 => run_static(Growing, grow, false, turns, steps),
                2 => run_static(Refusing, Exhausted::Refuse, false, turns, steps),
                3 => run_static(HardOverflowing, overflow, true, turns, steps),
                4 => run_static(HardGrowing, grow, true, turns, steps),
                _ => run_static(HardRefusing, Exhausted::Refuse, true, turns, steps),
            }
        }
        Kind::Global => {
            let _one = lock(&ONE[6]);
            let mut ways = by_reference(Global::HEAP);
            ways.push(Box::new(RawByType(Global)));
            ways.push(Box::new(Owner(Global)));
            ways.push(Box::new(Collection02(Global)));
            ways.push(Box::new(Collection04(Global)));
            ways.push(Box::new(AsGlobal(&Global)));
            let rules = Rules {
                exhausted: overflow,
                bucket_bytes: 1 << 20,
                hardened: false,
                canary: false,
                by_type: true,
                cached: usize::MAX / 2,
            };
            run(&World::new(&**Global::HEAP, ways, rules, turns), steps);
        }
        Kind::Counted(setting) => {
            let heap = Arc::new(setting.build());
            let mut ways = by_reference(&heap);
            ways.push(Box::new(Owner(Arc::clone(&heap))));
            let rules = Rules {
                exhausted: setting.exhausted,
                bucket_bytes: setting.bucket_bytes,
                hardened: setting.is_hardened(),
                canary: setting.canary,
                by_type: false,
                cached: most_cached(setting.cache.map_or(0, |(bytes, _)| bytes), steps),
            };
            run(&World::new(&*heap, ways, rules, turns), steps);
        }
        Kind::Foreign { buckets, bytes } => {
            let allocator = Foreign(sm_allocator_create(buckets, bytes), buckets);
            assert!(!allocator.0.is_null());
            let rules = Rules {
                exhausted: overflow,
                bucket_bytes: bytes,
                hardened: false,
                canary: false,
                by_type: false,
                cached: usize::MAX / 2,
            };
            run(&World::new(&allocator, vec![Box::new(&allocator)], rules, turns), steps);
            // SAFETY: nobody uses it any more.
            unsafe { sm_allocator_destroy(allocator.0) };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_every_face_in_turns_nothing_is_refused_that_is_there(program in (kind(), prop::collection::vec(step(), 1..150))) {
        check(&program, true);
    }

    #[test]
    fn by_every_face_at_once_every_block_is_one_owners(program in (kind(), prop::collection::vec(step(), 1..150))) {
        check(&program, false);
    }
}
