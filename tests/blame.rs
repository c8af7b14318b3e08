//! A panic names the line of the call that could not be served, not one of this crate. That every function whose documentation has a section on
//! panics has the attribute for that, `tests/tidy.rs` sees to.
#![cfg(feature = "bytes")]
#![expect(unsafe_code, reason = "implements the heap the buffers are tested on, and advances over what is not there")]

mod common;

use std::cell::RefCell;
use std::io::BufRead;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use bytes::{Buf, BufMut, Bytes};
use common::CountingHeap;
use smarena::{
    BufPool, DenseArena, Exhausted, Handle, Linear, SecondaryMap, SharedArena, SmArena, SmBox, SmBuf, SmBytes, SmChain,
    SparseSecondaryMap, compat,
};

smarena::static_heap! {
    /// One block.
    struct Full: Linear<1> { bucket_bytes: 16, on_exhausted: Exhausted::Refuse, name: "full" }
}

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The file that `action` panics in.
fn place_of<T>(action: impl FnOnce() -> T) -> Option<String> {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            eprintln!("{panic}");
            PLACE.set(panic.location().map(|place| place.file().to_owned()));
        }));
    });
    let panicked = panic::catch_unwind(AssertUnwindSafe(action)).is_err();
    panicked.then(|| PLACE.take()).flatten()
}

/// That each of the actions panics, in this file.
macro_rules! blames {
    ($($action:expr;)+) => {$(
        let place = place_of(|| $action);
        assert_eq!(place.as_deref(), Some(file!()), "{}", stringify!($action));
    )+};
}

const TOO_LARGE: usize = SmBuf::MAX_CAPACITY + 1;

#[test]
fn a_panic_names_the_line_of_the_call() {
    let heap = CountingHeap::new();
    let full = SmBuf::copy_from_slice_in(b"0123456789abcdef", heap.clone());
    let buf = || full.clone();
    let mut buf_at_will = buf();
    let b = &mut buf_at_will;
    let mut bytes_at_will = buf().freeze();
    let s = &mut bytes_at_will;
    let mut chain_at_will = SmChain::from(s.clone());
    let c = &mut chain_at_will;
    let mut empty_at_will = SmBuf::new_in(heap.clone());
    let e = &mut empty_at_will;
    let (fresh, vector, other) = (|| SmBuf::new_in(heap.clone()), vec![0; 20], buf().freeze());
    let boxed = SmBox::new_in(1, heap.clone());
    let mut lease = BufPool::builder().buf_size(8).build_in(heap.clone()).unwrap().try_acquire().ok();
    lease.as_mut().unwrap().extend_from_slice(b"abc");
    let _part = lease.as_mut().unwrap().split_to(1);
    let _the_only_block = SmBox::new_in(1_u64, Full);
    heap.refuse_after(0);

    // Room that is not to be had.
    blames! {
        SmBuf::with_capacity(TOO_LARGE);
        SmBuf::with_capacity_in(9, heap.clone());
        SmBuf::with_headroom(TOO_LARGE, 0);
        SmBuf::with_headroom_in(9, 1, heap.clone());
        SmBuf::with_alignment(TOO_LARGE, 16);
        SmBuf::with_alignment_in(1, 3, heap.clone());
        SmBuf::zeroed(TOO_LARGE);
        SmBuf::copy_from_slice_in(&vector, heap.clone());
        full.clone();
        e.clone_from(&full);
        b.push(1);
        b.extend_from_slice(&vector);
        b.append(&mut SmBuf::from(b"abc"));
        b.resize(40, 0);
        b.reserve(40);
        b.extend_from_within(..);
        b.prepend(b"x");
        b.reserve_front(4);
        b.insert(1, 2);
        b.replace_range(..1, b"abc");
        b.extend([1, 2, 3]);
        b.extend(&[1, 2, 3]);
        b.extend([Bytes::from_static(b"abc")]);
        b.extend([other.clone()]);
        b.unsplit(SmBuf::copy_from_slice_in(b"abc", heap.clone()));
        b.put_slice(b"abc");
        b.put_bytes(1, 3);
        b.put(&b"abc"[..]);
        b.chunk_mut().len();
        SmBuf::from(other.clone());
        SmBytes::copy_from_slice_in(b"abc", heap.clone());
        SmBytes::from_owner_in(vector.clone(), heap.clone());
        SmChain::from_iter([s.clone(), s.clone()]).split_to(20);
    }
    // Blocks for values.
    blames! {
        SmBox::new_in(1, heap.clone());
        SmBox::pin_in(1, heap.clone());
        SmBox::<u64, _>::new_uninit_in(heap.clone());
        SmBox::<u64, _>::new_zeroed_in(heap.clone());
        boxed.clone();
        SmBox::<u64, Full>::default();
        lease.take().unwrap().into_buf();
    }
    #[cfg(feature = "zerocopy")]
    {
        blames! {
            SmBox::<u64, _>::zeroed_in(heap.clone());
            b.put_struct(&[1_u8, 2]);
            b.prepend_struct(&[1_u8, 2]);
        }
    }
    // Places that are not there.
    blames! {
        b.split_to(17);
        b.split_off(17);
        b.remove(16);
        b.insert(17, 1);
        b.replace_range(17.., b"");
        b.extend_from_within(17..);
        b.consume(17);
        b.advance(17);
        b.copy_to_bytes(17);
        // SAFETY: refused, since there is no room.
        unsafe { b.advance_mut(1) };
        s.slice(17..);
        s.slice_ref(b"elsewhere");
        s.split_to(17);
        s.split_off(17);
        s.consume(17);
        s.advance(17);
        s.copy_to_bytes(17);
        c.split_to(17);
        c.consume(17);
        c.advance(17);
        c.copy_to_bytes(17);
    }
    assert_eq!((fresh().capacity(), &b[..], s.len(), c.len()), (0, &full[..], 16, 16));
}

/// Handles of what is gone, and arenas whose heap has no block for more.
#[test]
fn a_panic_of_an_arena_names_the_line_of_the_call() {
    let mut arena = SmArena::new();
    let (stale, other) = (arena.insert(1_u64), arena.insert(2));
    arena.remove(stale);
    let mut dense = DenseArena::from_iter([1_u64]);
    let (mut map, mut sparse) = (SecondaryMap::new(), SparseSecondaryMap::new());
    map.insert(other, 3);
    sparse.insert(other, 4);
    let mut old = compat::Arena::new();
    let gone = old.insert(5);
    old.remove(gone);
    blames! {
        arena[stale];
        arena[stale] = 1;
        arena[Handle::DANGLING];
        dense[stale];
        dense[stale] = 1;
        map[stale];
        map[stale] = 1;
        sparse[stale];
        sparse[stale] = 1;
        old[gone];
        old[gone] = 1;
        old.reserve(usize::MAX);
        compat::Arena::<u64>::with_capacity(usize::MAX);
        DenseArena::<u64>::with_capacity(usize::MAX);
        SecondaryMap::<u64, u64>::with_capacity(usize::MAX);
        SmArena::<u64>::with_capacity(usize::MAX);
        arena.reserve(usize::MAX);
    }
    // No chunk fits into 16 bytes.
    let (mut full, shared) = (SmArena::new_in(Full), SharedArena::new_in(Full));
    blames! {
        full.insert(1);
        full.insert_with(|_| 1);
        full.vacant_entry().handle();
        full.reserve(1);
        full.extend([1]);
        shared.insert(1);
        shared.insert_with(|_| 1);
        shared.get_or_insert(Handle::DANGLING, 1);
        shared.get_or_insert_with(Handle::DANGLING, |_| 1);
        (0..1 << 15).map(|_| shared.reading()).collect::<Vec<_>>();
    }
    assert!(full.is_empty() && shared.is_empty());
}

#[cfg(feature = "tokio-util")]
#[test]
fn a_panic_of_a_sink_names_the_line_of_the_call() {
    use futures_sink::Sink;
    use smarena::{LeaseFramed, LengthPrefixed};
    let pool = BufPool::builder().build().unwrap();
    let mut framed = LeaseFramed::new(tokio::io::duplex(8).0, LengthPrefixed::new(8), pool);
    blames! {
        std::pin::Pin::new(&mut framed).start_send(&b"nobody asked"[..]);
    }
}

/// Tables and plans that cannot be.
#[test]
fn a_panic_of_an_argument_names_the_line_of_the_call() {
    let none: &'static [usize] = &[];
    blames! {
        smarena::class::Table::listed(none);
        smarena::class::Table::listed(&[8]);
    }
    #[cfg(feature = "record")]
    {
        use smarena::record::{Goal, Log, Recorder};
        let recording = Recorder::new(smarena::Global).recording();
        blames! {
            Log::with_events((1 << 30) + 1);
            recording.forecast(&[16, 32], &[1]);
            recording.recommend(&Goal { classes: 0, ..Goal::default() });
        }
    }
}

/// The sizes are in the text, also where the heap knows of blocks only.
#[test]
fn a_refused_buffer_says_how_many_bytes_it_wanted() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::copy_from_slice_in(b"0123456789abcdef", heap.clone());
    heap.refuse_after(0);
    let text = common::panic_text(|| buf.reserve(1234));
    assert!(text.starts_with("no room for 1250 bytes in a buffer: ") && text.contains("exhausted"), "{text}");
}
