//! Arenas and handles in files: what is written comes back, what is hostile is refused.
#![cfg(feature = "serde")]

use std::fmt::Write as _;

use proptest::prelude::*;
use serde::Deserialize as _;
use smarena::{ArenaSeed, Exhausted, Handle, Linear, SmArena, StaticHeap as _, static_heap};

fn round_trip(arena: &SmArena<String>) -> SmArena<String> {
    serde_json::from_str(&serde_json::to_string(arena).unwrap()).unwrap()
}

#[test]
fn every_handle_is_valid_again_and_stale_ones_stay_stale() {
    let mut arena: SmArena<String> = (0..300).map(|i| i.to_string()).collect();
    let handles: Vec<_> = arena.keys().collect();
    arena.retain(|handle, _| handle.slot() % 3 == 0);
    let detached = handles[30];
    arena.detach(detached);
    let handles: Vec<Handle<String>> = serde_json::from_str(&serde_json::to_string(&handles).unwrap()).unwrap();
    let mut read = round_trip(&arena);
    assert!(read.iter().eq(arena.iter()));
    for _ in 0..400 {
        let handle = read.insert("new".into());
        assert!(!handles.contains(&handle));
    }
    assert!(handles.iter().all(|&handle| read.get(handle) == arena.get(handle)));
    assert_eq!(read.reattach(detached, "late".into()), Ok(()));
    assert_eq!(read[detached], "late");
}

/// What a game needs that is saved, and goes on elsewhere: both go on alike.
#[test]
fn a_saved_arena_hands_out_the_same_handles_next() {
    let mut arena: SmArena<String> = (0..300).map(|i| i.to_string()).collect();
    let handles: Vec<_> = arena.keys().collect();
    let last = Handle::from_bits((handles[2].to_bits() | 0xFFFF_FFFF) - 2).unwrap();
    arena.insert_at(last, "last".into()).unwrap();
    for handle in [handles[7], last, handles[4], handles[9], handles[200], handles[8]] {
        arena.remove(handle);
    }
    arena.detach(handles[11]);
    for mut read in [round_trip(&arena), arena.clone()] {
        let mut arena = arena.clone();
        assert_eq!((read.len(), read.get(last), read.get_unknown_gen(2)), (arena.len(), None, None));
        for step in 0..1000 {
            assert_eq!(read.insert("new".into()), arena.insert("new".into()));
            if step % 3 == 0 {
                let handle = read.keys().nth(step / 5).unwrap();
                assert_eq!(read.remove(handle), arena.remove(handle));
            }
        }
        assert!(read.iter().eq(arena.iter()));
    }
}

#[test]
fn what_was_given_back_is_remembered() {
    let mut arena: SmArena<String> = (0..300).map(|i| i.to_string()).collect();
    let handles: Vec<_> = arena.keys().collect();
    arena.clear();
    arena.shrink_to_fit();
    let mut read = round_trip(&arena);
    assert_eq!(read.capacity(), 0);
    assert!((0..300).all(|_| !handles.contains(&read.insert("new".into()))));
}

#[test]
fn slots_skipped_by_insert_at_are_vacant() {
    let source: SmArena<String> = (0..300).map(|i| i.to_string()).collect();
    let mut arena = SmArena::new();
    let (handle, value) = source.iter().nth(200).unwrap();
    arena.insert_at(handle, value.clone()).unwrap();
    let mut read = round_trip(&arena);
    assert_eq!(read.get(handle), Some(value));
    assert_eq!(read.insert("next".into()), arena.insert("next".into()));
}

#[test]
fn a_detached_slot_at_the_end_is_not_forgotten() {
    let mut arena = SmArena::new();
    let handle = arena.insert(String::from("a"));
    arena.detach(handle);
    assert_ne!(round_trip(&arena).insert("b".into()), handle);
}

#[test]
fn slots_that_were_never_used_are_not_written() {
    let arena = SmArena::from_iter([String::from("a")]);
    let value: serde_json::Value = serde_json::to_value(&arena).unwrap();
    assert_eq!(value["content"].as_array().unwrap().len(), 1);
}

#[test]
fn the_format_is_this() {
    let text = r#"{"first_generation":4,"content":[[7,"a"],[6],[4294967294],[8],[6]],"detached":[3],"vacant":[4,1]}"#;
    let arena: SmArena<String> = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&arena).unwrap(), text);
    let handle: Handle<String> = serde_json::from_str(r#""0v7""#).unwrap();
    assert_eq!((&*arena[handle], serde_json::to_string(&handle).unwrap()), ("a", r#""0v7""#.into()));
    assert_eq!(serde_json::to_string(&Handle::<u8>::default()).unwrap(), r#""dangling""#);
    assert_eq!(serde_json::from_str::<Handle<u8>>(r#""dangling""#).unwrap(), Handle::DANGLING);
}

#[test]
fn files_of_an_earlier_version_are_read() {
    let text =
        r#"{"first_generation":4,"slots":[{"Occupied":[7,"a"]},{"Vacant":6},{"Vacant":4294967294},{"Vacant":8}]}"#;
    let mut arena: SmArena<String> = serde_json::from_str(text).unwrap();
    let handle: Handle<String> = serde_json::from_str("7").unwrap();
    assert_eq!(arena[handle], "a");
    assert_eq!([(); 3].map(|()| arena.insert("new".into()).slot()), [1, 3, 4]);
    // As a sequence of fields, which is how compact formats write it.
    let sequence: SmArena<String> = serde_json::from_str(r#"[4,[{"Occupied":[7,"a"]}]]"#).unwrap();
    assert_eq!(sequence[handle], "a");
    // Keys of maps were numbers in quotes.
    let map: std::collections::HashMap<Handle<u8>, u8> = serde_json::from_str(r#"{"7":1,"0v9":2}"#).unwrap();
    assert_eq!(map[&Handle::from_bits(7).unwrap()], 1);
    assert_eq!(serde_json::to_string(&map).unwrap().len(), r#"{"0v7":1,"0v9":2}"#.len());
}

#[test]
fn what_does_not_fit_into_the_limit_is_refused() {
    let text = format!(r#"{{"first_generation":0,"content":[{}[2]]}}"#, "[2],".repeat(99));
    let read = |most| {
        let seed = ArenaSeed::<[u64; 15], _>::new_in(smarena::Global).most_bytes(most);
        serde::de::DeserializeSeed::deserialize(seed, &mut serde_json::Deserializer::from_str(&text))
    };
    assert_eq!(read(12_800).unwrap().insert([0; 15]).slot(), 0);
    let error = read(12_799).unwrap_err().to_string();
    assert!(error.starts_with("100 slots of 128 bytes each are more than 12799 bytes"), "{error}");
}

#[test]
fn hostile_input_is_refused() {
    let slots = |slots: &str| format!(r#"{{"first_generation":0,"slots":[{slots}]}}"#);
    let content = |slots: &str, rest: &str| format!(r#"{{"first_generation":0,"content":[{slots}]{rest}}}"#);
    for text in [
        slots(r#"{"Occupied":[2,"a"]}"#),
        slots(r#"{"Vacant":3}"#),
        slots(r#"{"Occupied":[4294967295,"a"]}"#),
        slots(r#"{"Occupied":[1,"a"]},{"Occupied":[1]}"#),
        r#"{"first_generation":4294967294,"slots":[]}"#.into(),
        r#"{"first_generation":0}"#.into(),
        content(r#"[2,"a"]"#, ""),
        content(r#"[1]"#, ""),
        content(r#"[4294967295,"a"]"#, ""),
        content(r#"[]"#, ""),
        content(r#"[1,"a"]"#, r#","vacant":[0]"#),
        content(r#"[2],[2]"#, r#","vacant":[0]"#),
        content(r#"[2],[2]"#, r#","vacant":[0,0]"#),
        content(r#"[2],[2]"#, r#","vacant":[0,1,2]"#),
        content(r#"[2]"#, r#","vacant":[4294967295]"#),
        content(r#"[2]"#, r#","detached":[1]"#),
        content(r#"[2]"#, r#","detached":[0,0]"#),
        content(r#"[1,"a"]"#, r#","detached":[0]"#),
        content(r#"[4294967294]"#, r#","detached":[0]"#),
        content(r#"[2]"#, r#","detached":[0],"vacant":[0]"#),
        content(r#"[2]"#, r#","content":[]"#),
        content(r#"[2]"#, r#","slots":[]"#),
        r#"{"slots":[],"slots":[]}"#.into(),
        "[0]".into(),
    ] {
        assert!(serde_json::from_str::<SmArena<String>>(&text).is_err(), "{text}");
    }
    for bits in [
        "0",
        "2",
        "-1",
        "4294967296",
        r#""""#,
        r#""0v2""#,
        r#""v1""#,
        r#""1v""#,
        r#""4294967295v1""#,
        r#""0v-1""#,
        "null",
    ] {
        assert!(serde_json::from_str::<Handle<u8>>(bits).is_err(), "{bits}");
    }
}

/// A length of billions in the input: nothing is allocated for it.
#[test]
fn a_claimed_length_is_not_believed() {
    use serde::de::value::{Error, SeqAccessDeserializer};
    use serde::de::{Deserialize as _, DeserializeSeed, IntoDeserializer as _, SeqAccess};
    struct Empty;
    impl<'de> SeqAccess<'de> for Empty {
        type Error = Error;
        fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, Error> {
            Ok(None)
        }
        fn size_hint(&self) -> Option<usize> {
            Some(usize::MAX)
        }
    }
    struct Fields(u8);
    impl<'de> SeqAccess<'de> for Fields {
        type Error = Error;
        fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
            self.0 += 1;
            match self.0 {
                1 => seed.deserialize(0_u32.into_deserializer()).map(Some),
                _ => seed.deserialize(SeqAccessDeserializer::new(Empty)).map(Some),
            }
        }
    }
    let arena = SmArena::<u64>::deserialize(SeqAccessDeserializer::new(Fields(0))).unwrap();
    assert_eq!(arena.capacity(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is read is an arena in order: it can be filled, walked and emptied.
    #[test]
    fn any_slots_make_a_sound_arena(slots in prop::collection::vec((any::<bool>(), any::<u32>(), 0..4_u32), 0..200)) {
        let mut text = String::new();
        for (i, (edge, generation, step)) in slots.iter().enumerate() {
            let generation = if *edge { u32::MAX - step } else { *generation };
            let comma = if i > 0 { "," } else { "" };
            if generation % 2 == 1 {
                write!(text, r#"{comma}{{"Occupied":[{generation},{i}]}}"#).unwrap();
            } else {
                write!(text, r#"{comma}{{"Vacant":{generation}}}"#).unwrap();
            }
        }
        let text = format!(r#"{{"first_generation":2,"slots":[{text}]}}"#);
        if let Ok(mut arena) = serde_json::from_str::<SmArena<usize>>(&text) {
            let handles: Vec<_> = arena.keys().collect();
            prop_assert!(handles.iter().all(|&handle| arena[handle] == handle.slot() as usize));
            let fresh: Vec<_> = (0..300).map(|i| arena.insert(i)).collect();
            prop_assert!(fresh.iter().all(|handle| !handles.contains(handle)));
            prop_assert_eq!(arena.len(), arena.iter().count());
            arena.clear();
            prop_assert!(handles.iter().chain(&fresh).all(|&handle| !arena.contains(handle)));
        }
    }
}

/// An error that is made only while nothing is in the heap any more.
#[derive(Debug)]
struct Late;

static_heap! {
    struct Small: Linear<8> { bucket_bytes: 4096, on_exhausted: Exhausted::Refuse }
}

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("late")
    }
}

impl std::error::Error for Late {}

impl serde::de::Error for Late {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        assert_eq!(Small::HEAP.stats().live(), 0);
        Late
    }
}

#[test]
fn an_arena_that_memory_does_not_suffice_for_is_gone_before_the_error_is_made() {
    let slots: Vec<_> = (0..10_000_u32).map(|number| vec![1, number]).collect();
    let file = serde::de::value::MapDeserializer::<_, Late>::new(std::iter::once(("content", slots)));
    assert!(SmArena::<u32, Small>::deserialize(file).is_err());
}
