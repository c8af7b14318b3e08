//! Boxes, buffers and pools on the real heaps: borrowed, counted, static and bounded.

use std::sync::Arc;
use std::thread;

use smarena::{
    AllocError, BufPool, Exhausted, Global, Heap, HeapRef, Lease, Linear, Piecewise, PoolError, SmArena, SmBox, SmBuf,
    StaticHeap,
};

smarena::static_heap! {
    /// A heap of this test's own.
    struct Net: Piecewise<17> { bucket_bytes: 1 << 20, name: "net" }
}

fn small() -> Heap<Linear<8>> {
    Heap::new(1 << 20).unwrap()
}

type Owners<'h> = (SmBox<u8, &'h Heap<Linear<8>>>, SmBuf<&'h Heap<Linear<8>>>, SmArena<u8, &'h Heap<Linear<8>>>);

/// Compiles only if owners that borrow a heap for longer are taken for some that borrow it for less.
fn keep_together<'h>(long: Owners<'static>, brief: Owners<'h>) -> Vec<Owners<'h>> {
    vec![long, brief]
}

#[test]
fn owners_by_different_borrows_are_kept_together() {
    smarena::static_heap! { struct Lasting: Linear<8> { bucket_bytes: 1 << 20 } }
    let heap = small();
    let lasting: &'static Heap<_> = Lasting::HEAP;
    let long = (SmBox::new_in(1, lasting), SmBuf::with_capacity_in(1, lasting), SmArena::new_in(lasting));
    let brief = (SmBox::new_in(2, &heap), SmBuf::with_capacity_in(1, &heap), SmArena::new_in(&heap));
    let kept = keep_together(long, brief);
    assert_eq!(kept.iter().map(|(boxed, ..)| **boxed).sum::<u8>(), 3);
    assert_eq!((heap.stats().live(), Lasting::HEAP.stats().live()), (2, 2));
    drop(kept);
    assert_eq!((heap.stats().live(), Lasting::HEAP.stats().live()), (0, 0));
}

/// Everything an owner does to a heap, from this thread and another.
fn exercise<H: HeapRef + Send + Sync>(heap: &H) {
    let mut boxes: Vec<_> = (0..100u64).map(|number| SmBox::new_in([number; 4], heap.clone())).collect();
    let mut bufs: Vec<_> = (0..100u8)
        .map(|byte| {
            let mut buf = SmBuf::new_in(heap.clone());
            (0..10 * u32::from(byte)).for_each(|_| buf.push(byte));
            buf
        })
        .collect();
    let pool = BufPool::builder().buf_size(100).limit(10).build_in(heap.clone()).unwrap();
    let leases: Vec<Lease<H>> = (0..10).map(|_| pool.try_acquire().unwrap()).collect();
    thread::scope(|scope| {
        let (boxes, bufs) = (boxes.split_off(50), bufs.split_off(50));
        scope.spawn(move || {
            assert!(boxes.iter().zip(50..).all(|(boxed, number)| **boxed == [number; 4]));
            assert!(
                bufs.iter()
                    .zip(50..)
                    .all(|(buf, byte)| buf.len() == 10 * byte as usize && buf.iter().all(|b| *b == byte))
            );
            drop((boxes, bufs, leases));
        });
    });
    assert_eq!(pool.in_flight(), 0);
    for (boxed, byte) in boxes.iter_mut().zip(0..) {
        assert_eq!(**boxed, [byte; 4]);
    }
    for (buf, byte) in bufs.iter_mut().zip(0u8..) {
        buf.shrink_to_fit();
        assert!(buf.len() == 10 * usize::from(byte) && buf.iter().all(|b| *b == byte));
    }
}

#[test]
fn owners_give_everything_back_to_a_borrowed_heap() {
    let heap = small();
    exercise(&&heap);
    assert_eq!((heap.stats().live(), heap.stats().fallback_live), (0, 0));
}

#[test]
fn owners_keep_a_counted_heap_alive() {
    let heap = Arc::new(small());
    exercise(&heap);
    assert_eq!((heap.stats().live(), heap.stats().fallback_live, Arc::strong_count(&heap)), (0, 0, 1));

    let (boxed, buf) = (SmBox::new_in(5, heap.clone()), SmBuf::copy_from_slice_in(b"abc", heap.clone()));
    let lease = BufPool::builder().buf_size(64).build_in(heap.clone()).unwrap().try_acquire().unwrap();
    let gone = Arc::downgrade(&heap);
    drop(heap);
    assert_eq!((*boxed, &buf[..], lease.capacity()), (5, &b"abc"[..], 64));
    drop((boxed, buf));
    assert!(gone.upgrade().is_some());
    thread::spawn(move || drop(lease)).join().unwrap();
    assert!(gone.upgrade().is_none());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn owners_in_a_static_heap_are_as_small_as_can_be() {
    assert_eq!((size_of::<SmBox<[u8; 64], Net>>(), size_of::<SmBuf<Net>>(), size_of::<Lease<Net>>()), (8, 24, 32));
    assert_eq!(
        (size_of::<Option<SmBox<u8, Net>>>(), size_of::<Option<SmBuf<Net>>>(), size_of::<Option<Lease<Net>>>()),
        (8, 24, 32)
    );
    exercise(&Net);
    assert_eq!((Net::HEAP.stats().live(), Net::HEAP.stats().fallback_live), (0, 0));
    exercise(&Global);
}

#[test]
fn a_buffer_lies_in_the_bucket_of_its_capacity() {
    let heap = Heap::<Piecewise<17>>::new(1 << 20).unwrap();
    let live_in =
        |block_size| heap.stats().buckets().iter().find(|bucket| bucket.block_size == block_size).unwrap().live;
    let mut buf = SmBuf::with_capacity_in(1400, &heap);
    assert_eq!((buf.capacity(), live_in(1536)), (1536, 1));
    buf.resize(1600, 7);
    assert_eq!((buf.capacity(), live_in(1536), live_in(2048), heap.stats().fallback_live), (3072, 0, 0, 1));
    buf.truncate(200);
    buf.shrink_to_fit();
    assert_eq!((buf.capacity(), live_in(256), heap.stats().fallback_live), (256, 1, 0));
    assert_eq!(buf, [7; 200]);
    drop(buf);
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_heap_that_refuses_gives_values_and_contents_back() {
    let heap = Heap::<Linear<4>>::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse).build().unwrap();
    let mut boxes = Vec::new();
    let error = loop {
        match SmBox::try_new_in([7u64; 8], &heap) {
            Ok(boxed) => boxes.push(boxed),
            Err(error) => break error,
        }
    };
    assert_eq!(boxes.len(), 64);
    assert!(matches!(error.error, AllocError::Exhausted { block_size: 64, blocks: 64, .. }));
    assert_eq!(error.into_value(), [7; 8]);

    let mut buf = SmBuf::copy_from_slice_in(&[1; 48], &heap);
    assert!(matches!(buf.try_reserve(1), Err(AllocError::Exhausted { .. } | AllocError::TooLarge { .. })));
    assert_eq!(buf, [1; 48]);
    let pool = BufPool::builder().buf_size(60).build_in(&heap).unwrap();
    assert!(matches!(pool.try_acquire(), Err(PoolError::Alloc(AllocError::Exhausted { .. }))));
    boxes.pop();
    // Twice the size is more than this heap has; what is needed is not.
    buf.try_reserve(1).unwrap();
    assert_eq!((&buf[..], buf.capacity()), (&[1; 48][..], 64));
}
