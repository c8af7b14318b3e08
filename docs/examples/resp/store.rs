//! Keys and values, each pair in one block. When the heap refuses a block, an entry that was not used for a while makes room.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::memory::Memory;

/// When entries expire that do not.
pub(crate) const NEVER: u32 = u32::MAX;

pub(crate) struct Entry<M: Memory> {
    /// The key, and behind it the value.
    pub(crate) bytes: M::Bytes,
    pub(crate) key_len: u16,
    /// In seconds since the start.
    pub(crate) expires: u32,
    /// Since somebody looked for an entry to evict.
    used: bool,
}

/// Two of them in a cache line.
const _: () = assert!(size_of::<Entry<smarena::BufPool<crate::memory::Net>>>() == 32);

impl<M: Memory> Entry<M> {
    fn key(&self) -> &[u8] {
        &self.bytes.as_ref()[..usize::from(self.key_len)]
    }

    pub(crate) fn value(&self) -> &[u8] {
        &self.bytes.as_ref()[usize::from(self.key_len)..]
    }
}

pub(crate) struct Store<M: Memory> {
    pub(crate) entries: HashTable<Entry<M>>,
    hasher: RandomState,
    /// Bytes of all entries.
    stored: usize,
    /// Where in the table to look for the next entry to evict.
    hand: usize,
    pub(crate) evicted: u64,
}

impl<M: Memory> Store<M> {
    pub(crate) fn new() -> Self {
        Self { entries: HashTable::new(), hasher: RandomState::new(), stored: 0, hand: 0, evicted: 0 }
    }

    /// The entry of `key`, unless it has expired by `now`.
    pub(crate) fn get(&mut self, key: &[u8], now: u32) -> Option<&mut Entry<M>> {
        let mut found = self.entries.find_entry(self.hasher.hash_one(key), |entry| entry.key() == key).ok()?;
        if found.get().expires <= now {
            self.stored -= found.remove().0.bytes.as_ref().len();
            return None;
        }
        found.get_mut().used = true;
        Some(found.into_mut())
    }

    /// Makes `value` that of `key`. `None` if there is no room for it, or the key is longer than 65,535 bytes.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], expires: u32, now: u32) -> Option<()> {
        let key_len = u16::try_from(key.len()).ok()?;
        // First of all: it may be the key's old entry that makes room.
        let bytes = self.bytes(&[key, value])?;
        self.stored += bytes.as_ref().len();
        if let Some(entry) = self.get(key, now) {
            entry.expires = expires;
            self.stored -= std::mem::replace(&mut entry.bytes, bytes).as_ref().len();
        } else {
            let entry = Entry { bytes, key_len, expires, used: false };
            let hasher = &self.hasher;
            self.entries.insert_unique(hasher.hash_one(key), entry, |entry| hasher.hash_one(entry.key()));
        }
        Some(())
    }

    /// Whether there was such an entry.
    pub(crate) fn remove(&mut self, key: &[u8], now: u32) -> bool {
        // Used up at once.
        self.get(key, now).map(|entry| entry.expires = 0).is_some() && self.get(key, now).is_none()
    }

    /// All parts in one block, for which entries are evicted if need be. `None` if that does not help.
    pub(crate) fn bytes(&mut self, parts: &[&[u8]]) -> Option<M::Bytes> {
        let class = M::class(parts.iter().map(|part| part.len()).sum());
        loop {
            match M::bytes(parts, self.stored) {
                None => self.evict(class)?,
                bytes => return bytes,
            }
        }
    }

    /// An entry of this class that was not used since the hand came by, and that nobody is just being sent: its block would not come back.
    fn evict(&mut self, class: usize) -> Option<()> {
        let buckets = self.entries.num_buckets();
        for _ in 0..2 * buckets {
            self.hand = (self.hand + 1) % buckets;
            let Ok(mut found) = self.entries.get_bucket_entry(self.hand) else { continue };
            let (len, is_sole) = (found.get().bytes.as_ref().len(), M::is_unique(&found.get().bytes));
            if is_sole && M::class(len) == class && !std::mem::take(&mut found.get_mut().used) {
                drop(found.remove());
                self.stored -= len;
                self.evicted += 1;
                return Some(());
            }
        }
        None
    }
}
