//! serde for secondary maps: a map from handles to values.

use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::arena::{Handle, SecondaryMap, SparseSecondaryMap};

/// A [`SecondaryMap`] has room for every slot up to the highest one. A file may make it have so many slots, and bytes (which come first,
/// as a slot has four or more),
const ANYWAY: [usize; 2] = [1 << 24, 64 << 20];
/// and so many more for each value that it has.
const FOR_A_VALUE: [usize; 2] = [1024, 1 << 20];

/// The most slots of a map whose file has so many values, each with so many bytes for its slot. No fewer than values.
fn most_slots(values: usize, bytes: usize) -> usize {
    let [slots, bytes_in_all] = [0, 1].map(|n| ANYWAY[n].saturating_add(FOR_A_VALUE[n].saturating_mul(values)));
    slots.min(bytes_in_all / bytes.max(1)).max(values)
}

macro_rules! map {
    ($Map:ident, $refuse:expr) => {
        impl<T, V: Serialize> Serialize for $Map<T, V> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self)
            }
        }

        impl<'de, T, V: Deserialize<'de>> Deserialize<'de> for $Map<T, V> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let values = deserializer.deserialize_map(MapVisitor(PhantomData))?;
                let highest = values.iter().map(|(handle, _)| handle.slot() as usize).max().unwrap_or(0);
                if let Some(limit) = $refuse(highest, values.len(), size_of::<Option<(NonZeroU32, V)>>()) {
                    let error =
                        format_args!("{} values, one of slot {highest}: that is beyond slot {limit}", values.len());
                    return Err(de::Error::custom(error));
                }
                Ok(values.into_iter().collect())
            }
        }
    };
}

map!(SecondaryMap, |highest, values, bytes| {
    let limit = most_slots(values, bytes);
    (highest > limit).then_some(limit)
});
map!(SparseSecondaryMap, |_, _, _| None::<usize>);

struct MapVisitor<T, V>(PhantomData<fn() -> (T, V)>);

impl<'de, T, V: Deserialize<'de>> Visitor<'de> for MapVisitor<T, V> {
    type Value = Vec<(Handle<T>, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from handles to values")
    }

    /// Grows with what is there: the length that the input claims to have is not taken.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some((handle, value)) = entries.next_entry::<Handle<T>, V>()? {
            if handle == Handle::DANGLING {
                return Err(de::Error::custom("a handle that names nothing has no value"));
            }
            values.push((handle, value));
        }
        Ok(values)
    }
}
