//! serde: handles, and arenas in which every handle is valid again after reading.
//!
//! A handle is its [`to_bits`](Handle::to_bits). An arena is `{ first_generation, slots }`, one entry for each slot that
//! was ever used: `Occupied(generation, value)` or `Vacant(generation)`. The generations of vacant slots are part of it,
//! so that stale handles stay stale. Detached slots are written as given up.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::arena::{Content, Generation, Handle, SmArena, Storage};
use crate::heap::HeapRef;

const NAME: &str = "SmArena";
const FIELDS: [&str; 2] = ["first_generation", "slots"];

impl<T> Serialize for Handle<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bits().serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Handle<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bits = u64::deserialize(deserializer)?;
        Self::from_bits(bits).ok_or_else(|| de::Error::custom("no handle has these bits"))
    }
}

/// One slot in a file. `T` is a reference when it is written.
#[derive(Serialize, Deserialize)]
enum Slot<T> {
    Occupied(u32, T),
    Vacant(u32),
}

struct Slots<'a, T, H: HeapRef>(&'a Storage<T, H>);

impl<T: Serialize, H: HeapRef> Serialize for SmArena<T, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut arena = serializer.serialize_struct(NAME, FIELDS.len())?;
        arena.serialize_field(FIELDS[0], &self.storage.floor().get())?;
        arena.serialize_field(FIELDS[1], &Slots(&self.storage))?;
        arena.end()
    }
}

impl<T: Serialize, H: HeapRef> Serialize for Slots<'_, T, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What was opened in advance at the end is as good as not opened.
        let fresh = |place| self.0.generation_at(place) == Some(self.0.floor()) && !self.0.is_detached(place);
        let places = || self.0.table().opened_places();
        let used = places().zip(1..).filter(|&(place, _)| !fresh(place)).last().map_or(0, |(_, count)| count);
        let mut slots = serializer.serialize_seq(Some(used))?;
        for place in places().take(used) {
            let generation = self.0.generation_at(place).unwrap_or(self.0.floor());
            slots.serialize_element(&match self.0.handle_at(place).and_then(|handle| self.0.get(handle)) {
                Some(value) => Slot::Occupied(generation.get(), value),
                // Past the generation its handle would have had.
                None if self.0.is_detached(place) => Slot::Vacant(generation.next().next().get()),
                None => Slot::Vacant(generation.get()),
            })?;
        }
        slots.end()
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> Deserialize<'de> for SmArena<T, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, &FIELDS, ArenaVisitor(PhantomData))
    }
}

struct ArenaVisitor<T, H>(PhantomData<fn() -> (T, H)>);

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> Visitor<'de> for ArenaVisitor<T, H> {
    type Value = SmArena<T, H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an arena: its first generation and its slots")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let first = fields.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let arena = fields.next_element_seed(SlotsSeed::<T, H>::default())?;
        finish(first, arena.ok_or_else(|| de::Error::invalid_length(1, &self))?)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut first, mut arena) = (None, None);
        while let Some(field) = fields.next_key::<Field>()? {
            match field {
                Field::FirstGeneration if first.is_none() => first = Some(fields.next_value()?),
                Field::Slots if arena.is_none() => arena = Some(fields.next_value_seed(SlotsSeed::<T, H>::default())?),
                Field::FirstGeneration => return Err(de::Error::duplicate_field(FIELDS[0])),
                Field::Slots => return Err(de::Error::duplicate_field(FIELDS[1])),
            }
        }
        let first = first.ok_or_else(|| de::Error::missing_field(FIELDS[0]))?;
        finish(first, arena.ok_or_else(|| de::Error::missing_field(FIELDS[1]))?)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    FirstGeneration,
    Slots,
}

fn finish<T, H: HeapRef, E: de::Error>(first: u32, mut arena: SmArena<T, H>) -> Result<SmArena<T, H>, E> {
    let first = Generation::new(first);
    if first.is_occupied() || first >= Generation::RETIRED {
        return Err(E::custom("the first generation must be even, and not the last one"));
    }
    arena.storage.set_floor(first);
    arena.storage.sort_vacant();
    Ok(arena)
}

struct SlotsSeed<T, H>(PhantomData<fn() -> (T, H)>);

impl<T, H> Default for SlotsSeed<T, H> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> DeserializeSeed<'de> for SlotsSeed<T, H> {
    type Value = SmArena<T, H>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> Visitor<'de> for SlotsSeed<T, H> {
    type Value = SmArena<T, H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slots of an arena")
    }

    /// Grows with what is there: the length that the input claims to have is not taken.
    fn visit_seq<A: SeqAccess<'de>>(self, mut slots: A) -> Result<Self::Value, A::Error> {
        let mut arena = SmArena::new_in(H::default());
        while let Some(slot) = slots.next_element::<Slot<T>>()? {
            let (generation, content) = match slot {
                Slot::Occupied(generation, value) => (Generation::new(generation), Content::Value(value)),
                Slot::Vacant(generation) => (Generation::new(generation), Content::Vacant),
            };
            if generation.is_occupied() != matches!(content, Content::Value(_)) {
                return Err(de::Error::custom("an occupied slot has an odd generation, a vacant one an even"));
            }
            if generation > Generation::RETIRED {
                return Err(de::Error::custom("no slot has this generation"));
            }
            arena.storage.restore(generation, content).map_err(de::Error::custom)?;
        }
        Ok(arena)
    }
}
