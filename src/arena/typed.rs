//! Handle types of one's own: for arenas whose values have the same type.

use core::fmt;
use core::ops::{Index, IndexMut};

use super::{Handle, InsertError, SmArena};
use crate::derived::{debug_entries, default};
use crate::heap::{Global, HeapRef};

/// A handle type of one's own. Implemented by [`handle_type!`](crate::handle_type).
///
/// ```
/// use smarena::{Handle, HandleType};
///
/// smarena::handle_type! { struct Enemy -> String; }
///
/// fn dangling<K: HandleType>() -> K {
///     K::from(Handle::DANGLING)
/// }
/// assert_eq!(dangling::<Enemy>(), Enemy::default());
/// ```
pub trait HandleType: Copy + Eq + fmt::Debug + From<Handle<Self::Value>> + Into<Handle<Self::Value>> {
    /// What the arena holds.
    type Value;
}

/// Makes a handle type: a [`Handle`] under another name, which is another type.
///
/// It has the same eight bytes (and so has an `Option` of it) and the same traits, becomes a `Handle` and is made of one by `From`. Attributes
/// in front of the struct stay there: for files, `#[derive(Serialize, Deserialize)]` with `#[serde(transparent)]`. [`TypedArena`] is an arena with such handles.
///
/// ```
/// use smarena::TypedArena;
///
/// pub struct Monster { health: u32 }
///
/// smarena::handle_type! {
///     /// A monster that attacks us.
///     pub struct Enemy -> Monster;
/// }
/// smarena::handle_type! { pub struct Pet -> Monster; }
///
/// let (mut enemies, mut pets) = (TypedArena::<Enemy>::new(), TypedArena::<Pet>::new());
/// let wolf = enemies.insert(Monster { health: 10 });
/// let dog = pets.insert(Monster { health: 20 });
/// assert_eq!((enemies[wolf].health, pets[dog].health), (10, 20));
/// assert_eq!(size_of::<Option<Enemy>>(), 8);
/// ```
///
/// An enemy is no pet, although both are monsters:
///
/// ```compile_fail,E0308
/// smarena::handle_type! { struct Enemy -> u32; }
/// smarena::handle_type! { struct Pet -> u32; }
///
/// let mut enemies = smarena::TypedArena::<Enemy>::new();
/// let pets = smarena::TypedArena::<Pet>::new();
/// let wolf = enemies.insert(1);
/// pets.get(wolf);
/// ```
#[macro_export]
macro_rules! handle_type {
    ($(#[$meta:meta])* $visibility:vis struct $Name:ident -> $Value:ty;) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        $visibility struct $Name($crate::Handle<$Value>);

        impl $crate::HandleType for $Name {
            type Value = $Value;
        }

        impl ::core::convert::From<$crate::Handle<$Value>> for $Name {
            fn from(handle: $crate::Handle<$Value>) -> Self {
                Self(handle)
            }
        }

        impl ::core::convert::From<$Name> for $crate::Handle<$Value> {
            fn from(handle: $Name) -> Self {
                handle.0
            }
        }

        impl ::core::fmt::Debug for $Name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let (slot, generation) = (self.0.slot(), self.0.generation());
                ::core::write!(f, "{}({slot}:{generation})", ::core::stringify!($Name))
            }
        }
    };
}

/// An [`SmArena`] whose handles are of a type of their own, made by [`handle_type!`](crate::handle_type).
///
/// What is not here is at [`inner`](Self::inner) and [`inner_mut`](Self::inner_mut), with plain handles.
///
/// ```
/// smarena::handle_type! { struct Enemy -> String; }
///
/// let mut enemies = smarena::TypedArena::<Enemy>::new();
/// let wolf = enemies.insert("wolf".into());
/// assert_eq!(enemies.remove(wolf).as_deref(), Some("wolf"));
/// ```
pub struct TypedArena<K: HandleType, H: HeapRef = Global> {
    arena: SmArena<K::Value, H>,
}

impl<K: HandleType> TypedArena<K> {
    /// An empty arena on the process-wide heap. Allocates nothing.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert!(smarena::TypedArena::<Enemy>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { arena: SmArena::new() }
    }
}

impl<K: HandleType, H: HeapRef> TypedArena<K, H> {
    /// Gives the handles of this arena, and those it will give out, a type of their own.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let arena = smarena::SmArena::new_in(smarena::Global);
    /// assert!(smarena::TypedArena::<Enemy>::from_inner(arena).is_empty());
    /// ```
    #[must_use]
    pub const fn from_inner(arena: SmArena<K::Value, H>) -> Self {
        Self { arena }
    }

    /// The arena with plain handles.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert_eq!(smarena::TypedArena::<Enemy>::new().into_inner().len(), 0);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> SmArena<K::Value, H> {
        self.arena
    }

    /// The arena with plain handles, to read.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert_eq!(smarena::TypedArena::<Enemy>::new().inner().capacity(), 0);
    /// ```
    #[must_use]
    pub const fn inner(&self) -> &SmArena<K::Value, H> {
        &self.arena
    }

    /// The arena with plain handles, to change.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// enemies.inner_mut().reserve(10);
    /// ```
    #[must_use]
    pub const fn inner_mut(&mut self) -> &mut SmArena<K::Value, H> {
        &mut self.arena
    }

    /// As [`SmArena::len`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert_eq!(smarena::TypedArena::<Enemy>::new().len(), 0);
    /// ```
    #[must_use]
    pub const fn len(&self) -> usize {
        self.arena.len()
    }

    /// As [`SmArena::is_empty`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert!(smarena::TypedArena::<Enemy>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.arena.is_empty()
    }

    /// As [`SmArena::insert`], which says when it panics.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf: Enemy = enemies.insert(1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn insert(&mut self, value: K::Value) -> K {
        K::from(self.arena.insert(value))
    }

    /// As [`SmArena::try_insert`].
    ///
    /// # Errors
    /// [`InsertError`], with the value.
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// assert!(enemies.try_insert(1).is_ok());
    /// ```
    #[inline]
    pub fn try_insert(&mut self, value: K::Value) -> Result<K, InsertError<K::Value>> {
        self.arena.try_insert(value).map(K::from)
    }

    /// As [`SmArena::insert_with`].
    ///
    /// # Panics
    /// As it does.
    ///
    /// ```
    /// struct Node { me: Me }
    /// smarena::handle_type! { struct Me -> Node; }
    ///
    /// let mut nodes = smarena::TypedArena::<Me>::new();
    /// let me = nodes.insert_with(|me| Node { me });
    /// assert_eq!(nodes[me].me, me);
    /// ```
    #[inline]
    #[track_caller]
    pub fn insert_with(&mut self, make: impl FnOnce(K) -> K::Value) -> K {
        K::from(self.arena.insert_with(|handle| make(K::from(handle))))
    }

    /// As [`SmArena::remove`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf = enemies.insert(1);
    /// assert_eq!((enemies.remove(wolf), enemies.remove(wolf)), (Some(1), None));
    /// ```
    #[inline]
    pub fn remove(&mut self, handle: K) -> Option<K::Value> {
        self.arena.remove(handle.into())
    }

    /// As [`SmArena::contains`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert!(!smarena::TypedArena::<Enemy>::new().contains(Enemy::default()));
    /// ```
    #[inline]
    #[must_use]
    pub fn contains(&self, handle: K) -> bool {
        self.arena.contains(handle.into())
    }

    /// As [`SmArena::get`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf = enemies.insert(1);
    /// assert_eq!(enemies.get(wolf), Some(&1));
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, handle: K) -> Option<&K::Value> {
        self.arena.get(handle.into())
    }

    /// As [`SmArena::get_mut`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf = enemies.insert(1);
    /// *enemies.get_mut(wolf).unwrap() += 1;
    /// assert_eq!(enemies[wolf], 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, handle: K) -> Option<&mut K::Value> {
        self.arena.get_mut(handle.into())
    }

    /// As [`SmArena::iter`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf = enemies.insert(1);
    /// assert!(enemies.iter().eq([(wolf, &1)]));
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K, &K::Value)> + DoubleEndedIterator + Clone {
        self.arena.iter().map(|(handle, value)| (K::from(handle), value))
    }

    /// As [`SmArena::iter_mut`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// let wolf = enemies.insert(1);
    /// enemies.iter_mut().for_each(|(_, health)| *health += 1);
    /// assert_eq!(enemies[wolf], 2);
    /// ```
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (K, &mut K::Value)> + DoubleEndedIterator {
        self.arena.iter_mut().map(|(handle, value)| (K::from(handle), value))
    }

    /// As [`SmArena::retain`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// let mut enemies = smarena::TypedArena::<Enemy>::new();
    /// enemies.insert(0);
    /// enemies.retain(|_, health| *health > 0);
    /// assert!(enemies.is_empty());
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(K, &mut K::Value) -> bool) {
        self.arena.retain(|handle, value| keep(K::from(handle), value));
    }
}

default! { [K: HandleType, H: HeapRef + Default] TypedArena<K, H>: Self { arena: SmArena::default() } }

impl<K: HandleType<Value: Clone>, H: HeapRef> Clone for TypedArena<K, H> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self { arena: self.arena.clone() }
    }

    #[track_caller]
    fn clone_from(&mut self, source: &Self) {
        self.arena.clone_from(&source.arena);
    }
}

impl<K: HandleType, H: HeapRef> Index<K> for TypedArena<K, H> {
    type Output = K::Value;

    #[inline]
    #[track_caller]
    fn index(&self, handle: K) -> &K::Value {
        &self.arena[handle.into()]
    }
}

impl<K: HandleType, H: HeapRef> IndexMut<K> for TypedArena<K, H> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, handle: K) -> &mut K::Value {
        &mut self.arena[handle.into()]
    }
}

debug_entries! { [K: HandleType<Value: fmt::Debug>, H: HeapRef] TypedArena<K, H>: debug_map |arena| arena.iter() }
