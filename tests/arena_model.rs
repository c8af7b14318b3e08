//! `SmArena` against a naive model: a map from handles to values, and the list of all handles there ever were.

#![expect(clippy::mem_forget, reason = "a leaked drain is one of the cases")]
#![expect(unsafe_code, reason = "implements the heap that arenas are tested on")]

mod common;

use std::collections::HashMap;
use std::fmt::Debug;

use common::CountingHeap;
use proptest::prelude::*;
use smarena::{Handle, SmArena};

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Insert(u64),
    InsertWith(u64),
    Remove(usize),
    Set(usize, u64),
    Detach(usize),
    Reattach(usize),
    Release(usize),
    InsertAt(usize, u32, u64),
    Retain(u64),
    DrainSome(usize),
    Clear,
    Shrink,
    Reserve(usize),
    Copy,
    Save,
    RollBack,
    Peek,
}

/// Numbers of one size and alignment or another: so an arena's first chunk has 64 slots, or fewer.
trait Value: Copy + PartialEq + Debug + From<u64> + Into<u64> {}

impl<V: Copy + PartialEq + Debug + From<u64> + Into<u64>> Value for V {}

macro_rules! value {
    ($Name:ident, $align:literal, $bytes:literal) => {
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[repr(align($align))]
        struct $Name(u64, [u8; $bytes]);

        impl From<u64> for $Name {
            fn from(number: u64) -> Self {
                Self(number, [number.to_le_bytes()[0]; $bytes])
            }
        }

        impl From<$Name> for u64 {
            fn from(value: $Name) -> u64 {
                assert_eq!(value.1, [value.0.to_le_bytes()[0]; $bytes]);
                value.0
            }
        }
    };
}

value!(Middling, 32, 24);
value!(Large, 8, 300);
value!(Huge, 4096, 1);

pub(crate) fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => any::<u64>().prop_map(Op::Insert),
        2 => any::<u64>().prop_map(Op::InsertWith),
        10 => any::<usize>().prop_map(Op::Remove),
        2 => (any::<usize>(), any::<u64>()).prop_map(|(i, v)| Op::Set(i, v)),
        3 => any::<usize>().prop_map(Op::Detach),
        2 => any::<usize>().prop_map(Op::Reattach),
        1 => any::<usize>().prop_map(Op::Release),
        2 => (any::<usize>(), 0..4_u32, any::<u64>()).prop_map(|(i, later, v)| Op::InsertAt(i, later, v)),
        1 => (2..5_u64).prop_map(Op::Retain),
        1 => (0..40_usize).prop_map(Op::DrainSome),
        1 => Just(Op::Clear),
        2 => Just(Op::Shrink),
        1 => (0..200_usize).prop_map(Op::Reserve),
        1 => Just(Op::Copy),
        1 => Just(Op::Save),
        1 => Just(Op::RollBack),
        2 => Just(Op::Peek),
    ]
}

/// What the arena should hold: live values by handle, detached handles, and every handle there ever was.
#[derive(Clone)]
struct Model<V> {
    live: HashMap<Handle<V>, V>,
    detached: Vec<Handle<V>>,
    seen: Vec<Handle<V>>,
}

impl<V: Value> Model<V> {
    fn new() -> Self {
        Self { live: HashMap::new(), detached: Vec::new(), seen: Vec::new() }
    }

    fn pick(&self, index: usize) -> Option<Handle<V>> {
        (!self.seen.is_empty()).then(|| self.seen[index % self.seen.len()])
    }

    fn entered(&mut self, handle: Handle<V>, value: V) {
        assert!(!self.seen.contains(&handle), "{handle:?} was given out before");
        self.seen.push(handle);
        self.live.insert(handle, value);
    }

    fn agrees(&self, arena: &Arena<V>) {
        assert_eq!(arena.len(), self.live.len());
        assert!(arena.capacity() >= arena.len());
        for handle in &self.seen {
            assert_eq!(arena.get(*handle), self.live.get(handle), "{handle:?}");
        }
        let forward: Vec<_> = arena.iter().collect();
        assert!(forward.is_sorted_by_key(|(handle, _)| handle.slot()));
        assert_eq!(forward.len(), self.live.len());
        assert!(forward.iter().all(|(handle, value)| self.live.get(handle) == Some(value)));
        let mut backward: Vec<_> = arena.iter().rev().collect();
        backward.reverse();
        assert_eq!(backward, forward);
    }
}

type Arena<V> = SmArena<V, CountingHeap>;

fn later<V>(handle: Handle<V>, steps: u32) -> Handle<V> {
    Handle::from_bits(handle.to_bits() + 2 * u64::from(steps)).unwrap()
}

fn apply<V: Value>(arena: &mut Arena<V>, model: &mut Model<V>, snapshot: &mut (Arena<V>, Model<V>), op: Op) {
    match op {
        Op::Peek => {
            let (next, room) = (arena.vacant_entry().handle(), arena.capacity());
            assert_eq!((arena.vacant_entry().handle(), arena.capacity()), (next, room));
            model.agrees(arena);
        }
        Op::Save => {
            snapshot.0.clone_from(arena);
            snapshot.1 = model.clone();
            snapshot.1.agrees(&snapshot.0);
        }
        Op::RollBack => {
            // All its slots stay; those that are detached in the copy are no room there.
            let slots = arena.capacity() + model.detached.len();
            arena.clone_from(&snapshot.0);
            *model = snapshot.1.clone();
            model.agrees(arena);
            assert!(arena.capacity() + model.detached.len() >= slots);
            if !model.seen.is_empty() {
                // What it hands out next, and has detached, are those of a copy.
                let (mut copy, mut other) = (snapshot.0.clone(), snapshot.0.clone());
                other.clone_from(arena);
                for value in 0..200_u64 {
                    assert_eq!(copy.insert(value.into()), other.insert(value.into()));
                }
                for &handle in &model.seen {
                    assert_eq!(copy.reattach(handle, 1.into()), other.reattach(handle, 1.into()));
                }
                assert!(copy.iter().eq(other.iter()));
            }
        }
        Op::Insert(value) => model.entered(arena.insert(value.into()), value.into()),
        Op::InsertWith(value) => {
            let mut told = None;
            let handle = arena.insert_with(|handle| {
                told = Some(handle);
                value.into()
            });
            assert_eq!(told, Some(handle));
            model.entered(handle, value.into());
        }
        Op::Remove(index) => {
            let Some(handle) = model.pick(index) else {
                return;
            };
            assert_eq!(arena.remove(handle), model.live.remove(&handle));
        }
        Op::Set(index, value) => {
            let Some(handle) = model.pick(index) else {
                return;
            };
            let expected = model.live.get_mut(&handle).map(|there| std::mem::replace(there, value.into()));
            assert_eq!(arena.entry(handle).map(|mut entry| entry.replace(value.into())), expected);
        }
        Op::Detach(index) => {
            let Some(handle) = model.pick(index) else {
                return;
            };
            let expected = model.live.remove(&handle);
            model.detached.extend(expected.map(|_| handle));
            assert_eq!(arena.detach(handle), expected);
        }
        Op::Reattach(index) => {
            let Some(handle) = model.pick(index) else {
                return;
            };
            let position = model.detached.iter().position(|&detached| detached == handle);
            assert_eq!(arena.reattach(handle, 7.into()).is_ok(), position.is_some());
            if let Some(position) = position {
                model.detached.swap_remove(position);
                model.live.insert(handle, 7.into());
            }
        }
        Op::Release(index) => {
            let Some(handle) = model.pick(index) else {
                return;
            };
            let position = model.detached.iter().position(|&detached| detached == handle);
            assert_eq!(arena.release(handle), position.is_some());
            position.map(|position| model.detached.swap_remove(position));
        }
        Op::InsertAt(index, steps, value) => {
            let Some(handle) = model.pick(index).map(|handle| later(handle, steps)) else {
                return;
            };
            let newest = model.seen.iter().filter(|seen| seen.slot() == handle.slot()).max().copied();
            let there = model.live.keys().find(|live| live.slot() == handle.slot()).copied();
            let blocked = model.detached.iter().any(|detached| detached.slot() == handle.slot());
            let value = V::from(value);
            match arena.insert_at(handle, value) {
                Ok(old) => {
                    assert!(!blocked);
                    assert_eq!(old, there.and_then(|there| model.live.remove(&there)));
                    if there == Some(handle) {
                        model.live.insert(handle, value);
                    } else {
                        assert!(Some(handle) > newest);
                        model.entered(handle, value);
                    }
                }
                // The floor of an arena that was shrunk may refuse a handle that is new in its slot.
                Err(error) => {
                    assert_eq!(error.into_value(), value);
                    assert!(there != Some(handle));
                }
            }
        }
        Op::Retain(divisor) => {
            arena.retain(|handle, value| {
                assert_eq!(model.live.get(&handle), Some(&*value));
                (*value).into() % divisor == 0
            });
            model.live.retain(|_, value| (*value).into() % divisor == 0);
        }
        Op::DrainSome(count) => {
            let mut drain = arena.drain();
            for _ in 0..count {
                let Some((handle, value)) = drain.next_back() else {
                    break;
                };
                assert_eq!(model.live.remove(&handle), Some(value));
                assert_eq!(drain.len(), model.live.len());
            }
            // A leaked drain leaves the rest in the arena.
            std::mem::forget(drain);
        }
        Op::Clear => {
            arena.clear();
            model.live.clear();
        }
        Op::Shrink => arena.shrink_to_fit(),
        Op::Reserve(additional) => {
            arena.reserve(additional);
            assert!(arena.capacity() >= arena.len() + additional);
        }
        Op::Copy => {
            if model.seen.is_empty() {
                return;
            }
            let mut copy = arena.clone();
            model.agrees(&copy);
            // The copy goes on with the same handles, and does not disturb the original.
            let next: Vec<_> = (0..5).map(|value: u64| copy.insert(value.into())).collect();
            assert_eq!(next, (0..5).map(|value: u64| arena.insert(value.into())).collect::<Vec<_>>());
            for (value, handle) in (0..).zip(next) {
                model.entered(handle, V::from(value));
            }
        }
    }
}

/// Runs a program, and fails if the arena does anything that it must not.
pub(crate) fn check(ops: &[Op]) {
    check_with::<u64>(ops);
    check_with::<Middling>(ops);
    check_with::<Large>(ops);
    check_with::<Huge>(ops);
}

fn check_with<V: Value>(ops: &[Op]) {
    let heap = CountingHeap::new();
    let mut arena = Arena::<V>::new_in(heap.clone());
    let mut model = Model::new();
    let mut snapshot = (Arena::new_in(heap.clone()), Model::new());
    for op in ops.iter().cloned() {
        apply(&mut arena, &mut model, &mut snapshot, op);
        assert_eq!(arena.len(), model.live.len());
    }
    model.agrees(&arena);
    let left: HashMap<_, _> = arena.into_iter().collect();
    assert_eq!(left, model.live);
    drop(snapshot);
    assert_eq!(heap.live(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn agrees_with_the_model(ops in prop::collection::vec(op(), 1..250)) {
        check(&ops);
    }

    /// Both ends of an iteration meet wherever they are pulled from.
    #[test]
    fn ends_meet(keep in prop::collection::vec(any::<bool>(), 0..400), pulls in prop::collection::vec(any::<bool>(), 400)) {
        let mut arena: SmArena<usize> = (0..keep.len()).collect();
        arena.retain(|_, value| keep[*value]);
        let expected: Vec<_> = (0..keep.len()).filter(|&i| keep[i]).collect();
        let (mut front, mut back, mut iter) = (Vec::new(), Vec::new(), arena.iter());
        for from_front in pulls {
            prop_assert_eq!(iter.len(), expected.len() - front.len() - back.len());
            let (pulled, end) = if from_front { (iter.next(), &mut front) } else { (iter.next_back(), &mut back) };
            let Some((_, value)) = pulled else {
                prop_assert_eq!(iter.len(), 0);
                break;
            };
            end.push(*value);
        }
        prop_assert!(iter.len() > 0 || (iter.next().is_none() && iter.next_back().is_none()));
        front.extend(iter.map(|(_, value)| *value));
        front.extend(back.into_iter().rev());
        prop_assert_eq!(front, expected);
    }
}
