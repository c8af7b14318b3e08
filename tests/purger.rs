//! A thread that gives memory back while the program is silent. Nothing here waits for time to pass: the pause is nothing, or for ever.
#![cfg(not(miri))]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use smarena::{Heap, HugePages, Linear, Purger, SmBox};

#[test]
#[cfg_attr(
    any(not(any(target_os = "linux", windows)), smarena_portable, smarena_tool = "valgrind"),
    ignore = "no memory goes back, or nobody says so"
)]
fn a_silent_heap_gives_back_all_that_is_free() {
    let builder = Heap::<Linear<8>>::builder().huge_pages(HugePages::Never).no_thread_cache();
    let heap = Arc::new(builder.build().unwrap());
    let resident = || heap.stats().buckets()[7].resident.unwrap();
    let kept = SmBox::new_in([7_u8; 128], &*heap);
    drop((0..8192).map(|_| SmBox::new_in([1_u8; 128], &*heap)).collect::<Vec<_>>());
    assert!(resident() >= 1 << 20);
    let (called, calls) = mpsc::channel();
    let purger = Purger::start(Duration::ZERO, {
        let heap = Arc::clone(&heap);
        move || _ = called.send(heap.purge())
    });
    let given_back: usize = calls.iter().take(3).sum();
    drop(purger.unwrap());
    assert_eq!((given_back >> 20, resident(), *kept), (1, 4096, [7; 128]));
}

#[test]
fn dropping_it_ends_the_thread_whatever_the_pause_and_drops_what_it_had() {
    let token = Arc::new(AtomicUsize::new(0));
    let start = |pause| {
        let token = Arc::clone(&token);
        Purger::start(pause, move || _ = token.fetch_add(1, Ordering::Relaxed)).unwrap()
    };
    let purgers: Vec<_> = (0..10).map(|_| start(Duration::MAX)).collect();
    assert_eq!(Arc::strong_count(&token), 11);
    drop(purgers);
    assert_eq!((Arc::strong_count(&token), token.load(Ordering::Relaxed)), (1, 0));
    drop(start(Duration::ZERO));
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_call_that_is_under_way_is_waited_for() {
    let (begun, wait_for_begin) = mpsc::channel();
    let ended = Arc::new(AtomicBool::new(false));
    let purger = Purger::start(Duration::ZERO, {
        let ended = Arc::clone(&ended);
        move || {
            begun.send(()).unwrap();
            (0..10).for_each(|_| std::thread::yield_now());
            ended.store(true, Ordering::Relaxed);
        }
    });
    wait_for_begin.recv().unwrap();
    drop(purger.unwrap());
    assert!(ended.load(Ordering::Relaxed));
}

#[test]
fn a_panic_ends_the_thread_and_nothing_else() {
    let (held, when_dropped) = mpsc::channel::<()>();
    let purger = Purger::start(Duration::ZERO, move || {
        let _held = &held;
        panic!("this test wants it");
    });
    assert!(when_dropped.recv().is_err(), "the thread has ended");
    drop(purger.unwrap());
}

#[test]
fn its_own_thread_may_drop_it() {
    let place = Arc::new(Mutex::new(None));
    let (dropped, goes_on) = mpsc::channel();
    let purger = Purger::start(Duration::ZERO, {
        let place = Arc::clone(&place);
        move || {
            let own = place.lock().unwrap().take();
            if let Some(own) = own {
                drop(own);
                dropped.send(()).unwrap();
            }
        }
    });
    *place.lock().unwrap() = Some(purger.unwrap());
    assert_eq!(goes_on.iter().count(), 1, "it goes on, and then it ends");
}
