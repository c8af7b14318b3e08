//! Misuse of raw blocks, one case a test: each runs in a child process, which must be aborted by a message that names
//! heap, bucket, block and address.
//!
//! A hardened heap finds all of it at the call. Below are the cases that any heap finds, when blocks get back to the bitmap, and those
//! that end at a page out of reach.
#![cfg(unix)]
#![expect(unsafe_code, reason = "misuse of the raw calls is what is tested")]

mod child;

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::os::unix::process::ExitStatusExt;
use std::ptr::NonNull;

use smarena::{
    CacheWarmup, Exhausted, Heap, HeapBuilder, HeapRef, Linear, Piecewise, SmArena, SmBox, SmBuf, StaticHeap,
    ThreadCache,
};

type Eight = Heap<Linear<8>>;
type Block = NonNull<u8>;

smarena::static_heap! {
    struct Guarded: Linear<8> { bucket_bytes: 1 << 20, hardened: true, canary: true, name: "guarded" }
}

/// Never dropped: what is only noticed when a heap ends comes too late.
fn heap_told(tell: impl FnOnce(HeapBuilder<Linear<8>>) -> HeapBuilder<Linear<8>>) -> &'static Eight {
    Box::leak(Box::new(tell(Heap::builder().bucket_bytes(1 << 20).name("checked")).build().unwrap()))
}

fn hardened() -> &'static Eight {
    heap_told(|builder| builder.hardened(true))
}

fn with_canary() -> &'static Eight {
    heap_told(|builder| builder.canary(true))
}

fn with_delay() -> &'static Eight {
    heap_told(|builder| builder.delayed_reuse(8))
}

fn zeroing() -> &'static Eight {
    heap_told(|builder| builder.hardened(true).zero_on_free(true))
}

/// Nothing is hardened, but every free goes to the bitmap.
fn uncached() -> &'static Eight {
    heap_told(HeapBuilder::no_thread_cache)
}

/// Never dropped: that would drain a cache.
fn cache(heap: &'static Eight) -> ManuallyDrop<ThreadCache<'static, Linear<8>>> {
    ManuallyDrop::new(heap.thread_cache(4096, CacheWarmup::Hot))
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

fn block(heap: &Eight, size: usize) -> Block {
    heap.malloc(size, 0).unwrap()
}

/// The last of `count` blocks of `size` bytes: number `count - 1` of its bucket.
fn last_of(heap: &Eight, count: usize, size: usize) -> Block {
    (0..count).map(|_| block(heap, size)).last().unwrap()
}

/// The pointer `bytes` behind `block`, or before it.
fn behind(block: Block, bytes: isize) -> Block {
    NonNull::new(block.as_ptr().wrapping_offset(bytes)).unwrap()
}

/// Frees a block that may be none.
fn free(heap: &Eight, block: Block) {
    // SAFETY: none; the heap is to notice, before it looks behind the address.
    unsafe { heap.free(block) }
}

fn realloc(heap: &Eight, block: Block, size: usize) {
    // SAFETY: none; the heap is to notice.
    let _ = unsafe { heap.realloc(block, size, 0) };
}

fn usable_size(heap: &Eight, block: Block) {
    // SAFETY: none; the heap is to notice.
    let _ = unsafe { heap.usable_size(block) };
}

/// Gives back a block that an owner who knows its layout would give back.
fn deallocate(heap: &'static Eight, block: Block, size: usize) {
    // SAFETY: none; the heap is to notice.
    unsafe { HeapRef::deallocate(&heap, block, layout(size)) }
}

fn reallocate(heap: &'static Eight, block: Block, old: usize, new: usize) {
    // SAFETY: none; the heap is to notice.
    let _ = unsafe { HeapRef::reallocate(&heap, block, layout(old), layout(new)) };
}

/// Writes one byte, `byte` bytes behind the first of `block`.
fn write(block: Block, byte: isize) {
    // SAFETY: none: mapped memory of the heap's, or a page that ends the process.
    unsafe { behind(block, byte).write_volatile(0) }
}

/// Runs `body` on another thread.
fn elsewhere(body: impl FnOnce() + Send + 'static) {
    std::thread::spawn(body).join().unwrap();
}

/// Carries a pointer to another thread.
struct Sent(Block);
// SAFETY: only an address.
unsafe impl Send for Sent {}

/// How a child must end.
enum End {
    /// By abort, with these words in the line that the heap prints.
    Abort(&'static str),
    /// By a page that is out of reach.
    #[cfg_attr(any(smarena_portable, miri), expect(dead_code, reason = "there are none"))]
    Fault,
}

#[track_caller]
fn ends(path: &str, end: &End, body: impl FnOnce()) {
    let (_program, test) = path.split_once("::").expect("a test has a path");
    let output = child::in_child(test, body);
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.strip_prefix("smarena: heap \""));
    match (end, output.status.signal()) {
        (End::Abort(words), Some(libc::SIGABRT)) => {
            assert!(line.unwrap_or_default().contains(words), "expected \"{words}\" in:\n{said}");
        }
        (End::Fault, Some(libc::SIGSEGV | libc::SIGBUS)) => assert_eq!(line, None),
        _ => panic!("ended otherwise: {:?}\n{said}", output.status),
    }
}

/// `test: "words that the child must be aborted with" => misuse;` or `test: out of reach => misuse;`
macro_rules! misuse {
    ($($test:ident: $($words:literal)? $(out of $reach:ident)? => $body:expr;)*) => {$(
        #[cfg_attr(miri, ignore = "starts a process")]
        #[test]
        fn $test() {
            let end = misuse!(@end $($words)? $($reach)?);
            ends(concat!(module_path!(), "::", stringify!($test)), &end, || $body);
        }
    )*};
    (@end $words:literal) => { End::Abort($words) };
    (@end reach) => { End::Fault };
}

// Blocks given back twice.
misuse! {
    freed_twice_in_a_row: "checked\": double free of block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        free(heap, block);
    };
    freed_again_after_others: "double free of block 1 of bucket 0 (16-byte" => {
        let heap = hardened();
        let blocks: Vec<_> = (0..100).map(|_| block(heap, 16)).collect();
        blocks.iter().for_each(|&block| free(heap, block));
        free(heap, blocks[1]);
    };
    freed_twice_in_one_batch: "double free of block 2 of bucket 7 (128-byte" => {
        let heap = hardened();
        let [a, b, c] = [0; 3].map(|_| block(heap, 128));
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[a, c, b, c]) };
    };
    freed_twice_in_two_batches: "double free of block 1 of bucket 2" => {
        let heap = hardened();
        let blocks = [0; 2].map(|_| block(heap, 48));
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            unsafe { heap.free_batch(&blocks[1..]) };
        }
    };
    freed_here_and_by_another_thread: "double free of block 4 of bucket 1" => {
        let heap = hardened();
        let sent = Sent(last_of(heap, 5, 32));
        let address = sent.0;
        elsewhere(move || { let sent = sent; free(heap, sent.0) });
        free(heap, address);
    };
    freed_by_two_threads_at_once: "double free of block 0 of bucket 1" => {
        let heap = hardened();
        let block = block(heap, 32);
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| for _ in 0..2 {
            let (sent, barrier) = (Sent(block), &barrier);
            scope.spawn(move || { let sent = sent; barrier.wait(); free(heap, sent.0) });
        });
    };
    freed_twice_of_size_zero: "double free of block 0 of bucket 0" => {
        let heap = hardened();
        let block = block(heap, 0);
        free(heap, block);
        free(heap, block);
    };
    freed_twice_while_it_waits: "double free of block 6 of bucket 3" => {
        let heap = with_delay();
        let block = last_of(heap, 7, 64);
        free(heap, block);
        for _ in 0..5 { free(heap, self::block(heap, 64)) }
        free(heap, block);
    };
    freed_twice_and_zeroed: "double free of block 0 of bucket 5" => {
        let heap = zeroing();
        let block = block(heap, 96);
        free(heap, block);
        free(heap, block);
    };
    freed_twice_after_its_page_was_trimmed: "double free of block 9 of bucket 7" => {
        let heap = hardened();
        let blocks: Vec<_> = (0..100).map(|_| block(heap, 128)).collect();
        blocks.iter().for_each(|&block| free(heap, block));
        heap.trim();
        free(heap, blocks[9]);
    };
    freed_twice_after_it_overflowed: "double free of block 0 of bucket 1 (32-byte" => {
        let heap = heap_told(|builder| builder.hardened(true).bucket_bytes_of(16, 16));
        let block = last_of(heap, 2, 16);
        free(heap, block);
        free(heap, block);
    };
    freed_twice_in_a_bucket_that_grew: "double free of block 5 of bucket 0" => {
        let heap = heap_told(|builder| builder.hardened(true).bucket_bytes(128).on_exhausted(Exhausted::Grow { reserve: 4096 }));
        let blocks: Vec<_> = (0..20).map(|_| block(heap, 16)).collect();
        blocks.iter().for_each(|&block| free(heap, block));
        free(heap, blocks[5]);
    };
    freed_after_it_moved: "double free of block 0 of bucket 0" => {
        let heap = hardened();
        let block = block(heap, 16);
        realloc(heap, block, 100);
        free(heap, block);
    };
    freed_twice_through_an_explicit_cache: "double free of block 0 of bucket 3" => {
        let cache = cache(hardened());
        let block = cache.alloc(64, 0).unwrap();
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            unsafe { cache.free(block) };
        }
    };
    freed_by_the_heap_and_an_explicit_cache: "double free of block 1 of bucket 6" => {
        let heap = hardened();
        let cache = cache(heap);
        let block = last_of(heap, 2, 112);
        free(heap, block);
        // SAFETY: none; the heap is to notice.
        unsafe { cache.free(block) };
    };
    freed_twice_by_owners_who_know_the_layout: "double free of block 0 of bucket 4" => {
        let heap = hardened();
        let block = HeapRef::allocate(&heap, layout(80)).unwrap();
        deallocate(heap, block, 80);
        deallocate(heap, block, 80);
    };
    freed_twice_in_a_static_heap: "guarded\": double free of block 0 of bucket 3" => {
        let block = block(Guarded::HEAP, 64);
        free(Guarded::HEAP, block);
        free(Guarded::HEAP, block);
    };
    freed_as_one_size_and_then_as_another: "double free of block 0 of bucket 4" => {
        let heap = hardened();
        let block = block(heap, 80);
        deallocate(heap, block, 80);
        deallocate(heap, block, 128);
    };
    a_box_made_of_one_pointer_twice: "double free of block 0 of bucket 2" => {
        let (pointer, heap) = SmBox::into_raw_with_heap(SmBox::new_in([0_u8; 48], hardened()));
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            drop(unsafe { SmBox::from_raw_in(pointer, heap) });
        }
    };
    a_boxes_block_freed_under_it: "double free of block 0 of bucket 2" => {
        let heap = hardened();
        let boxed = SmBox::new_in([0_u8; 48], heap);
        free(heap, NonNull::from(&*boxed).cast());
        drop(boxed);
    };
    a_buffers_block_freed_under_it: "double free of block 0 of bucket 3" => {
        let heap = hardened();
        let buf = SmBuf::with_capacity_in(64, heap);
        free(heap, NonNull::new(buf.as_ptr().cast_mut()).unwrap());
        drop(buf);
    };
    a_buffers_block_freed_before_it_grows: "use of block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        let mut buf = SmBuf::with_capacity_in(64, heap);
        // Full, so that the heap moves it: a buffer with little content is copied by itself, and then it is freed twice.
        buf.extend_from_slice(&[7; 64]);
        free(heap, NonNull::new(buf.as_mut_ptr()).unwrap());
        buf.reserve(100);
    };
    a_block_that_others_share: "block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        let mut buf = SmBuf::with_capacity_in(64, heap);
        buf.extend_from_slice(&[7; 64]);
        let bytes = buf.freeze();
        let other = ManuallyDrop::new(bytes.clone());
        free(heap, NonNull::new(other.as_ptr().cast_mut()).unwrap());
    };
    bytes_dropped_over_a_block_that_was_freed: "double free of block 0 of bucket 3" => {
        let heap = hardened();
        let mut buf = SmBuf::with_capacity_in(64, heap);
        buf.extend_from_slice(&[7; 64]);
        let bytes = buf.freeze();
        free(heap, NonNull::new(bytes.as_ptr().cast_mut()).unwrap());
        drop(bytes);
    };
    an_arenas_chunk_freed_under_it: "double free of block 0 of bucket" => {
        let heap: &'static Heap<Piecewise<30>> = Box::leak(Box::new(
            Heap::builder().bucket_bytes(1 << 20).hardened(true).build().unwrap(),
        ));
        let mut arena = SmArena::new_in(heap);
        let handle = arena.insert([0_u64; 4]);
        let value = NonNull::from(&arena[handle]).cast::<u8>();
        let bucket = heap.regions().find(|span| {
            let start = span.cast::<u8>().addr().get();
            (start..start + span.len()).contains(&value.addr().get())
        }).unwrap();
        // SAFETY: none; the heap is to notice, when the arena gives the chunk back.
        unsafe { heap.free(bucket.cast()) };
        drop(arena);
    };
}

// Blocks used after they were given back.
misuse! {
    moved_after_its_free_though_it_would_fit: "use of block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        realloc(heap, block, 50);
    };
    moved_after_its_free: "use of block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        realloc(heap, block, 100);
    };
    moved_after_its_free_to_the_system: "use of block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        realloc(heap, block, 1000);
    };
    moved_after_its_free_to_no_alignment: "use of block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { heap.realloc(block, 50, 3) };
    };
    moved_twice: "use of block 0 of bucket 0" => {
        let heap = hardened();
        let block = block(heap, 16);
        realloc(heap, block, 100);
        realloc(heap, block, 100);
    };
    moved_after_its_free_by_an_owner_in_its_class: "use of block 2 of bucket 3" => {
        let heap = hardened();
        let block = last_of(heap, 3, 60);
        free(heap, block);
        reallocate(heap, block, 60, 64);
    };
    moved_after_its_free_by_an_owner: "use of block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 60);
        free(heap, block);
        reallocate(heap, block, 60, 100);
    };
    measured_after_its_free: "use of block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        usable_size(heap, block);
    };
    measured_while_it_waits: "use of block 0 of bucket 3" => {
        let heap = with_delay();
        let block = block(heap, 64);
        free(heap, block);
        usable_size(heap, block);
    };
    written_after_its_free: "block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = zeroing();
        let block = block(heap, 64);
        free(heap, block);
        // SAFETY: none; the heap is to notice when it hands the block out.
        unsafe { block.write(1) };
        self::block(heap, 64);
    };
    written_at_its_end_after_its_free: "was written at byte 63 while it was free" => {
        let heap = zeroing();
        let block = block(heap, 64);
        free(heap, block);
        // SAFETY: none; the heap is to notice when it hands the block out.
        unsafe { behind(block, 63).write(1) };
        realloc(heap, self::block(heap, 16), 64);
    };
    written_while_it_waits: "was written at byte 5 while it was free" => {
        let heap = heap_told(|builder| builder.zero_on_free(true).delayed_reuse(4));
        let block = block(heap, 64);
        free(heap, block);
        // SAFETY: none; the heap is to notice when it hands the block out.
        unsafe { behind(block, 5).write(1) };
        for _ in 0..1000 { free(heap, self::block(heap, 64)) }
    };
    written_before_it_was_ever_handed_out: "block 1 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = zeroing();
        // SAFETY: none; the heap is to notice when it hands the block out.
        unsafe { behind(block(heap, 64), 64).write(1) };
        block(heap, 64);
    };
}

// Pointers that are no block's first byte.
misuse! {
    into_the_middle_of_a_block: "a pointer was given that lies 16 bytes into block 1 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        free(heap, behind(last_of(heap, 2, 64), 16));
    };
    one_byte_into_a_block: "lies 1 bytes into block 0 of bucket 0" => {
        let heap = hardened();
        free(heap, behind(block(heap, 16), 1));
    };
    at_the_last_byte_of_a_block: "lies 127 bytes into block 2 of bucket 7" => {
        let heap = hardened();
        free(heap, behind(last_of(heap, 3, 128), 127));
    };
    into_a_block_that_is_free: "lies 8 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        free(heap, block);
        free(heap, behind(block, 8));
    };
    into_a_block_in_a_batch: "lies 32 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        let block = block(heap, 64);
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[behind(block, 32), block]) };
    };
    into_a_block_through_an_explicit_cache: "lies 16 bytes into block 0 of bucket 1" => {
        let cache = cache(hardened());
        // SAFETY: none; the heap is to notice.
        unsafe { cache.free(behind(cache.alloc(32, 0).unwrap(), 16)) };
    };
    into_a_block_by_an_owner: "lies 16 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        deallocate(heap, behind(block(heap, 64), 16), 64);
    };
    into_a_block_that_is_to_move: "lies 16 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        realloc(heap, behind(block(heap, 64), 16), 10);
    };
    into_a_block_that_an_owner_moves: "lies 16 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        reallocate(heap, behind(block(heap, 64), 16), 64, 100);
    };
    into_a_block_that_is_to_be_measured: "lies 1 bytes into block 0 of bucket 3" => {
        let heap = hardened();
        usable_size(heap, behind(block(heap, 64), 1));
    };
    a_block_that_was_never_handed_out: "block 1 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        free(heap, behind(block(heap, 64), 64));
    };
    the_size_of_a_block_that_was_never_handed_out: "was given, which was never handed out" => {
        let heap = hardened();
        usable_size(heap, behind(block(heap, 64), 640));
    };
    behind_the_last_block_of_a_span: "block 16384 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        free(heap, behind(block(heap, 64), 1 << 20));
    };
    before_the_first_block_of_a_span: "of bucket 0 (16-byte blocks) at 0x" => {
        let heap = hardened();
        free(heap, behind(block(heap, 32), -16));
    };
    before_the_first_block_of_all: "which is no live block of this heap" => {
        let heap = hardened();
        free(heap, behind(block(heap, 16), -16));
    };
    behind_the_heaps_last_span: "which is no live block of this heap" => {
        let heap = hardened();
        free(heap, behind(block(heap, 128), 4 << 20));
    };
}

// Pointers from elsewhere.
misuse! {
    a_pointer_to_the_stack: "which is no live block of this heap" => {
        let local = 0_u8;
        free(hardened(), NonNull::from(&local));
    };
    a_pointer_to_a_static: "which is no live block of this heap" => {
        static PLACE: u64 = 7;
        free(hardened(), NonNull::from(&PLACE).cast());
    };
    a_pointer_to_nothing: "0x1 was given, which is no live block" => free(hardened(), NonNull::dangling());
    a_pointer_to_the_end_of_addresses: "0xffffffffffffffff was given" => {
        free(hardened(), NonNull::new(core::ptr::without_provenance_mut(usize::MAX)).unwrap());
    };
    a_pointer_of_a_standard_box: "which is no live block of this heap" => {
        free(hardened(), NonNull::from(Box::leak(Box::new([0_u8; 64]))).cast());
    };
    a_standard_box_that_is_to_move: "which is no live block of this heap" => {
        realloc(hardened(), NonNull::from(Box::leak(Box::new([0_u64; 8]))).cast(), 1000);
    };
    a_standard_box_that_is_to_be_measured: "which is no live block of this heap" => {
        usable_size(hardened(), NonNull::from(Box::leak(Box::new([0_u64; 8]))).cast());
    };
    a_standard_box_given_back_by_an_owner: "which is no live block of this heap" => {
        deallocate(hardened(), NonNull::from(Box::leak(Box::new([0_u64; 8]))).cast(), 64);
    };
    another_heaps_block: "which belongs to heap \"guarded\": block 2 of bucket 3 (64-byte blocks) at 0x" => {
        free(hardened(), last_of(Guarded::HEAP, 3, 64));
    };
    another_heaps_block_that_is_not_hardened: "which belongs to heap \"plain\": block" => {
        let plain = heap_told(|builder| builder.name("plain"));
        free(hardened(), block(plain, 64));
    };
    another_heaps_block_through_an_explicit_cache: "which belongs to heap \"guarded\": block 0 of bucket 0" => {
        // SAFETY: none; the heap is to notice.
        unsafe { cache(hardened()).free(block(Guarded::HEAP, 16)) };
    };
    another_heaps_block_by_an_owner: "which belongs to heap \"guarded\": block 0 of bucket 3" => {
        deallocate(hardened(), block(Guarded::HEAP, 64), 64);
    };
    another_heaps_block_given_back_as_no_bytes: "which belongs to heap \"guarded\": block 0 of bucket 0" => {
        deallocate(hardened(), block(Guarded::HEAP, 0), 0);
    };
    another_heaps_block_that_is_to_move: "which belongs to heap \"guarded\": block 0 of bucket 3" => {
        realloc(hardened(), block(Guarded::HEAP, 64), 1);
    };
    another_heaps_block_by_a_box: "which belongs to heap \"guarded\": block 0 of bucket 0" => {
        let pointer = SmBox::into_raw_with_heap(SmBox::new_in(7_u64, Guarded)).0;
        // SAFETY: none; the heap is to notice.
        drop(unsafe { SmBox::from_raw_in(pointer, hardened()) });
    };
    another_heaps_block_from_the_system: "which is no live block of this heap" => {
        let (one, two) = (hardened(), hardened());
        block(two, 1000);
        free(two, block(one, 1000));
    };
    a_dropped_heaps_block: "which is no live block of this heap" => {
        let heap = hardened();
        let gone = Eight::new(1 << 20).unwrap();
        let block = block(&gone, 64);
        drop(gone);
        free(heap, block);
    };
}

// Sizes that are not those asked for.
misuse! {
    given_back_as_one_of_another_class: "block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = hardened();
        deallocate(heap, block(heap, 64), 32);
    };
    given_back_as_a_larger_one: "was given back as one of 100 bytes; it was asked for with 64" => {
        let heap = hardened();
        deallocate(heap, block(heap, 64), 100);
    };
    given_back_with_another_size_of_its_class: "was given back as one of 50 bytes; it was asked for with 60" => {
        let heap = hardened();
        deallocate(heap, block(heap, 60), 50);
    };
    given_back_with_the_size_before_it_grew: "was given back as one of 50 bytes; it was asked for with 60" => {
        let heap = hardened();
        let block = block(heap, 50);
        reallocate(heap, block, 50, 60);
        deallocate(heap, block, 50);
    };
    given_back_with_a_size_that_only_the_system_has: "block 1 of bucket 3" => {
        let heap = hardened();
        deallocate(heap, last_of(heap, 2, 64), 4096);
    };
    given_back_by_a_raw_call_that_tells_another_size: "was given back as one of 50 bytes; it was asked for with 60" => {
        let heap = hardened();
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_sized(block(heap, 60), 50, 0) };
    };
    moved_with_another_size: "was given back as one of 20 bytes; it was asked for with 64" => {
        let heap = hardened();
        reallocate(heap, block(heap, 64), 20, 30);
    };
    a_box_of_another_type: "was given back as one of 8 bytes; it was asked for with 64" => {
        let (pointer, heap) = SmBox::into_raw_with_heap(SmBox::new_in([0_u64; 8], hardened()));
        // SAFETY: none; the heap is to notice.
        drop(unsafe { SmBox::from_raw_in(pointer.cast::<u64>(), heap) });
    };
    a_block_from_the_system_given_back_as_a_buckets: "given back as one of 64 bytes; it was asked for with 1000" => {
        let heap = hardened();
        deallocate(heap, block(heap, 1000), 64);
    };
    a_block_from_the_system_moved_with_another_size: "given back as one of 999 bytes; it was asked for with 1000" => {
        let heap = hardened();
        reallocate(heap, block(heap, 1000), 999, 2000);
    };
}

// Writes behind what was asked for.
misuse! {
    one_byte_too_many: "block 0 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 50);
        free(heap, block);
    };
    the_end_of_a_string_too_far: "was written at byte 50, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        // SAFETY: one byte more than asked for, inside the block.
        unsafe { block.write_bytes(0, 51) };
        free(heap, block);
    };
    the_last_byte_of_the_block: "was written at byte 63, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 63);
        free(heap, block);
    };
    a_byte_of_a_block_of_none: "was written at byte 0, behind the 0 asked for" => {
        let heap = with_canary();
        let block = block(heap, 0);
        write(block, 0);
        free(heap, block);
    };
    too_many_bytes_seen_by_realloc: "was written at byte 51, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 51);
        realloc(heap, block, 60);
    };
    too_many_bytes_seen_when_measured: "was written at byte 52, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 52);
        usable_size(heap, block);
    };
    too_many_bytes_after_it_grew_in_place: "was written at byte 60, behind the 60 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        realloc(heap, block, 60);
        write(block, 59);
        usable_size(heap, block);
        write(block, 60);
        free(heap, block);
    };
    too_many_bytes_after_it_shrank_in_place: "was written at byte 45, behind the 40 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        realloc(heap, block, 40);
        write(block, 45);
        free(heap, block);
    };
    too_many_bytes_seen_by_an_owner: "was written at byte 50, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 50);
        deallocate(heap, block, 50);
    };
    too_many_bytes_seen_by_an_explicit_cache: "was written at byte 50, behind the 50 asked for" => {
        let heap = with_canary();
        let block = block(heap, 50);
        write(block, 50);
        // SAFETY: live; the heap is to notice the byte.
        unsafe { cache(heap).free(block) };
    };
    too_many_bytes_seen_in_a_static_heap: "guarded\": block 0 of bucket 0 (16-byte blocks) at 0x" => {
        let boxed = SmBox::new_in([7_u8; 10], Guarded);
        write(NonNull::from(&*boxed).cast(), 10);
        drop(boxed);
    };
    too_many_bytes_in_a_larger_block: "was written at byte 16, behind the 10 asked for" => {
        let heap = heap_told(|builder| builder.canary(true).bucket_bytes_of(16, 16));
        let block = last_of(heap, 2, 10);
        write(block, 16);
        free(heap, block);
    };
}

// Blocks from the system.
misuse! {
    the_systems_freed_twice: "was given, which is no live block of this heap: from elsewhere, or given back before" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        free(heap, block);
    };
    the_systems_freed_twice_by_two_threads_at_once: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| for _ in 0..2 {
            let (sent, barrier) = (Sent(block), &barrier);
            scope.spawn(move || { let sent = sent; barrier.wait(); free(heap, sent.0) });
        });
    };
    into_the_middle_of_the_systems: "which lies 64 bytes into a block of 1000 bytes from the system" => {
        let heap = hardened();
        free(heap, behind(block(heap, 1000), 64));
    };
    in_front_of_the_systems: "which is no live block of this heap" => {
        let heap = hardened();
        free(heap, behind(block(heap, 1000), -16));
    };
    the_systems_moved_after_its_free: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        realloc(heap, block, 2000);
    };
    the_systems_moved_to_a_bucket_after_its_free: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        realloc(heap, block, 10);
    };
    the_systems_measured_after_its_free: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        usable_size(heap, block);
    };
    the_systems_freed_after_it_moved: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        // A neighbour, so that it cannot grow where it is.
        realloc(heap, block, 1 << 20);
        free(heap, block);
    };
    the_systems_overrun: "the block from the system at 0x" => {
        let heap = with_canary();
        let block = block(heap, 1000);
        write(block, 1000);
        free(heap, block);
    };
    the_systems_overrun_seen_by_realloc: "was written at byte 1015, behind the 1000 asked for" => {
        let heap = with_canary();
        let block = block(heap, 1000);
        write(block, 1015);
        realloc(heap, block, 2000);
    };
    the_systems_overrun_by_an_aligned_block: "was written at byte 100, behind the 100 asked for" => {
        let heap = with_canary();
        let block = heap.malloc(100, 4096).unwrap();
        write(block, 100);
        usable_size(heap, block);
    };
    the_systems_overrun_after_it_moved: "was written at byte 3000, behind the 3000 asked for" => {
        let heap = with_canary();
        // SAFETY: live, from this heap.
        let block = unsafe { heap.realloc(block(heap, 1000), 3000, 0) }.unwrap();
        write(block, 3000);
        free(heap, block);
    };
}

// Blocks from the system, by the other ways in.
misuse! {
    the_systems_freed_twice_in_one_batch: "which is no live block of this heap" => {
        let heap = hardened();
        let [a, b] = [0; 2].map(|_| block(heap, 1000));
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[a, b, a]) };
    };
    the_systems_freed_twice_through_an_explicit_cache: "which is no live block of this heap" => {
        let cache = cache(hardened());
        let block = cache.alloc(1000, 0).unwrap();
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            unsafe { cache.free(block) };
        }
    };
    the_systems_freed_here_and_by_another_thread: "which is no live block of this heap" => {
        let heap = hardened();
        let sent = Sent(block(heap, 1000));
        let address = sent.0;
        elsewhere(move || { let sent = sent; free(heap, sent.0) });
        free(heap, address);
    };
    the_systems_freed_twice_by_owners_who_know_the_layout: "which is no live block of this heap" => {
        let heap = hardened();
        let block = HeapRef::allocate(&heap, layout(1000)).unwrap();
        deallocate(heap, block, 1000);
        deallocate(heap, block, 1000);
    };
    the_systems_freed_twice_in_a_static_heap: "guarded\": 0x" => {
        let block = block(Guarded::HEAP, 1000);
        free(Guarded::HEAP, block);
        free(Guarded::HEAP, block);
    };
    the_systems_freed_twice_and_zeroed: "which is no live block of this heap" => {
        let heap = zeroing();
        let block = block(heap, 1000);
        free(heap, block);
        free(heap, block);
    };
    an_overflowed_block_of_the_systems_freed_twice: "which is no live block of this heap" => {
        let heap = heap_told(|builder| builder.hardened(true).bucket_bytes(128));
        let block = last_of(heap, 30, 50);
        free(heap, block);
        free(heap, block);
    };
    a_large_buffers_block_freed_under_it: "which is no live block of this heap" => {
        let heap = hardened();
        let buf = SmBuf::with_capacity_in(5000, heap);
        free(heap, NonNull::new(buf.as_ptr().cast_mut()).unwrap());
        drop(buf);
    };
    a_large_buffers_block_freed_before_it_grows: "which is no live block of this heap" => {
        let heap = hardened();
        let mut buf = SmBuf::with_capacity_in(5000, heap);
        free(heap, NonNull::new(buf.as_mut_ptr()).unwrap());
        buf.reserve(10_000);
    };
    the_systems_moved_after_its_free_by_an_owner: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        reallocate(heap, block, 1000, 2000);
    };
    the_systems_shrunk_after_its_free_by_an_owner: "which is no live block of this heap" => {
        let heap = hardened();
        let block = block(heap, 1000);
        free(heap, block);
        reallocate(heap, block, 1000, 10);
    };
    into_the_middle_of_the_systems_in_a_batch: "which lies 64 bytes into a block of 1000 bytes from the system" => {
        let heap = hardened();
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[behind(block(heap, 1000), 64)]) };
    };
    into_the_middle_of_the_systems_through_an_explicit_cache: "which lies 16 bytes into a block of 1000" => {
        let cache = cache(hardened());
        // SAFETY: none; the heap is to notice.
        unsafe { cache.free(behind(cache.alloc(1000, 0).unwrap(), 16)) };
    };
    into_the_middle_of_the_systems_by_an_owner: "which lies 999 bytes into a block of 1000" => {
        let heap = hardened();
        deallocate(heap, behind(block(heap, 1000), 999), 1000);
    };
    into_the_middle_of_the_systems_given_back_as_no_bytes: "which lies 16 bytes into a block of 1000" => {
        let heap = hardened();
        deallocate(heap, behind(block(heap, 1000), 16), 0);
    };
    into_the_middle_of_the_systems_that_is_to_move: "which lies 16 bytes into a block of 1000" => {
        let heap = hardened();
        realloc(heap, behind(block(heap, 1000), 16), 10);
    };
    into_the_middle_of_the_systems_that_an_owner_moves: "which lies 16 bytes into a block of 1000" => {
        let heap = hardened();
        reallocate(heap, behind(block(heap, 1000), 16), 1000, 2000);
    };
    into_the_middle_of_the_systems_that_is_to_be_measured: "which lies 1 bytes into a block of 1000" => {
        let heap = hardened();
        usable_size(heap, behind(block(heap, 1000), 1));
    };
    behind_the_systems: "which is no live block of this heap" => {
        let heap = hardened();
        free(heap, behind(block(heap, 1000), 1000));
    };
    the_systems_given_back_as_a_larger_one: "given back as one of 1001 bytes; it was asked for with 1000" => {
        let heap = hardened();
        deallocate(heap, block(heap, 1000), 1001);
    };
    the_systems_given_back_as_one_of_none: "given back as one of 0 bytes; it was asked for with 1000" => {
        let heap = hardened();
        deallocate(heap, block(heap, 1000), 0);
    };
    the_systems_given_back_with_the_size_before_it_shrank: "given back as one of 1000 bytes; it was asked for with 900" => {
        let heap = hardened();
        let block = block(heap, 1000);
        // SAFETY: live, from this heap, of this layout.
        let block = unsafe { HeapRef::reallocate(&heap, block, layout(1000), layout(900)) }.unwrap();
        deallocate(heap, block, 1000);
    };
    the_systems_overrun_seen_by_an_owner: "was written at byte 1000, behind the 1000 asked for" => {
        let heap = with_canary();
        let block = block(heap, 1000);
        write(block, 1000);
        deallocate(heap, block, 1000);
    };
    the_systems_overrun_seen_by_an_explicit_cache: "was written at byte 1000, behind the 1000 asked for" => {
        let heap = with_canary();
        let block = block(heap, 1000);
        write(block, 1000);
        // SAFETY: live; the heap is to notice the byte.
        unsafe { cache(heap).free(block) };
    };
    the_systems_overrun_of_a_zeroed_block: "was written at byte 5000, behind the 5000 asked for" => {
        let heap = with_canary();
        let block = heap.malloc_zeroed(5000, 0).unwrap();
        write(block, 5000);
        free(heap, block);
    };
}

/// A large block of a hardened heap that two owners share, one of them gone for good.
fn shared_by_two(heap: &'static Eight) -> Block {
    let mut buf = SmBuf::with_capacity_in(5000, heap);
    buf.extend_from_slice(&[7; 5000]);
    let bytes = ManuallyDrop::new(buf.freeze());
    let other = ManuallyDrop::new(bytes.clone());
    NonNull::new(other.as_ptr().cast_mut()).unwrap()
}

// Blocks from the system that several own.
misuse! {
    a_block_from_the_system_that_others_share: "the block from the system at 0x" => {
        let heap = hardened();
        free(heap, shared_by_two(heap));
    };
    a_shared_block_from_the_system_in_a_batch: "was given back while others own it, too" => {
        let heap = hardened();
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[shared_by_two(heap)]) };
    };
    a_shared_block_from_the_system_through_an_explicit_cache: "was given back while others own it, too" => {
        let heap = hardened();
        // SAFETY: none; the heap is to notice.
        unsafe { cache(heap).free(shared_by_two(heap)) };
    };
    a_shared_block_from_the_system_by_an_owner: "was given back while others own it, too" => {
        let heap = hardened();
        let shared = shared_by_two(heap);
        // SAFETY: live, from this heap.
        let size = unsafe { heap.usable_size(shared) };
        deallocate(heap, shared, size);
    };
    a_shared_block_from_the_system_that_is_to_move: "was given back while others own it, too" => {
        let heap = hardened();
        realloc(heap, shared_by_two(heap), 1 << 20);
    };
    a_shared_block_from_the_system_of_any_heap: "was given back while others own it, too" => {
        let heap = uncached();
        free(heap, shared_by_two(heap));
    };
    bytes_dropped_over_a_block_from_the_system_that_was_freed: "which is no live block of this heap" => {
        let heap = hardened();
        let mut buf = SmBuf::with_capacity_in(5000, heap);
        buf.extend_from_slice(&[7; 5000]);
        let bytes = buf.freeze();
        free(heap, NonNull::new(bytes.as_ptr().cast_mut()).unwrap());
        drop(bytes);
    };
    a_part_of_a_split_buffer_from_the_system: "was given back while others own it, too" => {
        let heap = hardened();
        let mut buf = ManuallyDrop::new(SmBuf::with_capacity_in(5000, heap));
        buf.extend_from_slice(&[7; 5000]);
        let front = ManuallyDrop::new(buf.split_to(100));
        free(heap, NonNull::new(front.as_ptr().cast_mut()).unwrap());
    };
}

// What any heap finds of what is no bucket's.
misuse! {
    the_systems_freed_twice_in_any_heap: "checked\": 0x" => {
        let heap = uncached();
        let block = block(heap, 1000);
        free(heap, block);
        free(heap, block);
    };
    the_systems_moved_after_its_free_in_any_heap: "which is no live block of this heap" => {
        let heap = uncached();
        let block = block(heap, 1000);
        free(heap, block);
        realloc(heap, block, 2000);
    };
    the_systems_moved_after_its_free_to_no_alignment_in_any_heap: "which is no live block of this heap" => {
        let heap = uncached();
        let block = block(heap, 1000);
        free(heap, block);
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { heap.realloc(block, 2000, 3) };
    };
    the_systems_moved_after_its_free_by_an_owner_in_any_heap: "which is no live block of this heap" => {
        let heap = uncached();
        let block = block(heap, 1000);
        free(heap, block);
        reallocate(heap, block, 1000, 2000);
    };
    the_systems_measured_after_its_free_in_any_heap: "which is no live block of this heap" => {
        let heap = uncached();
        let block = block(heap, 1000);
        free(heap, block);
        usable_size(heap, block);
    };
    into_the_middle_of_the_systems_in_any_heap: "which lies 16 bytes into a block of 1000 bytes" => {
        let heap = uncached();
        free(heap, behind(block(heap, 1000), 16));
    };
    another_heaps_block_in_any_heap: "which belongs to heap \"guarded\": block 2 of bucket 3" => {
        free(uncached(), last_of(Guarded::HEAP, 3, 64));
    };
    a_pointer_to_the_stack_in_any_heap: "which is no live block of this heap" => {
        let local = 0_u8;
        free(uncached(), NonNull::from(&local));
    };
}

// What any heap finds, when blocks get back to the bitmap.
misuse! {
    freed_twice_without_a_cache: "checked\": double free of block 0 of bucket 3" => {
        let heap = uncached();
        let block = block(heap, 64);
        free(heap, block);
        free(heap, block);
    };
    freed_twice_into_a_cache_that_is_then_drained: "double free of block 0 of bucket 3" => {
        let heap = uncached();
        let block = block(heap, 64);
        let cache = heap.thread_cache(4096, CacheWarmup::Cold);
        free(heap, block);
        free(heap, block);
        drop(cache);
    };
    never_handed_out_in_a_row_that_is_then_drained: "block 1 of bucket 3 (64-byte blocks) at 0x" => {
        let heap = uncached();
        let block = block(heap, 64);
        let cache = heap.thread_cache(4096, CacheWarmup::Cold);
        // They come back in this order, so that the second is taken for the first one's neighbour.
        free(heap, block);
        free(heap, behind(block, 64));
        drop(cache);
    };
    into_the_middle_without_a_cache: "lies 8 bytes into block 0 of bucket 3" => {
        let heap = uncached();
        free(heap, behind(block(heap, 64), 8));
    };
}

// Pages out of reach in front of every span and behind it.
#[cfg(not(any(smarena_portable, miri)))]
misuse! {
    a_write_behind_the_last_block_of_a_span: out of reach => {
        let heap = hardened();
        write(block(heap, 16), 1 << 20);
    };
    a_write_in_front_of_the_first_block_of_all: out of reach => write(block(hardened(), 16), -1);
    a_write_in_front_of_the_first_block_of_a_span: out of reach => write(block(hardened(), 64), -1);
    a_write_behind_the_last_span: out of reach => write(block(hardened(), 128), 1 << 20);
    a_write_in_front_of_a_heap_that_is_not_hardened: out of reach => write(block(uncached(), 16), -1);
    a_write_into_the_reserve_of_a_growing_bucket: out of reach => {
        let heap = heap_told(|builder| builder.bucket_bytes(4096).on_exhausted(Exhausted::Grow { reserve: 1 << 20 }));
        write(block(heap, 16), 8192);
    };
    a_read_through_a_block_of_a_heap_that_is_gone: out of reach => {
        let gone = Eight::new(1 << 20).unwrap();
        let block = block(&gone, 64);
        drop(gone);
        write(block, 0);
    };
}

/// Through the standard trait of global allocators.
#[cfg(feature = "global-alloc")]
mod global_alloc {
    use super::*;
    use std::alloc::GlobalAlloc;

    fn alloc(size: usize) -> (&'static Eight, *mut u8) {
        let heap = hardened();
        // SAFETY: a layout with bytes.
        (heap, unsafe { heap.alloc(layout(size)) })
    }

    fn dealloc(heap: &Eight, block: *mut u8, size: usize) {
        // SAFETY: none; the heap is to notice.
        unsafe { heap.dealloc(block, layout(size)) };
    }

    misuse! {
        global_alloc_freed_twice: "double free of block 0 of bucket 3" => {
            let (heap, block) = alloc(64);
            dealloc(heap, block, 64);
            dealloc(heap, block, 64);
        };
        global_alloc_into_a_block: "lies 16 bytes into block 0 of bucket 3" => {
            let (heap, block) = alloc(64);
            dealloc(heap, block.wrapping_add(16), 64);
        };
        global_alloc_another_size: "was given back as one of 8 bytes; it was asked for with 64" => {
            let (heap, block) = alloc(64);
            dealloc(heap, block, 8);
        };
        global_alloc_from_elsewhere: "which is no live block of this heap" => {
            dealloc(hardened(), Box::into_raw(Box::new([0_u64; 8])).cast(), 64);
        };
        global_alloc_the_systems_freed_twice: "which is no live block of this heap" => {
            let (heap, block) = alloc(1000);
            dealloc(heap, block, 1000);
            dealloc(heap, block, 1000);
        };
        global_alloc_into_the_systems: "which lies 16 bytes into a block of 1000 bytes" => {
            let (heap, block) = alloc(1000);
            dealloc(heap, block.wrapping_add(16), 1000);
        };
        global_alloc_another_size_of_the_systems: "given back as one of 8 bytes; it was asked for with 1000" => {
            let (heap, block) = alloc(1000);
            dealloc(heap, block, 8);
        };
        global_alloc_the_systems_shared: "was given back while others own it, too" => {
            let heap = hardened();
            let shared = shared_by_two(heap);
            // SAFETY: live, from this heap.
            let size = unsafe { heap.usable_size(shared) };
            dealloc(heap, shared.as_ptr(), size);
        };
        global_alloc_the_systems_moved_after_its_free: "which is no live block of this heap" => {
            let (heap, block) = alloc(1000);
            dealloc(heap, block, 1000);
            // SAFETY: none; the heap is to notice.
            unsafe { GlobalAlloc::realloc(heap, block, layout(1000), 2000) };
        };
        global_alloc_moved_after_its_free: "use of block 0 of bucket 3" => {
            let (heap, block) = alloc(64);
            dealloc(heap, block, 64);
            // SAFETY: none; the heap is to notice.
            unsafe { GlobalAlloc::realloc(heap, block, layout(64), 100) };
        };
    }
}

/// Through the traits of other crates' collections.
#[cfg(all(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
mod allocator_api2 {
    use super::*;

    /// The same misuse through one version of the trait.
    macro_rules! version {
        ($version:ident: $twice:ident $into:ident $size:ident $moved:ident $vector:ident
            $systems_twice:ident $systems_into:ident $systems_size:ident $systems_moved:ident $systems_shared:ident) => {
            misuse! {
                $twice: "double free of block 0 of bucket 3" => {
                    let heap = hardened();
                    let block = $version::alloc::Allocator::allocate(heap, layout(64)).unwrap().cast();
                    for _ in 0..2 {
                        // SAFETY: none the second time; the heap is to notice.
                        unsafe { $version::alloc::Allocator::deallocate(heap, block, layout(64)) };
                    }
                };
                $into: "lies 32 bytes into block 0 of bucket 3" => {
                    let heap = hardened();
                    // SAFETY: none; the heap is to notice.
                    unsafe { $version::alloc::Allocator::deallocate(heap, behind(block(heap, 64), 32), layout(64)) };
                };
                $size: "was given back as one of 16 bytes; it was asked for with 64" => {
                    let heap = hardened();
                    // SAFETY: none; the heap is to notice.
                    unsafe { $version::alloc::Allocator::deallocate(heap, block(heap, 64), layout(16)) };
                };
                $moved: "use of block 0 of bucket 3" => {
                    let heap = hardened();
                    let block = block(heap, 64);
                    free(heap, block);
                    // SAFETY: none; the heap is to notice.
                    let _ = unsafe { $version::alloc::Allocator::grow(heap, block, layout(64), layout(128)) };
                };
                $systems_twice: "which is no live block of this heap" => {
                    let heap = hardened();
                    let block = $version::alloc::Allocator::allocate(heap, layout(1000)).unwrap().cast();
                    for _ in 0..2 {
                        // SAFETY: none the second time; the heap is to notice.
                        unsafe { $version::alloc::Allocator::deallocate(heap, block, layout(1000)) };
                    }
                };
                $systems_into: "which lies 32 bytes into a block of 1000 bytes" => {
                    let heap = hardened();
                    // SAFETY: none; the heap is to notice.
                    unsafe { $version::alloc::Allocator::deallocate(heap, behind(block(heap, 1000), 32), layout(1000)) };
                };
                $systems_size: "given back as one of 16 bytes; it was asked for with 1000" => {
                    let heap = hardened();
                    // SAFETY: none; the heap is to notice.
                    unsafe { $version::alloc::Allocator::deallocate(heap, block(heap, 1000), layout(16)) };
                };
                $systems_moved: "which is no live block of this heap" => {
                    let heap = hardened();
                    let block = block(heap, 1000);
                    free(heap, block);
                    // SAFETY: none; the heap is to notice.
                    let _ = unsafe { $version::alloc::Allocator::shrink(heap, block, layout(1000), layout(10)) };
                };
                $systems_shared: "was given back while others own it, too" => {
                    let heap = hardened();
                    let shared = shared_by_two(heap);
                    // SAFETY: live, from this heap.
                    let size = unsafe { heap.usable_size(shared) };
                    // SAFETY: none; the heap is to notice.
                    unsafe { $version::alloc::Allocator::deallocate(heap, shared, layout(size)) };
                };
                $vector: "double free of block 0 of bucket 1" => {
                    let heap = hardened();
                    let mut vector = $version::vec::Vec::with_capacity_in(32, heap);
                    vector.push(7_u8);
                    free(heap, NonNull::from(&vector[0]));
                    drop(vector);
                };
            }
        };
    }
    version!(allocator_api2_02: api_02_freed_twice api_02_into_a_block api_02_another_size api_02_grown_after_its_free api_02_vector
        api_02_the_systems_freed_twice api_02_into_the_systems api_02_another_size_of_the_systems api_02_the_systems_shrunk_after_its_free
        api_02_the_systems_shared);
    version!(allocator_api2_04: api_04_freed_twice api_04_into_a_block api_04_another_size api_04_grown_after_its_free api_04_vector
        api_04_the_systems_freed_twice api_04_into_the_systems api_04_another_size_of_the_systems api_04_the_systems_shrunk_after_its_free
        api_04_the_systems_shared);
}

/// The same in-child runner, and a body that does nothing wrong: what the tests above would do if nothing were found.
#[cfg_attr(miri, ignore = "starts a process")]
#[test]
fn a_child_that_misuses_nothing_ends_well() {
    let output = child::in_child("a_child_that_misuses_nothing_ends_well", || {
        let heap = heap_told(|builder| builder.canary(true).zero_on_free(true).delayed_reuse(8));
        let block = block(heap, 50);
        write(block, 49);
        realloc(heap, block, 60);
        deallocate(heap, block, 60);
    });
    assert!(output.status.success(), "{output:?}");
}
