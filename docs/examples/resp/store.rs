//! Keys and values, each pair in one block. When the heap refuses a block, an entry that was not used for a while makes room.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::ending::Failure;
use crate::memory::Memory;

/// What clients are told.
const NO_ROOM: &str = "OOM no room for such an entry";
/// When entries expire that do not.
pub(crate) const NEVER: u32 = u32::MAX;

/// Two of them in a cache line.
pub(crate) struct Entry<M: Memory> {
    /// The key, and behind it the value.
    pub(crate) bytes: M::Bytes,
    pub(crate) key_len: u16,
    /// In seconds since the start.
    pub(crate) expires: u32,
    /// Since somebody looked for an entry to evict.
    used: bool,
}

impl<M: Memory> Entry<M> {
    pub(crate) fn key_and_value(&self) -> (&[u8], &[u8]) {
        self.bytes.as_ref().split_at(self.key_len.into())
    }
}

pub(crate) struct Store<M: Memory> {
    pub(crate) entries: HashTable<Entry<M>>,
    hasher: RandomState,
    /// Seconds since the start.
    pub(crate) now: u32,
    /// Bytes of all entries.
    stored: usize,
    /// Where in the table to look for the next entry to evict.
    hand: usize,
    pub(crate) evicted: u64,
}

impl<M: Memory> Store<M> {
    pub(crate) fn new() -> Self {
        Self { entries: HashTable::new(), hasher: RandomState::new(), now: 0, stored: 0, hand: 0, evicted: 0 }
    }

    /// The entry of `key`, unless it has expired.
    pub(crate) fn get(&mut self, key: &[u8]) -> Option<&mut Entry<M>> {
        let hash = self.hasher.hash_one(key);
        let mut found = self.entries.find_entry(hash, |entry| entry.key_and_value().0 == key).ok()?;
        if found.get().expires <= self.now {
            self.stored -= found.remove().0.bytes.as_ref().len();
            return None;
        }
        found.get_mut().used = true;
        Some(found.into_mut())
    }

    /// Makes `value` that of `key`, unless there is no room for it, or the key is longer than 65,535 bytes.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], expires: u32) -> Result<(), Failure> {
        let key_len = u16::try_from(key.len()).map_err(|_| NO_ROOM)?;
        // First of all: it may be the key's old entry that makes room.
        let bytes = self.bytes(&[key, value])?;
        self.stored += bytes.as_ref().len();
        if let Some(entry) = self.get(key) {
            entry.expires = expires;
            self.stored -= std::mem::replace(&mut entry.bytes, bytes).as_ref().len();
        } else {
            let entry = Entry { bytes, key_len, expires, used: false };
            let hasher = &self.hasher;
            self.entries.insert_unique(hasher.hash_one(key), entry, |entry| hasher.hash_one(entry.key_and_value().0));
        }
        Ok(())
    }

    /// Whether there was such an entry.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        // Used up at once.
        self.get(key).map(|entry| entry.expires = 0).is_some() && self.get(key).is_none()
    }

    /// All parts in one block, for which entries are evicted if need be, as long as that helps.
    pub(crate) fn bytes(&mut self, parts: &[&[u8]]) -> Result<M::Bytes, Failure> {
        let len = parts.iter().map(|part| part.len()).sum();
        loop {
            match M::bytes(parts, self.stored) {
                None => self.evict(len).ok_or(NO_ROOM)?,
                Some(bytes) => return Ok(bytes),
            }
        }
    }

    /// An entry that makes way for `len` bytes and was not used since the hand came by. One that somebody is just being sent does not.
    fn evict(&mut self, len: usize) -> Option<()> {
        let buckets = self.entries.num_buckets();
        for _ in 0..2 * buckets {
            self.hand = (self.hand + 1) % buckets;
            let Ok(mut found) = self.entries.get_bucket_entry(self.hand) else { continue };
            let entry = found.get_mut();
            if M::make_way(&entry.bytes, len) && !std::mem::take(&mut entry.used) {
                self.stored -= found.remove().0.bytes.as_ref().len();
                self.evicted += 1;
                return Some(());
            }
        }
        None
    }
}
