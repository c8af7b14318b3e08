//! `BufPool`: the limit holds, every permit and every block comes back, and the pool ends with its last owner.

#![expect(unsafe_code, reason = "implements the heaps the pools are tested on")]

mod common;

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use common::{CountingHeap, panic_text};
use smarena::{
    AllocError, BufPool, ConfigError, Geometric, Global, Heap, HeapRef, Lease, Linear, PoolError, PoolHeap, ShareCount,
    SmBuf, SmBytes,
};

fn pool_of(limit: usize, heap: &CountingHeap) -> BufPool<CountingHeap> {
    BufPool::builder().buf_size(100).limit(limit).build_in(heap.clone()).unwrap()
}

#[test]
fn the_limit_holds_and_a_dropped_lease_makes_room() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let (first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    assert_eq!((pool.in_flight(), heap.live(), first.capacity(), second.len()), (2, 2, 112, 0));
    let asked = heap.asked();
    assert_eq!(pool.try_acquire().unwrap_err(), PoolError::LimitReached { limit: 2, buf_size: 100 });
    assert_eq!((pool.in_flight(), heap.asked()), (2, asked));
    drop(first);
    assert_eq!((pool.in_flight(), heap.live()), (1, 1));
    let third = pool.try_acquire().unwrap();
    assert_eq!(pool.in_flight(), 2);
    drop((second, third, pool));
    heap.settle();
}

#[test]
fn a_refused_block_gives_the_permit_back() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    heap.refuse_after(0);
    let error = pool.try_acquire().unwrap_err();
    let reason = AllocError::Exhausted { heap: "books", bucket: 7, block_size: 112, blocks: 1 };
    assert_eq!((error, error.to_string()), (PoolError::Alloc(reason), reason.to_string()));
    assert_eq!(pool.in_flight(), 0);
    heap.refuse_nothing();
    assert!(pool.try_acquire().is_ok());
}

#[test]
fn leases_outlive_the_pool_and_the_last_one_ends_it() {
    let heap = CountingHeap::new();
    let pool = pool_of(3, &heap);
    let (first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    drop(pool);
    drop(first);
    // The heap, the pool's reference and the buffer's.
    assert_eq!((heap.live(), heap.references()), (1, 3));
    thread::spawn(move || drop(second)).join().unwrap();
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn a_clone_is_a_handle_to_the_same_pool() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let other = pool.clone();
    let lease = other.try_acquire().unwrap();
    assert!(pool.try_acquire().is_err());
    drop(pool);
    drop(lease);
    assert_eq!(other.in_flight(), 0);
    assert!(other.try_acquire().is_ok());
    drop(other);
    assert_eq!(heap.references(), 1);
}

#[test]
fn a_lease_keeps_its_size_whatever_it_is_given_and_says_so() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(&[1; 110]);
    let full = AllocError::PoolGrowth { size: 128, block: 112, left: 0, most: 112 };
    let asked = heap.asked();
    assert_eq!(lease.try_extend_from_slice(&[2; 3]), Err(full));
    assert_eq!((lease.try_reserve(3), lease.room(), lease.len()), (Err(full), 2, 110));
    assert_eq!(lease.try_reserve_front(3), Err(full));
    let says = "no room for 113 bytes in a buffer: a pool's buffer with a block of 112 bytes was to get one of 128; \
                the pool's buffers may grow by 0 bytes more, none beyond 112 (`BufPoolBuilder::growth`)";
    assert_eq!(panic_text(|| lease.extend_from_slice(&[2; 3])), says);
    assert_eq!(panic_text(|| lease.resize(113, 0)), says);
    let refused = std::io::Write::write_all(&mut lease, &[2; 3]).unwrap_err();
    assert_eq!((refused.kind(), refused.downcast::<AllocError>().unwrap()), (std::io::Error::from(full).kind(), full));
    lease.shrink_to_fit();
    assert_eq!((lease.capacity(), heap.asked(), &lease[..110]), (112, asked, &[1; 110][..]));
    // What was read makes room again.
    lease.try_extend_from_slice(&[2; 2]).unwrap();
    std::io::Read::read_exact(&mut *lease, &mut [0; 50]).unwrap();
    lease.try_extend_from_slice(&[3; 50]).unwrap();
    assert_eq!((lease.len(), lease.room(), heap.asked()), (112, 0, asked));
    drop(lease);
    assert_eq!(pool.in_flight(), 0);
    heap.settle();
}

/// A heap in the midst of whose moves another lease grows, as it may on another thread.
#[derive(Clone)]
struct Interrupted(CountingHeap, Rc<RefCell<Option<Lease<Self>>>>, Rc<RefCell<Vec<Lease<Self>>>>);

// SAFETY: another name for a counting heap, whose every call this passes on.
unsafe impl HeapRef for Interrupted {
    type Classes = <CountingHeap as HeapRef>::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on.
        unsafe { self.0.deallocate(block, layout) }
    }

    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: passed on.
        unsafe { self.0.share_count(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        let other = self.1.take();
        if let Some(mut other) = other {
            other.try_extend_from_slice(&[2; 160]).unwrap();
            self.2.borrow_mut().push(other);
        }
        // SAFETY: passed on.
        unsafe { self.0.reallocate(block, old, new) }
    }
}

/// A block of 224 bytes becomes one of 320, where there is room for a growth of 300: 92 bytes are left for others, before and after.
#[test]
fn a_lease_that_grows_leaves_the_others_what_there_is() {
    let heap = Interrupted(CountingHeap::new(), Rc::default(), Rc::default());
    let pool = BufPool::builder().buf_size(100).limit(4).growth(300).build_in(heap.clone()).unwrap();
    let mut first = pool.try_acquire().unwrap();
    first.extend_from_slice(&[1; 224]);
    *heap.1.borrow_mut() = Some(pool.try_acquire().unwrap());
    first.extend_from_slice(&[1; 96]);
    let other = heap.2.borrow_mut().pop().unwrap();
    assert_eq!((first.capacity(), other.capacity(), pool.stats().grown), (320, 160, 208 + 48));
    drop((first, other));
    assert_eq!(pool.stats().grown, 0);
}

#[test]
fn leases_grow_as_far_as_the_pool_says_and_give_it_back() {
    let heap = CountingHeap::new();
    // Blocks of 112 bytes, then of 224 and 448.
    let pool = BufPool::builder().buf_size(100).limit(4).growth(300).build_in(heap.clone()).unwrap();
    let grown = || pool.stats().grown;
    let (mut first, mut second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    first.extend_from_slice(&[1; 200]);
    assert_eq!((first.capacity(), grown(), pool.stats().growth), (224, 112, 300));
    second.try_extend_from_slice(&[2; 224]).unwrap();
    assert_eq!((second.capacity(), grown()), (224, 224));
    // Twice as much is not to be had; what is needed is.
    first.try_extend_from_slice(&[1; 40]).unwrap();
    assert_eq!((first.capacity(), grown()), (256, 256));
    let refused = second.try_reserve(100).unwrap_err();
    assert!(matches!(refused, AllocError::PoolGrowth { block: 224, left: 44, .. }), "{refused:?}");
    // The heap's own refusal costs nothing.
    heap.refuse_after(0);
    assert!(matches!(second.try_reserve(16), Err(AllocError::Exhausted { .. })));
    heap.refuse_nothing();
    assert_eq!(grown(), 256);
    // What grew is given back with the block: frozen, taken out, exchanged, or dropped.
    let frozen = first.freeze();
    let part = frozen.slice(..3);
    drop(frozen);
    assert_eq!(grown(), 256);
    drop(part);
    assert_eq!(grown(), 112);
    let kept = second.into_buf();
    assert_eq!((grown(), kept.len(), pool.in_flight()), (0, 224, 0));
    let mut third = pool.try_acquire().unwrap();
    third.extend_from_slice(&[3; 300]);
    assert_eq!((third.capacity(), grown()), (320, 208));
    drop(third);
    assert_eq!(grown(), 0);
    drop(kept);
    heap.settle();
}

#[test]
fn buffers_are_aligned_as_asked_and_other_alignments_are_refused() {
    let heap = CountingHeap::new();
    for align in [0, 1, 16, 64, 4096] {
        let pool = BufPool::builder().buf_size(100).alignment(align).build_in(heap.clone()).unwrap();
        let mut lease = pool.try_acquire().unwrap();
        assert_eq!(lease.as_ptr().addr() % align.max(16), 0);
        lease.extend_from_slice(&[1; 100]);
        assert!(lease.try_extend_from_slice(&vec![0; 8192]).is_err());
        drop(lease.freeze());
        drop(pool.try_acquire().unwrap().into_buf());
        assert_eq!(pool.in_flight(), 0);
    }
    for align in [3, 8192] {
        let error = BufPool::builder().alignment(align).build_in(heap.clone()).unwrap_err();
        assert_eq!(error, ConfigError::PoolAlignment { align, limit: 4096 });
    }
    heap.settle();
}

#[test]
fn a_whole_lease_is_written_as_a_slice_and_shows_nothing_of_earlier_ones() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    for _ in 0..2 {
        let mut lease = pool.try_acquire().unwrap();
        lease.extend_from_slice(b"kept");
        let all = lease.initialized();
        assert_eq!((all.len(), &all[..4]), (112, &b"kept"[..]));
        assert!(all[4..].iter().all(|byte| *byte == 0));
        all.fill(0xEE);
        lease.truncate(2);
        assert_eq!(&lease.initialized()[..4], b"\xEE\xEE\0\0");
    }
    heap.settle();
}

#[test]
fn a_lease_that_was_not_truncated_is_not_zeroed_again() {
    let heap = CountingHeap::new();
    let mut lease = pool_of(1, &heap).try_acquire().unwrap();
    lease.initialized().fill(0xEE);
    assert!(lease.initialized().iter().all(|byte| *byte == 0xEE));
    lease.truncate(100);
    let all = lease.initialized();
    assert_eq!((all[99], &all[100..]), (0xEE, &[0; 12][..]));
}

#[test]
fn leases_buffers_may_be_exchanged() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let (mut first, mut second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    first.extend_from_slice(&[1; 112]);
    second.push(2);
    std::mem::swap(&mut *first, &mut *second);
    assert_eq!((&first[..], second.len(), pool.in_flight()), (&[2][..], 112, 2));
    // The block goes, and its permit with it; there is no other for what is left.
    *second = SmBuf::new_in(first.heap().clone());
    assert_eq!((pool.in_flight(), heap.live()), (1, 1));
    assert!(matches!(second.try_reserve(1), Err(AllocError::OneBlock { .. })));
    assert_eq!((second.into_buf().capacity(), format!("{first:?}")), (0, r#"b"\x02""#.into()));
    drop(first);
    assert_eq!(pool.in_flight(), 0);
    heap.settle();
}

#[test]
fn what_is_split_off_keeps_the_permit_until_the_last_part_is_gone() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"head|body");
    let head = lease.split_to(5);
    drop(lease);
    assert_eq!((&head[..], heap.live(), pool.in_flight()), (&b"head|"[..], 1, 1));
    drop(head);
    assert_eq!((heap.live(), pool.in_flight()), (0, 0));
    // Taken out of the pool while others have parts of the block: a copy.
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"head|body");
    let head = lease.split_to(5);
    let body = lease.into_buf();
    assert_eq!((&body[..], heap.live(), pool.in_flight()), (&b"body"[..], 2, 1));
    drop(head);
    assert_eq!((heap.live(), pool.in_flight()), (1, 0));
    drop(body);
    heap.settle();
}

#[test]
fn a_detached_buffer_counts_no_more() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"kept");
    let buf = lease.into_buf();
    assert_eq!((pool.in_flight(), heap.live()), (0, 1));
    assert!(pool.try_acquire().is_ok());
    drop(pool);
    assert_eq!(buf, b"kept");
    drop(buf);
    heap.settle();
}

#[test]
fn a_forgotten_lease_keeps_its_permit_and_the_pool() {
    let pool = BufPool::builder().limit(1).build().unwrap();
    let lease = Box::leak(Box::new(pool.try_acquire().unwrap()));
    assert!(pool.try_acquire().is_err());
    drop(pool);
    lease.push(1);
    // SAFETY: leaked in this test, and not used any more; taken back so that the leak checker has nothing to say.
    drop(unsafe { Box::from_raw(lease) });
}

#[test]
fn a_panic_with_a_lease_in_hand_loses_nothing() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let text = panic_text(|| {
        let _lease = pool.try_acquire().unwrap();
        panic!("dropped while unwinding");
    });
    assert_eq!((&text[..], pool.in_flight()), ("dropped while unwinding", 0));
    heap.settle();
}

#[test]
fn the_block_is_back_before_the_permit() {
    /// Looks at the pool when a block comes back.
    #[derive(Clone)]
    struct Watch;
    thread_local! {
        static POOL: RefCell<Option<BufPool<Watch>>> = const { RefCell::new(None) };
        static SEEN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // SAFETY: the global heap, with a look at the pool.
    unsafe impl HeapRef for Watch {
        type Classes = Geometric<40>;

        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            Global.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            SEEN.set(POOL.with_borrow(|pool| pool.as_ref().unwrap().in_flight()));
            // SAFETY: the caller's promise.
            unsafe { Global.deallocate(block, layout) };
        }

        unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
            // SAFETY: the caller's promise.
            unsafe { Global.share_count(block, layout) }
        }

        unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
            // SAFETY: the caller's promise.
            unsafe { Global.reallocate(block, old, new) }
        }
    }

    let pool = BufPool::builder().build_in(Watch).unwrap();
    POOL.set(Some(pool.clone()));
    drop(pool.try_acquire().unwrap());
    assert_eq!((SEEN.get(), pool.in_flight()), (1, 0));
    POOL.set(None);
}

#[test]
fn impossible_pools_are_refused_with_value_and_limit() {
    let build = |buf_size, limit| BufPool::builder().buf_size(buf_size).limit(limit).build().err();
    let most = u32::MAX as usize;
    assert_eq!(build(1, 0), Some(ConfigError::PoolLimit { buffers: 0, limit: most }));
    #[cfg(target_pointer_width = "64")]
    assert_eq!(build(1, most + 1), Some(ConfigError::PoolLimit { buffers: most + 1, limit: most }));
    for bytes in [0, SmBuf::MAX_CAPACITY + 1, usize::MAX] {
        assert_eq!(build(bytes, 1), Some(ConfigError::PoolBufSize { bytes, headroom: 0, limit: SmBuf::MAX_CAPACITY }));
    }
    assert_eq!((build(1, most), build(SmBuf::MAX_CAPACITY, 1)), (None, None));
    assert_eq!(
        build(0, 1).unwrap().to_string(),
        format!(
            "a pool's buffers were given 0 bytes each behind 0 of headroom; they have at least 1, and {} at most with the headroom",
            SmBuf::MAX_CAPACITY
        )
    );
}

#[test]
fn watermarks_out_of_order_are_refused() {
    let build = |low, high| BufPool::builder().limit(10).watermarks(low, high).build();
    for (low, high) in [(5, 5), (6, 5), (0, 11), (usize::MAX, 5), (5, usize::MAX)] {
        assert_eq!(build(low, high).unwrap_err(), ConfigError::PoolWatermarks { low, high, limit: 10 });
    }
    assert!(build(0, 1).is_ok() && build(9, 10).is_ok());
    assert_eq!(
        build(3, 2).unwrap_err().to_string(),
        "a pool of 10 buffers was given the watermarks 3 and 2; the low one is below the high one, and that at most 10"
    );
}

#[test]
fn congestion_shows_in_the_statistics_and_costs_nobody_a_buffer() {
    let pool = BufPool::builder().limit(4).build().unwrap();
    let mut batch = pool.acquire_batch(3).unwrap();
    assert!(!pool.is_congested());
    let lease = pool.try_acquire().unwrap();
    assert!(pool.is_congested() && pool.stats().congested);
    drop((lease, batch.next()));
    assert!(!pool.is_congested());
}

#[test]
fn headroom_is_beside_the_size() {
    let heap = CountingHeap::new();
    let pool = BufPool::builder().buf_size(100).headroom(28).limit(1).build_in(heap.clone()).unwrap();
    for _ in 0..2 {
        let mut lease = pool.try_acquire().unwrap();
        assert_eq!((lease.headroom(), lease.capacity(), heap.last_asked().size()), (28, 100, 128));
        let asked = heap.asked();
        lease.resize(100, 7);
        lease.prepend(&[1; 28]);
        assert_eq!((lease.len(), lease[27], lease[28], heap.asked()), (128, 1, 7, asked));
    }
    let limit = SmBuf::MAX_CAPACITY;
    for headroom in [limit - 9, limit, usize::MAX] {
        let refused = BufPool::builder().buf_size(10).headroom(headroom).build().unwrap_err();
        assert_eq!(refused, ConfigError::PoolBufSize { bytes: 10, headroom, limit });
        assert!(refused.to_string().contains(&format!("10 bytes each behind {headroom} of headroom")));
    }
    heap.settle();
}

#[test]
fn what_a_lease_has_room_for_can_be_put_in_front_as_well() {
    let heap = CountingHeap::new();
    let pool = BufPool::builder().buf_size(112).growth(16).limit(1).build_in(heap.clone()).unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.resize(100, 7);
    // More than half of the block is content, and there is no second one.
    let asked = heap.asked();
    lease.prepend(&[1; 8]);
    lease.prepend(&[2; 4]);
    assert_eq!((lease.len(), lease.capacity(), heap.asked(), pool.stats().grown), (112, 112, asked, 0));
    // As far as the pool's growth goes, and no further.
    lease.prepend(&[3; 16]);
    assert_eq!((lease.len(), lease[15], lease[16], lease[20], lease[28], pool.stats().grown), (128, 3, 2, 1, 7, 16));
    assert!(matches!(lease.try_reserve_front(1), Err(AllocError::PoolGrowth { left: 0, .. })));
    // On failure all is where it was.
    let _gone = std::io::Read::read(&mut *lease, &mut [0; 20]).unwrap();
    assert!(matches!(lease.try_reserve_front(21), Err(AllocError::PoolGrowth { left: 0, .. })));
    assert_eq!((lease.headroom(), lease.len(), lease[0], lease[8]), (20, 108, 1, 7));
    // Others have a part of it.
    let rear = lease.split_off(50);
    assert!(matches!(lease.try_reserve_front(21), Err(AllocError::OneBlock { .. })));
    drop((lease, rear));
    assert_eq!((pool.in_flight(), pool.stats().grown), (0, 0));
    heap.settle();
}

#[test]
fn frozen_buffers_keep_their_permit_until_the_last_is_gone() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"to everybody");
    let (asked, address) = (heap.asked(), lease.as_ptr());
    let message = lease.freeze();
    assert_eq!((heap.asked(), message.as_ptr()), (asked, address));
    let (clone, slice) = (message.clone(), message.slice(3..));
    drop(message);
    assert_eq!((pool.in_flight(), heap.live(), pool.try_acquire().is_err()), (1, 1, true));
    drop(pool);
    drop(clone);
    assert_eq!((&slice[..], heap.live()), (&b"everybody"[..], 1));
    // The heap, the pool's reference and the bytes'.
    assert_eq!(heap.references(), 3);
    thread::spawn(move || drop(slice)).join().unwrap();
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn a_frozen_buffer_that_is_written_again_still_counts() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"abc");
    let mut buf = lease.freeze().try_into_mut().unwrap();
    assert!(buf.try_reserve(500).is_err(), "it grows no more than a lease");
    buf.resize(112, 7);
    assert_eq!((&buf[..4], pool.in_flight(), heap.live()), (&b"abc\x07"[..], 1, 1));
    let bytes = buf.freeze();
    assert!(pool.try_acquire().is_err());
    drop(bytes);
    assert_eq!((pool.in_flight(), heap.live()), (0, 0));
    heap.settle();
}

#[test]
fn frozen_buffers_get_no_second_block() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.resize(100, 1);
    let bytes = lease.freeze();
    let mut small = bytes.slice(..4);
    let left_over = small.try_into_mut().unwrap_err();
    small = left_over;
    drop(bytes);
    let asked = heap.asked();
    assert!(!small.compact());
    let stale = small.try_into_mut().unwrap();
    let one = stale.heap().clone();
    drop(stale);
    drop(pool);
    // The pool is gone; what is left of it refuses, and touches nothing.
    assert_eq!(one.clone().allocate(Layout::new::<u64>()), Err(AllocError::OneBlock { size: 8 }));
    assert_eq!((heap.asked(), heap.live()), (asked, 0));
    drop(one);
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn freezing_nothing_gives_the_permit_back() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    *lease = SmBuf::new_in(lease.heap().clone());
    let nothing = lease.freeze();
    assert_eq!((nothing.len(), pool.in_flight()), (0, 0));
    // A block, though no byte in it: nobody could have it back from empty bytes.
    let empty = pool.try_acquire().unwrap().freeze();
    assert_eq!((empty.len(), pool.in_flight(), heap.live()), (0, 0, 0));
    drop((empty, nothing));
    assert_eq!(pool.in_flight(), 0);
    heap.settle();
}

#[test]
fn freezing_a_part_copies_nothing_and_all_parts_keep_the_permit() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"kept|frozen");
    let kept = lease.split_to(5);
    let frozen = lease.freeze();
    assert_eq!((&kept[..], &frozen[..], heap.live(), pool.in_flight()), (&b"kept|"[..], &b"frozen"[..], 1, 1));
    drop(frozen);
    assert_eq!((heap.live(), pool.in_flight()), (1, 1));
    drop(kept);
    assert_eq!((heap.live(), pool.in_flight()), (0, 0));
    heap.settle();
}

/// A lease goes where a buffer does, without being dereferenced first.
#[test]
fn a_lease_has_the_traits_of_its_buffer() {
    fn filled(mut to: impl std::io::Write + std::fmt::Write) {
        std::io::Write::write_all(&mut to, b"ping ").unwrap();
        std::fmt::Write::write_str(&mut to, "pong").unwrap();
    }
    let pool = BufPool::builder().limit(2).build().unwrap();
    let mut lease = pool.try_acquire().unwrap();
    filled(&mut lease);
    assert!(lease == b"ping pong" && lease > *"ping" && b"ping pong"[..] == lease && lease == "ping pong");
    assert_eq!((format!("{lease:?}"), format!("{lease:x}")), (r#"b"ping pong""#.into(), "70696e6720706f6e67".into()));
    for byte in &mut lease {
        byte.make_ascii_uppercase();
    }
    let mut other = pool.try_acquire().unwrap();
    std::io::copy(&mut std::io::Read::take(&mut lease, 5), &mut other).unwrap();
    assert!(lease == b"PONG" && other == b"PING " && (&other).into_iter().max() == Some(&b'P'));
    assert_eq!(
        std::collections::HashSet::from([lease]).take(&b"PONG"[..]).unwrap().into_iter().next_back(),
        Some(b'G')
    );
    fn extended<T>(to: &mut impl Extend<T>, items: impl IntoIterator<Item = T>) {
        to.extend(items);
    }
    extended::<u8>(&mut other, *b"p");
    extended::<&u8>(&mut other, b"o");
    extended::<SmBytes<PoolHeap>>(&mut other, []);
    #[cfg(feature = "bytes")]
    extended(&mut other, [bytes::Bytes::from_static(b"ng")]);
    #[cfg(not(feature = "bytes"))]
    extended::<u8>(&mut other, *b"ng");
    let frozen: SmBytes<PoolHeap> = other.into();
    assert_eq!((&frozen[..], pool.in_flight()), (&b"PING pong"[..], 1));
    let mut lease = pool.try_acquire().unwrap();
    lease.push(7);
    assert_eq!((Vec::from(lease), pool.in_flight()), (vec![7], 1));
}

#[test]
fn a_pool_shows_its_numbers() {
    let pool = BufPool::builder().buf_size(64).limit(3).build().unwrap();
    let _lease = pool.try_acquire().unwrap();
    assert_eq!(format!("{pool:?}"), "BufPool { buf_size: 64, limit: 3, in_flight: 1 }");
}

#[test]
fn bounds_are_those_of_the_heap() {
    fn crosses<T: Send + Sync + Unpin + std::panic::UnwindSafe + 'static>() {}
    crosses::<BufPool>();
    crosses::<Lease>();
    crosses::<PoolError>();
    crosses::<SmBytes<PoolHeap>>();
    assert_eq!(size_of::<Option<BufPool>>(), size_of::<usize>());
}

#[test]
fn the_limit_holds_under_threads_that_pass_leases_on() {
    const LIMIT: usize = 3;
    let heap = CountingHeap::new();
    let pool = pool_of(LIMIT, &heap);
    let held = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<Lease<CountingHeap>>();
    thread::scope(|scope| {
        for id in 0..4u8 {
            let (pool, held, sender) = (pool.clone(), &held, sender.clone());
            scope.spawn(move || {
                let mut served = 0;
                while served < 500 {
                    let Ok(mut lease) = pool.try_acquire() else {
                        thread::yield_now();
                        continue;
                    };
                    let now = held.fetch_add(1, Ordering::AcqRel) + 1;
                    assert!(now <= LIMIT, "{now} leases of {LIMIT}");
                    assert!(pool.in_flight() <= LIMIT);
                    lease.resize(100, id);
                    assert!(lease.iter().all(|byte| *byte == id));
                    served += 1;
                    if served % 2 == 0 {
                        sender.send(lease).unwrap();
                    } else {
                        held.fetch_sub(1, Ordering::AcqRel);
                        drop(lease);
                    }
                }
            });
        }
        drop(sender);
        for lease in receiver {
            assert!(lease.iter().all(|byte| *byte == lease[0]));
            held.fetch_sub(1, Ordering::AcqRel);
            drop(lease);
        }
    });
    assert_eq!(pool.in_flight(), 0);
    drop(pool);
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn errors_have_a_kind_in_io_and_are_inside() {
    use std::io::{Error, ErrorKind};
    let (limit, buf_size, timeout) = (1, 64, std::time::Duration::ZERO);
    for (error, kind) in [
        (PoolError::LimitReached { limit, buf_size }, ErrorKind::WouldBlock),
        (PoolError::TimedOut { timeout, limit, buf_size }, ErrorKind::TimedOut),
        (AllocError::OutOfMemory { heap: "books", size: 1, align: 1 }.into(), ErrorKind::OutOfMemory),
        (AllocError::Exhausted { heap: "books", bucket: 0, block_size: 16, blocks: 1 }.into(), ErrorKind::OutOfMemory),
        (AllocError::OneBlock { size: 1 }.into(), ErrorKind::OutOfMemory),
        (AllocError::TooLarge { size: 2, limit: 1 }.into(), ErrorKind::InvalidInput),
        (AllocError::Alignment { align: 3, limit: 4096 }.into(), ErrorKind::InvalidInput),
    ] {
        let theirs = Error::from(error);
        assert_eq!((theirs.kind(), theirs.to_string()), (kind, error.to_string()));
        assert_eq!(theirs.downcast::<PoolError>().unwrap(), error);
        if let PoolError::Alloc(error) = error {
            let theirs = Error::from(error);
            assert_eq!((theirs.kind(), theirs.downcast::<AllocError>().unwrap()), (kind, error));
        }
    }
}

/// What others hold is short now and comes back; what the pool's growth never allows is a mistake.
#[test]
fn growth_that_others_have_is_out_of_memory_and_more_than_all_of_it_is_invalid() {
    use std::io::{ErrorKind, Write};

    let pool = BufPool::builder().limit(2).buf_size(1024).growth(4096).build().unwrap();
    let [mut first, mut second] = [(); 2].map(|()| pool.try_acquire().unwrap());
    first.write_all(&[1; 4096]).unwrap();
    assert_eq!(second.write_all(&[2; 4096]).unwrap_err().kind(), ErrorKind::OutOfMemory);
    assert_eq!(second.write_all(&[2; 6000]).unwrap_err().kind(), ErrorKind::InvalidInput);
    drop(first);
    // So is a block that others have parts of.
    second.write_all(&[2; 1024]).unwrap();
    let part = second.split_to(512);
    assert_eq!(second.write_all(&[2; 1024]).unwrap_err().kind(), ErrorKind::OutOfMemory);
    drop(part);
    second.write_all(&[2; 1024]).unwrap();
}

/// The second pool is likely to lie where the first one was.
#[test]
fn heaps_of_pools_that_followed_each_other_in_one_place_are_two() {
    are_two([(); 2].map(|()| Arc::new(Heap::<Linear<8>>::new(1 << 16).unwrap())));
    let silent = [(); 2].map(|()| Interrupted(CountingHeap::new(), Rc::default(), Rc::default()));
    assert!(!silent[0].is_same(&silent[0]));
    are_two(silent);
}

fn are_two<H: HeapRef>(heaps: [H; 2]) {
    let lease_of =
        |heap: &H| BufPool::builder().buf_size(64).limit(1).build_in(heap.clone()).unwrap().try_acquire().unwrap();
    for _ in 0..100 {
        let of_first = lease_of(&heaps[0]).heap().clone();
        assert!(!of_first.is_same(lease_of(&heaps[1]).heap()));
    }
}

#[test]
fn a_lease_compares_with_what_it_is_split_and_frozen_to() {
    let pool = BufPool::builder().build().unwrap();
    let [mut first, mut second] = [(); 2].map(|()| pool.try_acquire().unwrap());
    first.extend_from_slice(b"ping");
    second.extend_from_slice(b"pong");
    let [ping, pong] = [b"ping", b"pong"].map(SmBuf::from);
    assert!(first != pong && ping == first);
    second.copy_from_slice(b"ping");
    assert_eq!(first, second.split());
    second.extend_from_slice(b"ping");
    assert_eq!(first, second.freeze());
}

/// Of a heap that does not say which references are to it: a part that has nothing could only copy, and there is no second block to copy to.
#[test]
fn a_part_that_has_nothing_takes_over_what_is_of_its_pool_whatever_the_heap_says_of_itself() {
    let heap = Interrupted(CountingHeap::new(), Rc::default(), Rc::default());
    assert!(!heap.is_same(&heap));
    let pool = BufPool::builder().buf_size(100).build_in(heap).unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"payload");
    let mut nothing = SmBuf::new_in(lease.heap().clone());
    nothing.unsplit(lease.split());
    assert_eq!((&nothing[..], pool.in_flight()), (&b"payload"[..], 1));
}

/// As one with a byte: there is no block for it but its own.
#[test]
fn an_empty_lease_that_is_shrunk_keeps_its_permit_and_a_block() {
    let heap = CountingHeap::new();
    let pool = BufPool::builder().buf_size(100).limit(1).growth(4096).build_in(heap.clone()).unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.reserve(1000);
    lease.shrink_to_fit();
    assert_eq!((pool.in_flight(), pool.stats().grown, heap.live()), (1, 0, 1));
    assert!(lease.room() > 0 && pool.try_acquire().is_err());
    lease.extend_from_slice(&[1; 100]);
    // Others have parts of the block: it stays where it is.
    let kept = lease.split();
    lease.shrink_to_fit();
    drop(kept);
    assert_eq!((pool.in_flight(), heap.live()), (1, 1));
    lease.extend_from_slice(&[2; 100]);
    drop(lease);
    heap.settle();
}

/// A lease that nothing can be read into, and that stands in the way of others.
#[test]
fn a_part_of_nothing_is_a_lease_only_when_the_block_is_its_own() {
    let pool = BufPool::builder().buf_size(64).limit(1).build().unwrap();
    for front in [true, false] {
        let mut lease = pool.try_acquire().unwrap();
        lease.extend_from_slice(b"abc");
        let nothing = if front { lease.split_to(0) } else { lease.split_off(64) };
        let nothing = Lease::try_from(nothing).unwrap_err();
        drop(lease);
        let lease = Lease::try_from(nothing).unwrap();
        assert_eq!((pool.in_flight(), lease.room() > 0), (1, true));
    }
}

#[test]
fn what_is_copied_out_of_a_pool_is_aligned_as_its_buffers() {
    let pool = BufPool::builder().buf_size(4096).alignment(4096).build().unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(&[1; 190]);
    let kept = lease.split_to(10);
    let buf = lease.into_buf();
    assert_eq!((buf.alignment(), buf.as_ptr().addr() % 4096, buf.len()), (4096, 0, 180));
    drop(kept);
}

/// Each alone and after each other, on an empty lease and on one with content.
#[test]
fn whatever_is_done_to_a_lease_it_keeps_its_permit_and_can_be_filled_again() {
    use std::io::BufRead;
    let ways: [fn(&mut Lease); 10] = [
        |lease| lease.clear(),
        |lease| lease.shrink_to_fit(),
        |lease| lease.consume(lease.len()),
        |lease| drop(lease.split_to(0)),
        |lease| drop(SmBuf::split(lease)),
        |lease| drop(lease.split_off(0)),
        |lease| {
            let rear = lease.split_off(0);
            lease.unsplit(rear);
        },
        |lease| {
            let capacity = lease.capacity();
            drop(lease.split_off(capacity).freeze());
        },
        |lease| lease.initialized().fill(1),
        |lease| {
            let nothing = SmBuf::new_in(lease.heap().clone());
            SmBuf::clone_from(lease, &nothing);
        },
    ];
    let pool = BufPool::builder().buf_size(64).limit(1).build().unwrap();
    for (first, second) in ways.iter().flat_map(|first| ways.iter().map(move |second| (first, second))) {
        for content in [&b""[..], b"content"] {
            let mut lease = pool.try_acquire().unwrap();
            lease.extend_from_slice(content);
            first(&mut lease);
            second(&mut lease);
            assert_eq!(pool.in_flight(), 1);
            lease.clear();
            lease.extend_from_slice(&[1; 64]);
        }
    }
}
