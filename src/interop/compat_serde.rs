//! serde for the compat arena, in generational-arena's format: a sequence with `(generation, value)` or nothing a slot.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::compat::{Arena, Builder, DEFAULT_CAPACITY, Index, Slot};

impl Serialize for Index {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.into_raw_parts().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (index, generation) = Deserialize::deserialize(deserializer)?;
        Ok(Self::from_raw_parts(index, generation))
    }
}

impl<T: Serialize> Serialize for Arena<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.slots.iter().map(|slot| match slot {
            Slot::Occupied { generation, value } => Some((generation, value)),
            Slot::Vacant { .. } | Slot::Retired => None,
        }))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Arena<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ArenaVisitor(PhantomData))
    }
}

struct ArenaVisitor<T>(PhantomData<fn() -> T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ArenaVisitor<T> {
    type Value = Arena<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slots of an arena, each a generation and a value, or nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut slots: A) -> Result<Self::Value, A::Error> {
        // The capacity that a vector of slots would come to, growing slot by slot: where slots are small it begins with four.
        let least = if size_of::<Slot<T>>() <= 1024 { DEFAULT_CAPACITY } else { 1 };
        let mut builder = Builder::new(slots.size_hint().unwrap_or(DEFAULT_CAPACITY), least);
        while let Some(slot) = slots.next_element::<Option<(u64, T)>>()? {
            builder.push(slot);
        }
        Ok(builder.finish())
    }
}
