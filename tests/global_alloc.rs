//! The whole test program allocates from `Global`: threads, panics, thread-locals and large blocks included.

use std::collections::HashMap;
use std::sync::mpsc;

use smarena::{Global, StaticHeap};

#[global_allocator]
static ALLOCATOR: Global = Global;

#[test]
fn what_the_standard_library_does_all_day_works() {
    let (sender, receiver) = mpsc::channel::<HashMap<String, Vec<u8>>>();
    let threads: Vec<_> = (0..8_usize)
        .map(|thread| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for round in 0..50_usize {
                    let map = (0..round).map(|key| (format!("{thread}/{key}"), vec![7; key * 1000])).collect();
                    sender.send(map).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut bytes = 0;
    for map in receiver {
        bytes += map.values().map(|value| value.iter().filter(|byte| **byte == 7).count()).sum::<usize>();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(bytes, 8 * (0..50).map(|round| (0..round).map(|key| key * 1000).sum::<usize>()).sum::<usize>());
    // All of it came from the heap: sizes of every bucket were used, and larger ones.
    assert!(Global::HEAP.stats().buckets().iter().filter(|bucket| bucket.watermark > 0).count() > 20);
}

#[test]
fn a_panic_that_is_caught_leaves_nothing_behind() {
    let caught = std::thread::spawn(|| {
        let _held: Vec<_> = (0..100).map(|size| vec![0_u8; size * 100]).collect();
        panic!("on purpose");
    })
    .join();
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
}

#[test]
fn a_thread_local_that_allocates_when_it_is_destroyed_works() {
    struct Late(mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.send("destroyed".repeat(10)).unwrap();
        }
    }
    thread_local! {
        static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || LATE.with(|late| *late.borrow_mut() = Some(Late(sender)))).join().unwrap();
    assert_eq!(receiver.recv().unwrap().len(), 90);
}
