//! Raw heap calls against a list of what is live: random programs of up to four threads on up to three heaps, which pass blocks on.
//!
//! Every block is written to its last byte and read before it is given up, so that one which is handed out twice, moved wrongly
//! or trimmed while it is live shows; and at the end every block is back where it came from.

#![expect(unsafe_code, reason = "the raw calls are what is tested")]

mod common;

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use common::setting::setting;
use common::setting::{Classes, Setting, cache_bytes, warmup};
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::{AllocError, CacheWarmup, Exhausted, Heap, ThreadCache};

/// Places are taken modulo how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Malloc { heap: usize, size: usize, align: usize, zeroed: bool },
    Free(usize),
    FreeBatch(usize),
    Realloc { block: usize, size: usize, align: usize },
    Send { block: usize, thread: usize },
    HoldCache { heap: usize, bytes: usize, warmup: CacheWarmup },
    LetCacheGo(usize),
    Trim(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Program {
    heaps: Vec<Setting>,
    threads: Vec<Vec<Step>>,
}

impl Program {
    /// `None` if there are no heaps or no threads.
    pub(crate) fn of(heaps: Vec<Setting>, threads: Vec<Vec<Step>>) -> Option<Self> {
        (!heaps.is_empty() && !threads.is_empty()).then_some(Program { heaps, threads })
    }
}

fn programs() -> impl Strategy<Value = Program> {
    (vec(setting(), 1..=3), vec(vec(step(), 1..60), 1..=4))
        .prop_filter_map("no heaps or threads", |(heaps, threads)| Program::of(heaps, threads))
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..=128_usize, 1 => 129..6000_usize]
}

fn align() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0), 4 => (0..=12_u32).prop_map(|bit| 1 << bit), 1 => prop_oneof![Just(3), Just(8192)]]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let place = any::<usize>;
    prop_oneof![
        10 => (place(), size(), align(), any::<bool>())
            .prop_map(|(heap, size, align, zeroed)| Step::Malloc { heap, size, align, zeroed }),
        5 => place().prop_map(Step::Free),
        1 => (0..30_usize).prop_map(Step::FreeBatch),
        3 => (place(), size(), align()).prop_map(|(block, size, align)| Step::Realloc { block, size, align }),
        2 => (place(), place()).prop_map(|(block, thread)| Step::Send { block, thread }),
        1 => (place(), cache_bytes(), warmup()).prop_map(|(heap, bytes, warmup)| Step::HoldCache { heap, bytes, warmup }),
        1 => place().prop_map(Step::LetCacheGo),
        1 => place().prop_map(Step::Trim),
    ]
}

/// A live block, its content `size` bytes of `fill`.
struct Held {
    heap: usize,
    block: NonNull<u8>,
    size: usize,
    fill: u8,
}

// SAFETY: any thread may own and free a block.
unsafe impl Send for Held {}

impl Held {
    fn bytes(&self) -> &[u8] {
        // SAFETY: live, `size` bytes, written.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr(), self.size) }
    }

    fn check(&self) {
        assert!(self.bytes().iter().all(|byte| *byte == self.fill), "the content of {:?} is lost", self.block);
    }
}

struct World {
    settings: Vec<Setting>,
    heaps: Vec<Heap<Classes>>,
    /// First byte of every live block of any size, and the byte behind its last.
    live: Mutex<BTreeMap<usize, usize>>,
    sent: Vec<Mutex<Vec<Held>>>,
    fill: AtomicU8,
}

impl World {
    fn new(program: &Program) -> Self {
        Self {
            settings: program.heaps.clone(),
            heaps: program.heaps.iter().map(Setting::build).collect(),
            live: Mutex::default(),
            sent: program.threads.iter().map(|_| Mutex::default()).collect(),
            fill: AtomicU8::new(0),
        }
    }

    /// Writes a block down that was just handed out, with `kept` bytes of what it held before.
    fn enter(&self, heap: usize, block: NonNull<u8>, size: usize, align: usize) -> Held {
        let address = block.addr().get();
        assert_eq!(address % align.max(1), 0, "{block:?} is not aligned to {align}");
        // SAFETY: live, from this heap.
        let usable = unsafe { self.heaps[heap].usable_size(block) };
        assert!(usable >= size, "{size} bytes wanted, {usable} got");
        if let Some(bucket) = self.heaps[heap].bucket_of(block) {
            // Behind a canary, only what was asked for.
            assert_eq!(usable, if self.settings[heap].canary { size } else { 16 * (bucket + 1) });
        } else {
            assert_ne!(self.settings[heap].exhausted, Exhausted::Refuse, "from the system");
        }
        if usable > 0 {
            let mut live = self.live.lock().unwrap();
            let before = live.range(..=address).next_back().map_or(0, |(_, end)| *end);
            let after = live.range(address..).next().map_or(usize::MAX, |(start, _)| *start);
            assert!(before <= address && address + usable <= after, "{block:?} lies in a live block");
            live.insert(address, address + usable);
        }
        // Relaxed: any number will do that the neighbours do not have.
        let fill = self.fill.fetch_add(1, Ordering::Relaxed);
        Held { heap, block, size, fill }
    }

    /// Fills the block to its last byte: all of it may be used.
    fn write(&self, held: Held) -> Held {
        // SAFETY: live, from this heap.
        let usable = unsafe { self.heaps[held.heap].usable_size(held.block) };
        // SAFETY: live, this large.
        unsafe { held.block.write_bytes(held.fill, usable) };
        held
    }

    /// Strikes a block off that is about to be given up: afterwards somebody else may have it at once.
    fn leave(&self, held: &Held) {
        held.check();
        self.live.lock().unwrap().remove(&held.block.addr().get());
    }

    fn free(&self, held: &Held) {
        self.leave(held);
        // SAFETY: live, from this heap, given up.
        unsafe { self.heaps[held.heap].free(held.block) };
    }

    /// Whether the heap may say this of a layout.
    fn accept(&self, heap: usize, align: usize, error: AllocError) {
        let refuses = self.settings[heap].exhausted == Exhausted::Refuse;
        match error {
            AllocError::Alignment { .. } => assert!(align == 3 || align == 8192),
            AllocError::Exhausted { .. } | AllocError::TooLarge { .. } | AllocError::NoBucket { .. } => {
                assert!(refuses, "{error}");
            }
            other => panic!("{other}"),
        }
    }

    fn run(&self, thread: usize, steps: &[Step]) {
        let mut held: Vec<Held> = Vec::new();
        let mut caches: Vec<(usize, ThreadCache<'_, Classes>)> = Vec::new();
        for step in steps {
            held.append(&mut self.sent[thread].lock().unwrap());
            self.step(step, &mut held, &mut caches);
        }
        // Every other one stays for who ends last.
        for (number, held) in held.into_iter().enumerate() {
            if number % 2 == 0 {
                self.free(&held);
            } else {
                self.sent[thread].lock().unwrap().push(held);
            }
        }
    }

    fn step<'w>(&'w self, step: &Step, held: &mut Vec<Held>, caches: &mut Vec<(usize, ThreadCache<'w, Classes>)>) {
        let count = held.len();
        match *step {
            Step::Malloc { heap, size, align, zeroed } => {
                let heap = heap % self.heaps.len();
                let cache = caches.iter().find(|(of, _)| *of == heap);
                let block = match cache {
                    _ if zeroed => self.heaps[heap].malloc_zeroed(size, align),
                    Some((_, cache)) => cache.alloc(size, align),
                    None => self.heaps[heap].malloc(size, align),
                };
                match block {
                    Ok(block) => {
                        let mut new = self.enter(heap, block, size, align);
                        if zeroed {
                            let fill = std::mem::replace(&mut new.fill, 0);
                            new.check();
                            new.fill = fill;
                        }
                        held.push(self.write(new));
                    }
                    Err(error) => self.accept(heap, align, error),
                }
            }
            Step::HoldCache { heap, bytes, warmup } => {
                let heap = heap % self.heaps.len();
                caches.push((heap, self.heaps[heap].thread_cache(bytes, warmup)));
            }
            Step::LetCacheGo(cache) if !caches.is_empty() => {
                caches.swap_remove(cache % caches.len());
            }
            Step::Trim(heap) => {
                self.heaps[heap % self.heaps.len()].trim();
            }
            Step::Free(block) if count > 0 => {
                let given_up = held.swap_remove(block % count);
                match caches.iter().find(|(of, _)| *of == given_up.heap) {
                    Some((_, cache)) => {
                        self.leave(&given_up);
                        // SAFETY: live, from this heap, given up.
                        unsafe { cache.free(given_up.block) };
                    }
                    None => self.free(&given_up),
                }
            }
            Step::FreeBatch(most) if count > 0 => {
                let heap = held[0].heap;
                let (batch, rest): (Vec<_>, Vec<_>) =
                    held.drain(..).enumerate().partition(|(number, held)| *number < most && held.heap == heap);
                held.extend(rest.into_iter().map(|(_, held)| held));
                batch.iter().for_each(|(_, held)| self.leave(held));
                let blocks: Vec<_> = batch.iter().map(|(_, held)| held.block).collect();
                // SAFETY: all live, from this heap, given up.
                unsafe { self.heaps[heap].free_batch(&blocks) };
            }
            Step::Realloc { block, size, align } if count > 0 => {
                let old = held.swap_remove(block % count);
                self.leave(&old);
                // SAFETY: live, from this heap; given up if another one comes back.
                let new = unsafe { self.heaps[old.heap].realloc(old.block, size, align) };
                match new {
                    Ok(block) => {
                        let new = self.enter(old.heap, block, size, align);
                        Held { heap: old.heap, block, size: size.min(old.size), fill: old.fill }.check();
                        held.push(self.write(new));
                    }
                    Err(error) => {
                        self.accept(old.heap, align, error);
                        let kept = self.enter(old.heap, old.block, old.size, 1);
                        held.push(Held { fill: old.fill, ..kept });
                        held[count - 1].check();
                    }
                }
            }
            Step::Send { block, thread } if count > 0 => {
                let sent = held.swap_remove(block % count);
                self.sent[thread % self.sent.len()].lock().unwrap().push(sent);
            }
            _ => {}
        }
    }

    /// Everything that is left goes back, and then every bucket has all its blocks.
    fn end(self) {
        for sent in &self.sent {
            sent.lock().unwrap().drain(..).for_each(|held| self.free(&held));
        }
        assert!(self.live.lock().unwrap().is_empty());
        for (heap, setting) in self.heaps.iter().zip(&self.settings) {
            heap.trim();
            let stats = heap.stats();
            assert_eq!(stats.live(), 0, "{stats}");
            if setting.exhausted == Exhausted::Refuse {
                for size in (16..=128).step_by(16) {
                    let blocks: Vec<_> = std::iter::from_fn(|| heap.malloc(size, 0).ok()).collect();
                    assert_eq!(blocks.len(), setting.bucket_bytes / size, "blocks of {size} bytes");
                    // SAFETY: all live, from this heap, given up.
                    unsafe { heap.free_batch(&blocks) };
                }
            }
        }
    }
}

/// Runs a program, and fails if the heaps do anything that they must not.
pub(crate) fn check(program: &Program) {
    let world = World::new(program);
    std::thread::scope(|scope| {
        let threads: Vec<_> = program
            .threads
            .iter()
            .enumerate()
            .map(|(number, steps)| {
                let world = &world;
                scope.spawn(move || world.run(number, steps))
            })
            .collect();
        // A scope alone does not wait for the threads' very end.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    world.end();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_block_is_one_owners_and_none_is_lost(program in programs()) {
        check(&program);
    }
}
