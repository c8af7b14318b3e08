//! Making arenas, and putting values in, finding and removing them.

use super::{Claimed, GrowError, Handle, InsertError, OccupiedEntry, SmArena, Storage, VacantEntry};
use crate::heap::{Global, HeapRef};

impl<T> SmArena<T> {
    /// An empty arena on the process-wide heap. Allocates nothing.
    ///
    /// ```
    /// assert_eq!(smarena::SmArena::<u8>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::new_in(Global)
    }

    /// An empty arena on the process-wide heap with room for at least `capacity` values.
    ///
    /// # Panics
    /// If there is no memory, or no arena has that many slots.
    ///
    /// ```
    /// assert!(smarena::SmArena::<u8>::with_capacity(100).capacity() >= 100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_in(capacity, Global)
    }
}

impl<T, H: HeapRef> SmArena<T, H> {
    /// An empty arena on `heap`. Allocates nothing.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new_in(smarena::Global);
    /// arena.insert(1);
    /// ```
    #[must_use]
    pub const fn new_in(heap: H) -> Self {
        Self { storage: Storage::new(heap) }
    }

    /// An empty arena on `heap` with room for at least `capacity` values.
    ///
    /// # Panics
    /// If the heap has no memory, or no arena has that many slots.
    ///
    /// ```
    /// let arena = smarena::SmArena::<u8, _>::with_capacity_in(100, smarena::Global);
    /// assert!(arena.capacity() >= 100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        let mut arena = Self::new_in(heap);
        arena.reserve(capacity);
        arena
    }

    /// The heap its chunks come from.
    ///
    /// ```
    /// assert_eq!(smarena::SmArena::<u8>::new().heap(), &smarena::Global);
    /// ```
    #[must_use]
    pub const fn heap(&self) -> &H {
        self.storage.heap()
    }

    /// The number of values.
    ///
    /// ```
    /// assert_eq!(smarena::SmArena::from_iter([1, 2]).len(), 2);
    /// ```
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.storage.len() as usize
    }

    /// Whether there are no values.
    ///
    /// ```
    /// assert!(smarena::SmArena::<u8>::new().is_empty());
    /// ```
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.storage.len() == 0
    }

    /// The number of values there is room for without growing. Detached and retired slots do not count.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// arena.insert(1);
    /// assert!(arena.capacity() >= 1);
    /// ```
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.storage.capacity() as usize
    }

    /// Makes room for at least `additional` more values. Nothing moves.
    ///
    /// # Panics
    /// If the heap has no memory, or no arena has that many slots.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::<u8>::new();
    /// arena.reserve(1000);
    /// assert!(arena.capacity() >= 1000);
    /// ```
    #[track_caller]
    pub fn reserve(&mut self, additional: usize) {
        GrowError::or_fail(self.try_reserve(additional));
    }

    /// Makes room for at least `additional` more values, if it can.
    ///
    /// # Errors
    /// [`GrowError`]. Chunks that were added before the failing one stay.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::<u8>::new();
    /// assert!(arena.try_reserve(1000).is_ok());
    /// assert!(arena.try_reserve(usize::MAX).is_err());
    /// ```
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), GrowError> {
        self.storage.reserve(additional)
    }

    /// Gives the chunks at the end back to the heap in which nothing is. Nothing moves, and stale handles stay stale.
    ///
    /// Takes time proportional to the slots of those chunks and to the vacant slots.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter(0..1000);
    /// arena.clear();
    /// arena.shrink_to_fit();
    /// assert_eq!(arena.capacity(), 0);
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.storage.shrink();
    }

    /// Moves `value` into a slot. O(1); allocates a chunk if there is no vacant slot.
    ///
    /// # Panics
    /// If the arena has to grow and cannot: the heap has no memory, or no slots are left.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena[handle], "value");
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn insert(&mut self, value: T) -> Handle<T> {
        // SAFETY: A3: the value is written at once.
        let Claimed { slot, handle } = unsafe { self.storage.claim_or_fail() };
        // SAFETY: A1, A3: the slot is this value's.
        unsafe { slot.value().write(value) };
        handle
    }

    /// Moves the value that `make` returns into a slot; `make` is told the handle it will have.
    ///
    /// If `make` panics, the arena is as it was, or has grown.
    ///
    /// # Panics
    /// As [`insert`](Self::insert), and when `make` does.
    ///
    /// ```
    /// use smarena::{Handle, SmArena};
    ///
    /// struct Node { me: Handle<Node> }
    ///
    /// let mut arena = SmArena::new();
    /// let handle = arena.insert_with(|me| Node { me });
    /// assert_eq!(arena[handle].me, handle);
    /// ```
    #[doc(alias = "insert_with_key")]
    #[inline]
    #[track_caller]
    pub fn insert_with(&mut self, make: impl FnOnce(Handle<T>) -> T) -> Handle<T> {
        let entry = self.vacant_entry();
        let handle = entry.handle();
        entry.insert(make(handle));
        handle
    }

    /// Moves `value` into a slot, if there is one or the arena can grow.
    ///
    /// # Errors
    /// [`InsertError`], with the value.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.try_insert("value")?;
    /// assert_eq!(arena[handle], "value");
    /// # Ok::<(), smarena::InsertError<&str>>(())
    /// ```
    #[inline]
    pub fn try_insert(&mut self, value: T) -> Result<Handle<T>, InsertError<T>> {
        // SAFETY: A3: the value is written at once.
        let Claimed { slot, handle } = match unsafe { self.storage.claim() } {
            Ok(claimed) => claimed,
            Err(error) => return Err(InsertError { value, error }),
        };
        // SAFETY: A1, A3: the slot is this value's.
        unsafe { slot.value().write(value) };
        Ok(handle)
    }

    /// The slot the next value goes into, with its handle.
    ///
    /// # Panics
    /// As [`insert`](Self::insert).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let entry = arena.vacant_entry();
    /// let handle = entry.handle();
    /// entry.insert("value");
    /// assert_eq!(arena[handle], "value");
    /// ```
    #[inline]
    #[track_caller]
    pub fn vacant_entry(&mut self) -> VacantEntry<'_, T, H> {
        let handle = GrowError::or_fail(self.storage.next());
        VacantEntry::new(&mut self.storage, handle)
    }

    /// The slot the next value goes into, if there is one or the arena can grow: for a value whose making can fail, too.
    ///
    /// # Errors
    /// [`GrowError`].
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let entry = arena.try_vacant_entry()?;
    /// if let Ok(number) = "12".parse::<u32>() {
    ///     entry.insert(number);
    /// }
    /// assert_eq!(arena.values().sum::<u32>(), 12);
    /// # Ok::<(), smarena::GrowError>(())
    /// ```
    #[inline]
    pub fn try_vacant_entry(&mut self) -> Result<VacantEntry<'_, T, H>, GrowError> {
        let handle = self.storage.next()?;
        Ok(VacantEntry::new(&mut self.storage, handle))
    }

    /// The value's slot, looked up once for several uses. `None` if the handle is stale.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.entry(handle).unwrap().replace(2), 1);
    /// ```
    #[inline]
    pub fn entry(&mut self, handle: Handle<T>) -> Option<OccupiedEntry<'_, T, H>> {
        OccupiedEntry::new(&mut self.storage, handle)
    }

    /// Moves the value out. `None` if the handle is stale; if not, it is from now on. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.remove(handle), Some("value"));
    /// assert_eq!(arena.remove(handle), None);
    /// ```
    #[inline]
    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        self.storage.take(handle)
    }

    /// Whether the handle names a value. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert!(arena.contains(handle));
    /// ```
    #[doc(alias = "contains_key")]
    #[inline]
    #[must_use]
    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.storage.find(handle).is_some()
    }

    /// The value. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.get(handle), Some(&"value"));
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        self.storage.get(handle)
    }

    /// The value, mutable. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// *arena.get_mut(handle).unwrap() = 2;
    /// assert_eq!(arena[handle], 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        self.storage.get_mut(handle)
    }
}
