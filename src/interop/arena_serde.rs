//! serde: handles, and arenas in which every handle is valid again after reading, and which hand out the same handles next.
//!
//! Where people or JavaScript read, a handle is text, `12v7`: slot and generation; otherwise it is its [`to_bits`](Handle::to_bits), and that
//! is read everywhere. An arena is, for people, `{ first_generation, content, detached, vacant }`: for each slot that was ever used
//! `[generation, value]` or `[generation]`, and the numbers of the detached slots and of the vacant ones, in the order in which they
//! are filled. There are no enums in it, which some formats cannot have inside flattened structs and tagged enums.
//!
//! Other formats have `{ first_generation | 1, slots, vacant }`, with `Occupied(generation, value)`, `Vacant(generation)` or
//! `Detached(generation)` for each slot. Without the 1 it is a file of an earlier version, of any format: `{ first_generation, slots }`. Such
//! a file does not say in which order slots are filled; it is the lowest first then.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::arena::{Content, Generation, Handle, SmArena, Storage};
use crate::derived::from;
use crate::heap::HeapRef;

const NAME: &str = "SmArena";
/// As other formats have them.
const FIELDS: [&str; 3] = ["first_generation", "slots", "vacant"];
/// As people read them.
const PLAIN: [&str; 4] = ["first_generation", "content", "detached", "vacant"];
const DANGLING: &str = "dangling";

impl<T> Serialize for Handle<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            self.to_bits().serialize(serializer)
        } else if *self == Self::DANGLING {
            serializer.serialize_str(DANGLING)
        } else {
            serializer.collect_str(&format_args!("{}v{}", self.slot(), self.generation()))
        }
    }
}

impl<'de, T> Deserialize<'de> for Handle<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(HandleVisitor(PhantomData))
        } else {
            deserializer.deserialize_u64(HandleVisitor(PhantomData))
        }
    }
}

struct HandleVisitor<T>(PhantomData<fn() -> T>);

impl<T> Visitor<'_> for HandleVisitor<T> {
    type Value = Handle<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handle: its slot and its generation, as in \"12v7\", or its bits")
    }

    fn visit_u64<E: de::Error>(self, bits: u64) -> Result<Handle<T>, E> {
        Handle::from_bits(bits).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(bits), &self))
    }

    fn visit_i64<E: de::Error>(self, bits: i64) -> Result<Handle<T>, E> {
        match u64::try_from(bits) {
            Ok(bits) => self.visit_u64(bits),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(bits), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Handle<T>, E> {
        let parts = || -> Option<Handle<T>> {
            // Digits alone are the bits, as the keys of an earlier version's maps.
            let Some((slot, generation)) = text.split_once('v') else { return Handle::from_bits(text.parse().ok()?) };
            Handle::from_parts(slot.parse().ok()?, generation.parse().ok()?)
        };
        let handle = if text == DANGLING { Some(Handle::DANGLING) } else { parts() };
        handle.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// One slot in a file. `T` is a reference when it is written.
#[derive(Serialize, Deserialize)]
enum Slot<T> {
    Occupied(u32, T),
    Vacant(u32),
    Detached(u32),
}

impl<T: Serialize, H: HeapRef> Serialize for SmArena<T, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let storage = &self.storage;
        let first = storage.floor().get();
        let vacant = Each(|| storage.vacant_places().map(|place| storage.number_of(place)));
        let slots = || {
            storage.table().opened_places().map(|place| {
                let generation = storage.generation_at(place).unwrap_or(storage.floor()).get();
                match storage.handle_at(place).and_then(|handle| storage.get(handle)) {
                    Some(value) => Slot::Occupied(generation, value),
                    None if storage.is_detached(place) => Slot::Detached(generation),
                    None => Slot::Vacant(generation),
                }
            })
        };
        if !serializer.is_human_readable() {
            let mut arena = serializer.serialize_struct(NAME, FIELDS.len())?;
            arena.serialize_field(FIELDS[0], &(first | 1))?;
            arena.serialize_field(FIELDS[1], &Each(slots))?;
            arena.serialize_field(FIELDS[2], &vacant)?;
            return arena.end();
        }
        let places = || storage.table().opened_places();
        let detached = || places().filter(|&place| storage.is_detached(place)).map(|place| storage.number_of(place));
        let mut arena = serializer.serialize_struct(NAME, PLAIN.len())?;
        arena.serialize_field(PLAIN[0], &first)?;
        arena.serialize_field(PLAIN[1], &Each(|| slots().map(Plain)))?;
        arena.serialize_field(PLAIN[2], &Each(detached))?;
        arena.serialize_field(PLAIN[3], &vacant)?;
        arena.end()
    }
}

/// What an iterator gives, as a sequence whose length is counted beforehand: some formats write it first.
pub(super) struct Each<F>(pub(super) F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some((self.0)().count()))?;
        (self.0)().try_for_each(|item| sequence.serialize_element(&item))?;
        sequence.end()
    }
}

/// A slot as people read it.
struct Plain<T>(Slot<T>);

impl<T: Serialize> Serialize for Plain<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (generation, value) = match &self.0 {
            Slot::Occupied(generation, value) => (generation, Some(value)),
            Slot::Vacant(generation) | Slot::Detached(generation) => (generation, None),
        };
        let mut slot = serializer.serialize_seq(Some(1 + usize::from(value.is_some())))?;
        slot.serialize_element(generation)?;
        value.map_or(Ok(()), |value| slot.serialize_element(value))?;
        slot.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Plain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PlainVisitor(PhantomData))
    }
}

struct PlainVisitor<T>(PhantomData<fn() -> T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlainVisitor<T> {
    type Value = Plain<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a slot: its generation, and its value if that is odd")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Plain<T>, A::Error> {
        let generation = parts.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
        if generation % 2 == 0 {
            return Ok(Plain(Slot::Vacant(generation)));
        }
        let value = parts.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
        Ok(Plain(Slot::Occupied(generation, value)))
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> Deserialize<'de> for SmArena<T, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ArenaSeed::new_in(H::default()).deserialize(deserializer)
    }
}

impl<T, H: HeapRef> SmArena<T, H> {
    /// Reads an arena whose slots take at most `BYTES`: a small file can name many empty slots. For serde's attribute, too.
    ///
    /// # Errors
    /// If the file is no arena's, or that of a larger one.
    ///
    /// ```
    /// use smarena::SmArena;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct World {
    ///     #[serde(deserialize_with = "SmArena::deserialize_within::<1024, _>")]
    ///     entities: SmArena<[u64; 15]>,
    /// }
    /// let slots = |count| format!(r#"{{"entities":{{"first_generation":0,"slots":[{}{{"Vacant":2}}]}}}}"#, r#"{"Vacant":2},"#.repeat(count));
    /// assert!(serde_json::from_str::<World>(&slots(5)).is_ok());
    /// let error = serde_json::from_str::<World>(&slots(50)).err().unwrap().to_string();
    /// assert!(error.starts_with("9 slots of 128 bytes each are more than 1024 bytes"), "{error}");
    /// ```
    pub fn deserialize_within<'de, const BYTES: usize, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>
    where
        T: Deserialize<'de>,
        H: Default,
    {
        ArenaSeed::new_in(H::default()).most_bytes(BYTES).deserialize(deserializer)
    }
}

/// How an arena is read from a file: into which heap, and how large it may be. For serde's [`DeserializeSeed`].
///
/// ```
/// use serde::de::DeserializeSeed;
/// use smarena::{ArenaSeed, Heap, Linear, SmArena};
///
/// let arena = SmArena::from_iter([1, 2]);
/// let text = serde_json::to_string(&arena)?;
/// let heap = Heap::<Linear<64>>::new(1 << 20)?;
/// let seed = ArenaSeed::<i32, _>::new_in(&heap).most_bytes(4096);
/// let read = seed.deserialize(&mut serde_json::Deserializer::from_str(&text))?;
/// assert!(read.iter().eq(arena.iter()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ArenaSeed<T, H> {
    heap: H,
    bytes: usize,
    values: PhantomData<fn() -> T>,
}

impl<T, H: HeapRef> ArenaSeed<T, H> {
    /// Reads into an arena on `heap`, as large as the file makes it.
    ///
    /// ```
    /// let seed = smarena::ArenaSeed::<u32, _>::new_in(smarena::Global);
    /// ```
    #[must_use]
    pub const fn new_in(heap: H) -> Self {
        Self { heap, bytes: usize::MAX, values: PhantomData }
    }

    /// Refuses a file whose slots, empty ones included, take more than `bytes`. (Chunks double, so an arena has at most about twice as
    /// much.)
    ///
    /// ```
    /// let seed = smarena::ArenaSeed::<u32, _>::new_in(smarena::Global).most_bytes(1 << 20);
    /// ```
    #[must_use]
    pub fn most_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef> DeserializeSeed<'de> for ArenaSeed<T, H> {
    type Value = SmArena<T, H>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SmArena<T, H>, D::Error> {
        let fields: &'static [&'static str] = if deserializer.is_human_readable() { &PLAIN } else { &FIELDS };
        deserializer.deserialize_struct(NAME, fields, self)
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef> Visitor<'de> for ArenaSeed<T, H> {
    type Value = SmArena<T, H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an arena: its first generation and its slots")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let first: u32 = fields.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &"an arena"))?;
        let arena = fields.next_element_seed(SlotsSeed::<T, H, Slot<T>>(self, PhantomData))?;
        let arena = arena.ok_or_else(|| de::Error::invalid_length(1, &"an arena"))?;
        let vacant = if first % 2 == 1 { fields.next_element::<Vec<u32>>()? } else { None };
        finish(first, arena, &[], vacant.as_deref())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut first, mut seed, mut arena) = (None, Some(self), None);
        let (mut detached, mut vacant) = (None::<Vec<u32>>, None::<Vec<u32>>);
        while let Some(field) = fields.next_key::<Field>()? {
            match field {
                Field::FirstGeneration if first.is_none() => first = Some(fields.next_value()?),
                Field::Detached if detached.is_none() => detached = Some(fields.next_value()?),
                Field::Vacant if vacant.is_none() => vacant = Some(fields.next_value()?),
                Field::Slots | Field::Content => {
                    let seed = seed.take().ok_or_else(|| de::Error::duplicate_field(FIELDS[1]))?;
                    arena = Some(match field {
                        Field::Slots => fields.next_value_seed(SlotsSeed::<T, H, Slot<T>>(seed, PhantomData))?,
                        _ => fields.next_value_seed(SlotsSeed::<T, H, Plain<T>>(seed, PhantomData))?,
                    });
                }
                Field::FirstGeneration => return Err(de::Error::duplicate_field(PLAIN[0])),
                Field::Detached => return Err(de::Error::duplicate_field(PLAIN[2])),
                Field::Vacant => return Err(de::Error::duplicate_field(PLAIN[3])),
            }
        }
        let first = first.ok_or_else(|| de::Error::missing_field(PLAIN[0]))?;
        let arena = arena.ok_or_else(|| de::Error::missing_field(PLAIN[1]))?;
        finish(first, arena, &detached.unwrap_or_default(), vacant.as_deref())
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    FirstGeneration,
    Slots,
    Vacant,
    Content,
    Detached,
}

fn finish<T, H: HeapRef, E: de::Error>(
    first: u32,
    mut arena: SmArena<T, H>,
    detached: &[u32],
    vacant: Option<&[u32]>,
) -> Result<SmArena<T, H>, E> {
    let first = Generation::new(first & !1);
    if first >= Generation::RETIRED {
        return Err(E::custom("the first generation must not be the last one"));
    }
    arena.storage.set_floor(first);
    if let Some(slot) = detached.iter().find(|&&slot| !arena.storage.withhold(slot)) {
        return Err(E::custom(format_args!("slot {slot} cannot be detached: it is not there, or not vacant")));
    }
    arena.storage.sort_vacant();
    if vacant.is_some_and(|vacant| !arena.storage.order_vacant(vacant)) {
        return Err(E::custom("the list of vacant slots must have each of them once, and no other"));
    }
    Ok(arena)
}

/// Reads slots that are written as `S`.
struct SlotsSeed<T, H, S>(ArenaSeed<T, H>, PhantomData<fn() -> S>);

impl<'de, T, H: HeapRef, S: Deserialize<'de> + Into<Slot<T>>> DeserializeSeed<'de> for SlotsSeed<T, H, S> {
    type Value = SmArena<T, H>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

from! { [T] Plain<T> => Slot<T>: |plain| plain.0; }

impl<'de, T, H: HeapRef, S: Deserialize<'de> + Into<Slot<T>>> Visitor<'de> for SlotsSeed<T, H, S> {
    type Value = SmArena<T, H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the slots of an arena")
    }

    /// Grows with what is there: the length that the input claims to have is not taken.
    fn visit_seq<A: SeqAccess<'de>>(self, mut slots: A) -> Result<Self::Value, A::Error> {
        let (limit, size) = (self.0.bytes, Storage::<T, H>::SLOT_BYTES);
        let mut arena = SmArena::new_in(self.0.heap);
        for count in 1_usize.. {
            let Some(slot) = slots.next_element::<S>()? else { break };
            if count.saturating_mul(size) > limit {
                let error = format_args!("{count} slots of {size} bytes each are more than {limit} bytes");
                return Err(de::Error::custom(error));
            }
            let (generation, content) = match slot.into() {
                Slot::Occupied(generation, value) => (Generation::new(generation), Content::Value(value)),
                Slot::Vacant(generation) => (Generation::new(generation), Content::Vacant),
                Slot::Detached(generation) => (Generation::new(generation), Content::Detached),
            };
            if generation.is_occupied() != matches!(content, Content::Value(_)) {
                return Err(de::Error::custom("an occupied slot has an odd generation, a vacant one an even"));
            }
            if generation > Generation::RETIRED
                || generation == Generation::RETIRED && matches!(content, Content::Detached)
            {
                return Err(de::Error::custom("no slot has this generation"));
            }
            if let Err(error) = arena.storage.restore(generation, content) {
                // First what was read: who makes an error of it may need memory.
                drop(arena);
                return Err(de::Error::custom(error));
            }
        }
        Ok(arena)
    }
}
