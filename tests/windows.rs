//! What heaps take of what Windows can keep: it counts all that is committed, used or not. Asked of the system, so one test alone in its process.
#![cfg(all(windows, not(smarena_portable)))]
#![expect(unsafe_code, reason = "asks the system, and uses raw calls")]

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::ptr;

use smarena::{Heap, Linear, SmBox};
use windows_sys::Win32::System::Memory::{MEM_COMMIT, MEM_FREE, MEM_PRIVATE, MEMORY_BASIC_INFORMATION, VirtualQuery};

const MIB: usize = 1 << 20;

/// What the system says of the pages around an address, as far as they are alike; nothing behind the last.
fn about(address: *const u8) -> Option<MEMORY_BASIC_INFORMATION> {
    let mut range = MaybeUninit::<MEMORY_BASIC_INFORMATION>::uninit();
    // SAFETY: any address may be asked about; a place of that size for the answer.
    let answer = unsafe { VirtualQuery(address.cast(), range.as_mut_ptr(), size_of::<MEMORY_BASIC_INFORMATION>()) };
    // SAFETY: answered.
    (answer != 0).then(|| unsafe { range.assume_init() })
}

/// Bytes that are committed in this process for itself alone.
fn committed() -> usize {
    let end = |range: &MEMORY_BASIC_INFORMATION| range.BaseAddress.cast::<u8>().wrapping_add(range.RegionSize);
    std::iter::successors(about(ptr::null()), |range| about(end(range)))
        .filter(|range| range.State == MEM_COMMIT && range.Type == MEM_PRIVATE)
        .map(|range| range.RegionSize)
        .sum()
}

#[test]
fn a_heap_commits_what_it_uses_and_gives_it_up_again() {
    let before = committed();
    drop(SmBox::new([0_u8; 100]));
    let of_global = committed() - before;
    assert!(of_global < 2 * MIB, "{of_global} bytes for the heap of the whole process");

    let before = committed();
    let heap = Heap::<Linear<8>>::new(16 * MIB).unwrap();
    let created = committed() - before;
    assert!(created < 256 << 10, "{created} bytes for a heap that nobody has used");

    let fill = || (0..100_000).map(|number| SmBox::new_in([number; 32], &heap)).collect::<Vec<SmBox<[u32; 32], _>>>();
    let boxes = fill();
    let full = committed() - before;
    assert!((12 * MIB..32 * MIB).contains(&full), "{full} bytes");
    let kept = boxes.into_iter().step_by(1000).collect::<Vec<_>>();
    // All but the pages of those that are kept, never-used ones included; what the side table has of the blocks stays.
    assert!(heap.trim() > 11 * MIB);
    let trimmed = committed() - before;
    assert!(trimmed < 3 * MIB, "{trimmed} bytes for {} blocks", kept.len());

    // What was given up is there again when it is used.
    let again = fill();
    assert!(kept.iter().enumerate().all(|(number, boxed)| **boxed == [1000 * number as u32; 32]));
    assert!(again.iter().zip(0..).all(|(boxed, number)| **boxed == [number; 32]));
    let addresses: HashSet<_> = again.iter().chain(&kept).map(|boxed| ptr::from_ref(&**boxed)).collect();
    assert_eq!(addresses.len(), 100_100);
    drop((again, kept));

    // More threads than every heap has memory for from the start, and of each, a cache.
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| drop([SmBox::new_in([1_u8; 100], &heap), SmBox::new_in([2; 100], &heap)]));
        }
    });
    assert_eq!(heap.stats().live(), 0);
    let block = heap.malloc(100, 0).unwrap().as_ptr();
    assert_eq!(about(block).map(|range| range.State), Some(MEM_COMMIT));
    drop(heap);
    assert_eq!(about(block).map(|range| range.State), Some(MEM_FREE));
}
