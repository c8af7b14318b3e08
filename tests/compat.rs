//! `compat::Arena` beside `generational_arena::Arena`: the same calls, the same answers.
//!
//! Left out of the comparison, as `compat`'s page says: a drain's capacity, `get2_mut` of one index twice, reserving
//! nothing, the last generation, and lengths that are lies.

#![expect(clippy::mem_forget, reason = "a leaked drain is one of the cases")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

use generational_arena::{Arena as Old, Index as OldIndex};
use proptest::prelude::*;
use smarena::compat::{Arena, Index};

#[derive(Debug, Clone)]
enum Op {
    Insert(u32),
    TryInsert(u32),
    InsertWith,
    Remove(usize),
    Get(usize, usize, u64),
    Get2(usize, usize),
    Retain(u32),
    Clear,
    Reserve(usize),
    Extend(usize),
    Copy,
    #[cfg(feature = "serde")]
    Reread,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => any::<u32>().prop_map(Op::Insert),
        2 => any::<u32>().prop_map(Op::TryInsert),
        1 => Just(Op::InsertWith),
        8 => any::<usize>().prop_map(Op::Remove),
        2 => (any::<usize>(), 0..40_usize, 0..20_u64).prop_map(|(i, slot, generation)| Op::Get(i, slot, generation)),
        3 => (any::<usize>(), any::<usize>()).prop_map(|(i, j)| Op::Get2(i, j)),
        1 => (1..4_u32).prop_map(Op::Retain),
        1 => Just(Op::Clear),
        1 => (1..6_usize).prop_map(Op::Reserve),
        1 => (0..6_usize).prop_map(Op::Extend),
        1 => Just(Op::Copy),
        1 => Just(reread()),
    ]
}

#[cfg(feature = "serde")]
fn reread() -> Op {
    Op::Reread
}

#[cfg(not(feature = "serde"))]
fn reread() -> Op {
    Op::Copy
}

fn raw(index: Index) -> (usize, u64) {
    index.into_raw_parts()
}

fn raw_old(index: OldIndex) -> (usize, u64) {
    index.into_raw_parts()
}

#[derive(Default)]
struct Pair {
    new: Arena<u32>,
    old: Old<u32>,
    seen: Vec<(usize, u64)>,
}

impl Pair {
    fn pick(&self, i: usize) -> Option<(Index, OldIndex)> {
        let (slot, generation) = *self.seen.get(i % self.seen.len().max(1))?;
        Some((Index::from_raw_parts(slot, generation), OldIndex::from_raw_parts(slot, generation)))
    }

    fn entered(&mut self, new: Index, old: OldIndex) {
        assert_eq!(raw(new), raw_old(old));
        self.seen.push(raw(new));
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Insert(value) => {
                let (new, old) = (self.new.insert(value), self.old.insert(value));
                self.entered(new, old);
            }
            Op::TryInsert(value) => match (self.new.try_insert(value), self.old.try_insert(value)) {
                (Ok(new), Ok(old)) => self.entered(new, old),
                (new, old) => assert_eq!(new.unwrap_err(), old.unwrap_err()),
            },
            Op::InsertWith => {
                let new = self.new.insert_with(|index| raw(index).0 as u32);
                let old = self.old.insert_with(|index| raw_old(index).0 as u32);
                self.entered(new, old);
            }
            Op::Remove(i) => {
                let Some((new, old)) = self.pick(i) else {
                    return;
                };
                assert_eq!(self.new.remove(new), self.old.remove(old));
            }
            Op::Get(i, slot, generation) => {
                if let Some((new, old)) = self.pick(i) {
                    assert_eq!(self.new.get(new), self.old.get(old));
                    assert_eq!(self.new.get_mut(new), self.old.get_mut(old));
                    assert_eq!(self.new.contains(new), self.old.contains(old));
                }
                let (new, old) = (Index::from_raw_parts(slot, generation), OldIndex::from_raw_parts(slot, generation));
                assert_eq!(self.new.get(new), self.old.get(old));
                let new = self.new.get_unknown_gen(slot).map(|(value, index)| (*value, raw(index)));
                assert_eq!(new, self.old.get_unknown_gen(slot).map(|(value, index)| (*value, raw_old(index))));
                let new = self.new.get_unknown_gen_mut(slot).map(|(value, index)| (*value, raw(index)));
                assert_eq!(new, self.old.get_unknown_gen_mut(slot).map(|(value, index)| (*value, raw_old(index))));
            }
            Op::Get2(i, j) => {
                let (Some(a), Some(b)) = (self.pick(i), self.pick(j)) else {
                    return;
                };
                if a.0 != b.0 {
                    assert_eq!(self.new.get2_mut(a.0, b.0), self.old.get2_mut(a.1, b.1));
                }
            }
            Op::Retain(divisor) => {
                let (mut new, mut old) = (Vec::new(), Vec::new());
                self.new.retain(|index, value| {
                    new.push(raw(index));
                    *value % divisor == 0
                });
                self.old.retain(|index, value| {
                    old.push(raw_old(index));
                    *value % divisor == 0
                });
                assert_eq!(new, old);
            }
            Op::Clear => {
                self.new.clear();
                self.old.clear();
            }
            Op::Reserve(additional) => {
                self.new.reserve(additional);
                self.old.reserve(additional);
            }
            Op::Extend(count) => {
                self.new.extend(0..count as u32);
                self.old.extend(0..count as u32);
            }
            Op::Copy => {
                self.new = self.new.clone();
                // The original's copy has another spare capacity, which its `clear` shows.
            }
            #[cfg(feature = "serde")]
            Op::Reread => {
                let text = serde_json::to_string(&self.new).unwrap();
                assert_eq!(text, serde_json::to_string(&self.old).unwrap());
                self.new = serde_json::from_str(&text).unwrap();
                self.old = serde_json::from_str(&text).unwrap();
            }
        }
        self.agree();
    }

    fn agree(&mut self) {
        assert_eq!((self.new.len(), self.new.capacity()), (self.old.len(), self.old.capacity()));
        assert_eq!(self.new.is_empty(), self.old.is_empty());
        let new = self.new.iter().map(|(index, value)| (raw(index), *value));
        assert!(new.eq(self.old.iter().map(|(index, value)| (raw_old(index), *value))));
        let new = self.new.iter_mut().rev().map(|(index, value)| (raw(index), *value));
        assert!(new.eq(self.old.iter_mut().rev().map(|(index, value)| (raw_old(index), *value))));
        assert_eq!(self.new.iter().size_hint(), self.old.iter().size_hint());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn the_same_calls_give_the_same_answers(capacity in 0..9_usize, ops in prop::collection::vec(op(), 0..120)) {
        let mut pair = Pair { new: Arena::with_capacity(capacity), old: Old::with_capacity(capacity), seen: Vec::new() };
        for op in ops {
            pair.apply(op);
        }
        let (new, old): (Vec<_>, Vec<_>) = (pair.new.clone().into_iter().collect(), pair.old.clone().into_iter().collect());
        prop_assert_eq!(new, old);
        let new: Vec<_> = pair.new.drain().map(|(index, value)| (raw(index), value)).collect();
        let old: Vec<_> = pair.old.drain().map(|(index, value)| (raw_old(index), value)).collect();
        prop_assert_eq!(new, old);
        // The generation after a drain.
        prop_assert_eq!(raw(pair.new.insert(1)), raw_old(pair.old.insert(1)));
    }

    #[test]
    fn collecting_gives_the_same_capacity(count in 0..40_u32, divisor in 1..4_u32) {
        let mut pair = Pair {
            new: (0..count).filter(|i| i % divisor == 0).collect(),
            old: (0..count).filter(|i| i % divisor == 0).collect(),
            seen: Vec::new(),
        };
        pair.agree();
        let mut left = count;
        let mut open = || { left = left.checked_sub(1)?; Some(left) };
        pair.new = std::iter::from_fn(&mut open).collect();
        left = count;
        let mut open = || { left = left.checked_sub(1)?; Some(left) };
        pair.old = std::iter::from_fn(&mut open).collect();
        pair.agree();
        for _ in 0..20 {
            pair.apply(Op::Insert(1));
        }
    }
}

#[test]
fn formats_and_orders_of_indices_are_the_same() {
    for (slot, generation) in [(0, 0), (1, 7), (usize::MAX, u64::MAX)] {
        let (new, old) = (Index::from_raw_parts(slot, generation), OldIndex::from_raw_parts(slot, generation));
        assert_eq!(format!("{new:?}"), format!("{old:?}"));
        #[cfg(feature = "serde")]
        assert_eq!(serde_json::to_string(&new).unwrap(), serde_json::to_string(&old).unwrap());
    }
    assert!(Index::from_raw_parts(1, 9) < Index::from_raw_parts(2, 0));
}

#[test]
fn get2_mut_takes_one_index_twice() {
    let mut arena = Arena::from_iter([1]);
    let index = arena.iter().next().unwrap().0;
    assert_eq!(arena.get2_mut(index, index), (Some(&mut 1), None));
}

#[test]
fn a_drain_keeps_the_capacity_also_when_it_is_leaked() {
    let mut arena = Arena::with_capacity(8);
    let index = arena.insert(1);
    std::mem::forget(arena.drain());
    assert_eq!((arena.len(), arena.capacity(), arena.get(index)), (0, 8, None));
    assert_eq!(raw(arena.insert(2)), (0, 1));
}

#[test]
fn a_panic_in_insert_with_loses_no_slot() {
    let mut arena = Arena::with_capacity(2);
    let attempt =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| arena.insert_with(|_| panic!("on purpose"))));
    assert!(attempt.is_err());
    assert_eq!((arena.len(), raw(arena.insert(1)), raw(arena.insert(2)), arena.capacity()), (0, (0, 0), (1, 0), 2));
}

#[test]
fn a_false_upper_bound_is_not_allocated() {
    let liar = (0..usize::MAX).filter(|i| *i < 100).take_while(|i| *i < 99);
    assert!(liar.size_hint().1 == Some(usize::MAX));
    assert_eq!(Arena::from_iter(liar).len(), 99);
}

#[cfg(feature = "serde")]
mod serde_format {
    use super::{Arena, Index, raw};

    #[test]
    fn an_empty_arena_from_a_file_can_be_cleared_and_used() {
        let mut arena = Arena::<u8>::deserialize_from_nothing();
        arena.clear();
        assert_eq!(raw(arena.insert(1)), (0, 0));
    }

    trait FromNothing {
        fn deserialize_from_nothing() -> Self;
    }

    impl FromNothing for Arena<u8> {
        fn deserialize_from_nothing() -> Self {
            use serde::Deserialize as _;
            use serde::de::value::{Error, SeqDeserializer};
            Self::deserialize(SeqDeserializer::<_, Error>::new(std::iter::empty::<u8>())).unwrap()
        }
    }

    #[test]
    fn the_last_generation_retires_slots() {
        let mut arena: Arena<u8> = serde_json::from_str(&format!("[[{},1],null]", u64::MAX)).unwrap();
        let last = Index::from_raw_parts(0, u64::MAX);
        assert_eq!(arena.remove(last), Some(1));
        assert_eq!(raw(arena.insert(2)), (1, u64::MAX));
        arena.clear();
        let mut others: Vec<_> = (0..10).map(|value| arena.insert(value)).collect();
        others.sort();
        assert!(!others.contains(&last) && !others.contains(&Index::from_raw_parts(1, u64::MAX)));
        assert_eq!(arena.drain().count(), 10);
    }
}

#[cfg(feature = "generational-arena")]
mod conversions {
    use super::{Arena, Index, Old, OldIndex, Pair, raw_old};
    use proptest::prelude::*;

    #[test]
    #[cfg(feature = "serde")]
    fn the_last_generation_does_not_overflow() {
        let old: Old<u8> = serde_json::from_str(&format!("[null,[{},1],[5,2]]", u64::MAX)).unwrap();
        let mut new = Arena::from(old);
        let (last, other) = (Index::from_raw_parts(1, u64::MAX), Index::from_raw_parts(2, 5));
        assert_eq!((new.get(last), new.get(other)), (Some(&1), Some(&2)));
        new.remove(last);
        let others: Vec<_> = (0..10).map(|value| new.insert(value)).collect();
        assert!(!others.contains(&last) && !new.contains(last));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        /// There always, and back whenever it can be done; all indices ever given out keep their meaning.
        #[test]
        fn indices_survive(ops in prop::collection::vec(super::op(), 0..120)) {
            let mut pair = Pair::default();
            for op in ops {
                // A file does not say how far empty slots had got: after reading it, stale indices may come again.
                #[cfg(feature = "serde")]
                if matches!(op, super::Op::Reread) {
                    continue;
                }
                pair.apply(op);
            }
            let mut new = Arena::from(pair.old.clone());
            prop_assert_eq!((new.len(), new.capacity()), (pair.old.len(), pair.old.capacity()));
            for &(slot, generation) in &pair.seen {
                let old = pair.old.get(OldIndex::from_raw_parts(slot, generation));
                prop_assert_eq!(new.get(Index::from_raw_parts(slot, generation)), old);
            }
            if let Ok(back) = Old::try_from(new.clone()) {
                prop_assert_eq!(back.capacity(), new.capacity());
                prop_assert!(back.iter().map(|(i, v)| (raw_old(i), *v)).eq(pair.old.iter().map(|(i, v)| (raw_old(i), *v))));
            }
            for value in 0..100 {
                let index = super::raw(new.insert(value));
                prop_assert!(!pair.seen.contains(&index));
            }
        }
    }

    #[test]
    fn usual_histories_can_be_rebuilt() {
        let mut arena = Arena::with_capacity(3);
        let old: Vec<_> = (0..20).map(|value| arena.insert(value)).collect();
        for i in [3, 4, 9, 11, 19] {
            arena.remove(old[i]);
        }
        for value in 100..112 {
            arena.insert(value);
        }
        arena.remove(old[0]);
        arena.remove(old[1]);
        arena.insert(200);
        let rebuilt = Old::try_from(arena.clone()).unwrap();
        assert_eq!(rebuilt.capacity(), arena.capacity());
        assert!(rebuilt.iter().map(|(i, v)| (Index::from(i), v)).eq(&arena));
    }

    /// A file of a few bytes would have it count for minutes.
    #[test]
    #[cfg(feature = "serde")]
    fn a_generation_is_counted_up_to_in_time_for_what_the_file_holds_alone() {
        let highest = (1 << 20) + 4 * 64;
        let arena = |generation: u64| {
            serde_json::from_str::<Arena<u8>>(&format!("[[{generation},1],null,[5,2],null]")).unwrap()
        };
        assert_eq!(Old::try_from(arena(highest)).unwrap().get(OldIndex::from_raw_parts(0, highest)), Some(&1));
        for generation in [highest + 1, 1 << 32, u64::MAX] {
            let error = Old::try_from(arena(generation)).unwrap_err();
            assert!(error.to_string().starts_with(&format!("generation {generation} is not counted up to")), "{error}");
            assert!(error.0.iter().eq(&arena(generation)));
        }
    }

    #[test]
    fn an_arena_that_cannot_be_rebuilt_comes_back() {
        let mut arena = Arena::with_capacity(1);
        for value in 0..4 {
            arena.insert(value);
        }
        arena.clear();
        for value in 0..3 {
            arena.insert(value);
        }
        // Three slots of generation 1 are fresh, so this one can; with a slot of generation 0 above them it could not.
        assert!(Old::try_from(arena.clone()).is_ok());
        let mut slots: Vec<_> = arena.iter().map(|(index, _)| index).collect();
        arena.remove(slots.remove(0));
        arena.remove(slots.remove(0));
        arena.insert(7);
        arena.insert(8);
        arena.insert(9);
        let arena = Old::try_from(arena).map_or_else(|error| error.0, Arena::from);
        assert_eq!(arena.len(), 4);
    }
}
