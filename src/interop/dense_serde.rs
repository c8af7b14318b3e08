//! serde: dense arenas, and arenas with handle types of their own.
//!
//! A dense arena is `{ first_generation, generations, values, vacant }`, in every format: the generation of each slot that was ever used,
//! `[slot, value]` for each value in the order of the walk, and the vacant slots in the order in which they are filled. What is read walks
//! alike, and hands out the same handles next.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::arena_serde::Each;
use crate::arena::{DenseArena, HandleType, SmArena, TypedArena};
use crate::heap::HeapRef;

impl<T: Serialize> Serialize for DenseArena<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut arena = serializer.serialize_struct("DenseArena", 4)?;
        arena.serialize_field("first_generation", &self.floor().get())?;
        arena.serialize_field("generations", &Each(|| self.generations()))?;
        arena.serialize_field("values", &Each(|| self.iter().map(|(handle, value)| (handle.slot(), value))))?;
        arena.serialize_field("vacant", &Each(|| self.vacant_slots()))?;
        arena.end()
    }
}

/// As it is read. Each part grows with what is there: the length that the input claims to have is not taken.
#[derive(Deserialize)]
#[serde(rename = "DenseArena")]
struct Parts<T> {
    first_generation: u32,
    generations: Vec<u32>,
    values: Vec<(u32, T)>,
    vacant: Vec<u32>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for DenseArena<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Parts { first_generation, generations, values, vacant } = Parts::deserialize(deserializer)?;
        Self::from_parts(first_generation, &generations, values, &vacant).map_err(de::Error::custom)
    }
}

/// As its [`inner`](TypedArena::inner) arena.
impl<K: HandleType<Value: Serialize>, H: HeapRef> Serialize for TypedArena<K, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner().serialize(serializer)
    }
}

impl<'de, K: HandleType<Value: Deserialize<'de>>, H: HeapRef + Default> Deserialize<'de> for TypedArena<K, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmArena::deserialize(deserializer).map(Self::from_inner)
    }
}
