//! `BufPool` against a count: random programs of acquiring, writing, freezing, sharing and giving back, with a heap that refuses now
//! and then and handles that come and go.

#![expect(unsafe_code, reason = "implements the heap that the pool is tested on")]

mod common;

use std::collections::HashSet;

use common::CountingHeap;
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::{AllocError, BufPool, Lease, PoolError, PoolHeap, SmBuf, SmBytes};

const LIMIT: usize = 5;
const LOW: usize = 1;
const HIGH: usize = 4;
const HEADROOM: usize = 8;
const GROWTH: usize = 300;

/// Places are taken modulo how many there are.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Acquire,
    AcquireRefused,
    AcquireBatch { wanted: usize, kept: usize },
    Write(usize, Vec<u8>),
    Freeze(usize),
    Clone(usize),
    Slice(usize, usize, usize),
    Thaw(usize),
    Keep(usize),
    Drop(usize),
    DropElsewhere(usize),
    AddHandle,
    DropHandle,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let place = any::<usize>;
    prop_oneof![
        6 => Just(Step::Acquire),
        1 => Just(Step::AcquireRefused),
        1 => (0..8_usize, 0..8_usize).prop_map(|(wanted, kept)| Step::AcquireBatch { wanted, kept }),
        4 => (place(), vec(any::<u8>(), 0..200)).prop_map(|(at, bytes)| Step::Write(at, bytes)),
        4 => place().prop_map(Step::Freeze),
        3 => place().prop_map(Step::Clone),
        2 => (place(), place(), place()).prop_map(|(at, from, to)| Step::Slice(at, from, to)),
        2 => place().prop_map(Step::Thaw),
        1 => place().prop_map(Step::Keep),
        5 => place().prop_map(Step::Drop),
        1 => place().prop_map(Step::DropElsewhere),
        1 => Just(Step::AddHandle),
        1 => Just(Step::DropHandle),
    ]
}

/// Whoever has a buffer of the pool; the bytes are what it should hold.
enum Owner {
    Lease(Lease<CountingHeap>, Vec<u8>),
    /// The number is the frozen lease's; none for bytes without a block.
    Shared(SmBytes<PoolHeap<CountingHeap>>, Vec<u8>, Option<usize>),
    /// Thawed: a buffer whose block still counts.
    Thawed(SmBuf<PoolHeap<CountingHeap>>, Vec<u8>, usize),
    /// Not the pool's any more.
    Kept(SmBuf<CountingHeap>, Vec<u8>),
}

use Owner::{Kept, Lease as Leased, Shared, Thawed};

#[derive(Default)]
struct Model {
    owners: Vec<Owner>,
    frozen: usize,
    peak: usize,
    refusals: u64,
    congested: bool,
}

impl Model {
    fn take(&mut self, place: usize) -> Option<Owner> {
        let count = self.owners.len();
        (count > 0).then(|| self.owners.swap_remove(place % count))
    }

    /// Permits that are out, and blocks that are.
    fn out(&self) -> (usize, usize) {
        let mut groups = HashSet::new();
        let (mut leases, mut kept) = (0, 0);
        for owner in &self.owners {
            match owner {
                Leased(..) => leases += 1,
                Kept(..) => kept += 1,
                Shared(_, _, Some(group)) | Thawed(_, _, group) => drop(groups.insert(*group)),
                Shared(_, _, None) => {}
            }
        }
        (leases + groups.len(), leases + groups.len() + kept)
    }

    /// Books that `out` permits were out at once for a moment.
    fn reached(&mut self, out: usize) {
        self.peak = self.peak.max(out);
        self.congested = if out >= HIGH { true } else { self.congested && out > LOW };
    }

    fn check(&mut self, pool: &BufPool<CountingHeap>, heap: &CountingHeap) {
        let (permits, blocks) = self.out();
        self.reached(permits);
        let stats = pool.stats();
        assert_eq!((stats.in_flight, heap.live()), (permits, blocks));
        assert_eq!((stats.peak, stats.refusals, stats.waiting), (self.peak, self.refusals, 0));
        assert_eq!(stats.congested, self.congested);
        for owner in &self.owners {
            match owner {
                Leased(lease, bytes) => assert_eq!(&lease[..], bytes),
                Shared(shared, bytes, _) => assert_eq!(&shared[..], bytes),
                Thawed(buf, bytes, _) => assert_eq!(&buf[..], bytes),
                Kept(buf, bytes) => assert_eq!(&buf[..], bytes),
            }
        }
    }
}

fn acquire(pool: &BufPool<CountingHeap>, model: &mut Model) {
    let (out, _) = model.out();
    match pool.try_acquire() {
        Ok(lease) => {
            assert!(out < LIMIT && lease.is_empty() && lease.capacity() >= pool.buf_size());
            model.owners.push(Leased(lease, Vec::new()));
        }
        Err(PoolError::LimitReached { limit, .. }) => {
            assert_eq!((out, limit), (LIMIT, LIMIT));
            model.refusals += 1;
        }
        Err(other) => panic!("{other}"),
    }
}

fn run(step: &Step, handles: &mut Vec<BufPool<CountingHeap>>, heap: &CountingHeap, model: &mut Model) {
    let pool = &handles[0];
    match *step {
        Step::Acquire => acquire(pool, model),
        Step::AcquireRefused => {
            heap.refuse_after(0);
            let refused = pool.try_acquire();
            heap.refuse_nothing();
            let (out, _) = model.out();
            match refused {
                // It had a permit, for a moment.
                Err(PoolError::Alloc(_)) => model.reached(out + 1),
                Err(PoolError::LimitReached { .. }) => model.refusals += 1,
                other => panic!("{other:?}"),
            }
        }
        Step::AcquireBatch { wanted, kept } => {
            let (out, _) = model.out();
            match pool.acquire_batch(wanted) {
                Ok(batch) => {
                    assert_eq!(batch.len(), wanted.min(LIMIT - out));
                    model.reached(out + batch.len());
                    let leases = batch.take(kept).map(|lease| Leased(lease.unwrap(), Vec::new()));
                    model.owners.extend(leases);
                }
                Err(PoolError::LimitReached { .. }) => {
                    assert_eq!(out, LIMIT);
                    model.refusals += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        Step::AddHandle => handles.push(pool.clone()),
        Step::DropHandle if handles.len() > 1 => drop(handles.swap_remove(0)),
        Step::DropHandle => {}
        Step::Write(at, ref bytes) => {
            let count = model.owners.len();
            match model.owners.get_mut(at % count.max(1)) {
                Some(Leased(lease, held)) => write(lease, held, bytes),
                Some(Thawed(buf, held, _)) => write(buf, held, bytes),
                Some(Kept(buf, held)) => {
                    buf.extend_from_slice(bytes);
                    held.extend_from_slice(bytes);
                }
                Some(Shared(..)) | None => {}
            }
        }
        Step::Freeze(at) => {
            let now = match model.take(at) {
                Some(Leased(lease, bytes)) => {
                    model.frozen += 1;
                    // What is empty keeps no block.
                    let group = (!bytes.is_empty()).then_some(model.frozen);
                    Shared(lease.freeze(), bytes, group)
                }
                Some(Thawed(buf, bytes, group)) => {
                    let group = (!bytes.is_empty()).then_some(group);
                    Shared(buf.freeze(), bytes, group)
                }
                Some(other) => other,
                None => return,
            };
            model.owners.push(now);
        }
        Step::Clone(at) => {
            let count = model.owners.len();
            if let Some(Shared(shared, bytes, group)) = model.owners.get(at % count.max(1)) {
                let clone = Shared(shared.clone(), bytes.clone(), *group);
                model.owners.push(clone);
            }
        }
        Step::Slice(at, from, to) => {
            let count = model.owners.len();
            if let Some(Shared(shared, bytes, group)) = model.owners.get(at % count.max(1)) {
                let from = from % (bytes.len() + 1);
                let to = from + to % (bytes.len() + 1 - from);
                // What is empty shares no block.
                let group = group.filter(|_| from < to);
                let slice = Shared(shared.slice(from..to), bytes[from..to].to_vec(), group);
                model.owners.push(slice);
            }
        }
        Step::Thaw(at) => {
            let now = match model.take(at) {
                Some(Shared(shared, bytes, group)) => {
                    let same = |owner: &&Owner| matches!(owner, Shared(_, _, other) if *other == group);
                    let alone = group.is_some() && model.owners.iter().find(same).is_none();
                    match (shared.try_into_mut(), group) {
                        (Ok(buf), Some(group)) if alone => Thawed(buf, bytes, group),
                        (Ok(buf), None) if bytes.is_empty() => Shared(buf.freeze(), bytes, None),
                        (Err(shared), group) if !alone => Shared(shared, bytes, group),
                        (outcome, _) => panic!("alone: {alone}, but {outcome:?}"),
                    }
                }
                Some(other) => other,
                None => return,
            };
            model.owners.push(now);
        }
        Step::Keep(at) => {
            let now = match model.take(at) {
                Some(Leased(lease, bytes)) => Kept(lease.into_buf(), bytes),
                Some(other) => other,
                None => return,
            };
            model.owners.push(now);
        }
        Step::Drop(at) => drop(model.take(at)),
        Step::DropElsewhere(at) => {
            if let Some(owner) = model.take(at) {
                std::thread::spawn(move || drop(owner)).join().unwrap();
            }
        }
    }
}

/// Appends to a buffer of the pool, unless neither its room nor the pool's growth is enough.
fn write(buf: &mut SmBuf<PoolHeap<CountingHeap>>, held: &mut Vec<u8>, bytes: &[u8]) {
    match buf.try_reserve(bytes.len()) {
        Ok(()) => {
            buf.extend_from_slice(bytes);
            held.extend_from_slice(bytes);
        }
        Err(AllocError::PoolGrowth { left, .. }) => assert!(bytes.len() > buf.capacity() - buf.len() && left <= GROWTH),
        // The block went with the content.
        Err(AllocError::OneBlock { .. }) => assert_eq!(buf.capacity(), 0),
        Err(other) => panic!("{other}"),
    }
}

/// Runs a program, and fails if the pool does anything that it must not.
pub(crate) fn check(steps: &[Step]) {
    let heap = CountingHeap::new();
    let builder = BufPool::builder().buf_size(100).headroom(HEADROOM).limit(LIMIT).watermarks(LOW, HIGH).growth(GROWTH);
    let mut handles = vec![builder.build_in(heap.clone()).unwrap()];
    let mut model = Model::default();
    for step in steps {
        run(step, &mut handles, &heap, &mut model);
        model.check(&handles[0], &heap);
        assert!(handles[0].stats().grown <= GROWTH);
    }
    assert!(model.out().0 > 0 || handles[0].stats().grown == 0, "nothing is on loan, and something has grown");
    // What is on loan outlives the pool.
    drop(handles);
    drop(model);
    heap.settle();
    assert_eq!(heap.references(), 1, "the pool is still there");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pool_counts_what_is_out(steps in vec(step(), 1..100)) {
        check(&steps);
    }
}
