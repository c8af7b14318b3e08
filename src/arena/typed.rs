//! Handle types of one's own: for arenas whose values have the same type.

use core::fmt;
use core::iter::Map;

use super::{
    DisjointError, GrowError, Handle, InsertAtError, InsertError, IntoIter, Iter, IterMut, SmArena, index_by_handle,
};
use crate::derived::{collect, debug_entries, default, extend_by};
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
/// smarena::handle_type! { pub struct Pet -> Monster } // the `;` may be left out
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
    ($(#[$meta:meta])* $visibility:vis struct $Name:ident -> $Value:ty $(;)?) => {
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

/// What an iterator of the arena gives, with the handle under its own type.
#[inline]
fn typed<K: HandleType, V>((handle, value): (Handle<K::Value>, V)) -> (K, V) {
    (K::from(handle), value)
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

    /// As [`SmArena::with_capacity`].
    ///
    /// ```
    /// # smarena::handle_type! { struct Enemy -> u32; }
    /// assert!(smarena::TypedArena::<Enemy>::with_capacity(100).capacity() >= 100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { arena: SmArena::with_capacity(capacity) }
    }
}

/// The methods that are [`SmArena`]'s but for the handles, each with an example, at whose begin `enemies` has a `wolf` with 10.
macro_rules! as_arena {
    ($($example:literal $(#[$meta:meta])* fn $name:ident $([$($generics:tt)*])? ($($parameters:tt)*) $(-> $Return:ty)? $body:block)+) => {$(
        #[doc = concat!("As [`SmArena::", stringify!($name), "`].\n\n```")]
        #[doc = "# smarena::handle_type! { struct Enemy -> u32; }"]
        #[doc = "let mut enemies = smarena::TypedArena::<Enemy>::new();"]
        #[doc = "let wolf = enemies.insert(10);"]
        #[doc = concat!($example, "\n```")]
        #[inline]
        #[allow(clippy::missing_errors_doc, reason = "they stand there")]
        $(#[$meta])*
        pub fn $name $(<$($generics)*>)? ($($parameters)*) $(-> $Return)? $body
    )+};
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

    as_arena! {
        "assert_eq!(enemies.len(), 1);"
        #[must_use]
        fn len(&self) -> usize { self.arena.len() }

        "assert!(!enemies.is_empty());"
        #[must_use]
        fn is_empty(&self) -> bool { self.arena.is_empty() }

        "assert!(enemies.capacity() >= 1);"
        #[must_use]
        fn capacity(&self) -> usize { self.arena.capacity() }

        "enemies.reserve(100);"
        #[track_caller]
        fn reserve(&mut self, additional: usize) { self.arena.reserve(additional); }

        "assert!(enemies.try_reserve(usize::MAX).is_err());"
        fn try_reserve(&mut self, additional: usize) -> Result<(), GrowError> { self.arena.try_reserve(additional) }

        "assert_eq!(enemies[wolf], 10);"
        #[track_caller]
        fn insert(&mut self, value: K::Value) -> K { K::from(self.arena.insert(value)) }

        "assert!(enemies.try_insert(1).is_ok());"
        fn try_insert(&mut self, value: K::Value) -> Result<K, InsertError<K::Value>> {
            self.arena.try_insert(value).map(K::from)
        }

        "let cub = enemies.insert_with(|cub| u32::from(cub == wolf));\nassert_eq!(enemies[cub], 0);"
        #[track_caller]
        fn insert_with(&mut self, make: impl FnOnce(K) -> K::Value) -> K {
            K::from(self.arena.insert_with(|handle| make(K::from(handle))))
        }

        "assert_eq!((enemies.remove(wolf), enemies.remove(wolf)), (Some(10), None));"
        fn remove(&mut self, handle: K) -> Option<K::Value> { self.arena.remove(handle.into()) }

        "assert!(enemies.contains(wolf));"
        #[must_use]
        fn contains(&self, handle: K) -> bool { self.arena.contains(handle.into()) }

        "assert_eq!(enemies.get(wolf), Some(&10));"
        #[must_use]
        fn get(&self, handle: K) -> Option<&K::Value> { self.arena.get(handle.into()) }

        "*enemies.get_mut(wolf).unwrap() += 1;"
        #[must_use]
        fn get_mut(&mut self, handle: K) -> Option<&mut K::Value> { self.arena.get_mut(handle.into()) }

        "let cub = enemies.insert(1);\nlet [a, b] = enemies.get_disjoint_mut([wolf, cub]).unwrap();\ncore::mem::swap(a, b);"
        fn get_disjoint_mut[const N: usize](&mut self, handles: [K; N]) -> Result<[&mut K::Value; N], DisjointError> {
            self.arena.get_disjoint_mut(handles.map(K::into))
        }

        "assert!(enemies.iter().eq([(wolf, &10)]));"
        fn iter(&self) -> impl ExactSizeIterator<Item = (K, &K::Value)> + DoubleEndedIterator + Clone {
            self.arena.iter().map(typed)
        }

        "enemies.iter_mut().for_each(|(_, health)| *health += 1);"
        fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (K, &mut K::Value)> + DoubleEndedIterator {
            self.arena.iter_mut().map(typed)
        }

        "assert!(enemies.keys().eq([wolf]));"
        fn keys(&self) -> impl ExactSizeIterator<Item = K> + DoubleEndedIterator + Clone {
            self.arena.keys().map(K::from)
        }

        "assert!(enemies.values().eq([&10]));"
        fn values(&self) -> impl ExactSizeIterator<Item = &K::Value> + DoubleEndedIterator + Clone { self.arena.values() }

        "enemies.values_mut().for_each(|health| *health += 1);"
        fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut K::Value> + DoubleEndedIterator {
            self.arena.values_mut()
        }

        "assert!(enemies.drain().eq([(wolf, 10)]));"
        fn drain(&mut self) -> impl Iterator<Item = (K, K::Value)> { self.arena.drain().map(typed) }

        "assert_eq!(enemies.extract_if(|_, health| *health > 5).collect::<Vec<_>>(), [(wolf, 10)]);"
        fn extract_if[F: FnMut(K, &mut K::Value) -> bool](
            &mut self, mut take: F
        ) -> impl Iterator<Item = (K, K::Value)> + use<'_, K, H, F> {
            self.arena.extract_if(move |handle, value| take(K::from(handle), value)).map(typed)
        }

        "assert_eq!(enemies.detach(wolf), Some(10));"
        fn detach(&mut self, handle: K) -> Option<K::Value> { self.arena.detach(handle.into()) }

        "enemies.detach(wolf);\nenemies.reattach(wolf, 11).unwrap();\nassert_eq!(enemies[wolf], 11);"
        fn reattach(&mut self, handle: K, value: K::Value) -> Result<(), InsertAtError<K::Value>> {
            self.arena.reattach(handle.into(), value)
        }

        "enemies.clear();"
        fn clear(&mut self) { self.arena.clear(); }

        "enemies.retain(|_, health| *health > 10);"
        fn retain(&mut self, mut keep: impl FnMut(K, &mut K::Value) -> bool) {
            self.arena.retain(|handle, value| keep(K::from(handle), value));
        }
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

index_by_handle! { [K: HandleType, H: HeapRef] TypedArena<K, H>, K => K::Value, "names no value of this arena" }

extend_by! { [K: HandleType, H: HeapRef] TypedArena<K, H>: insert(K::Value) }

collect! { [K: HandleType] TypedArena<K>: K::Value }

/// `IntoIterator` of an arena and of references to one, with handles of its own type.
macro_rules! iterate {
    ($([$($life:lifetime)?] $type:ty: $Iter:ty => $Value:ty, |$this:ident| $along:expr;)+) => {$(
        impl<$($life,)? K: HandleType, H: HeapRef> IntoIterator for $type {
            type Item = (K, $Value);
            type IntoIter = Map<$Iter, fn((Handle<K::Value>, $Value)) -> (K, $Value)>;

            #[inline]
            fn into_iter(self) -> Self::IntoIter {
                let $this = self;
                $along.map(typed)
            }
        }
    )+};
}

iterate! {
    ['a] &'a TypedArena<K, H>: Iter<'a, K::Value> => &'a K::Value, |these| these.arena.iter();
    ['a] &'a mut TypedArena<K, H>: IterMut<'a, K::Value> => &'a mut K::Value, |these| these.arena.iter_mut();
    [] TypedArena<K, H>: IntoIter<K::Value, H> => K::Value, |these| these.arena.into_iter();
}

debug_entries! { [K: HandleType<Value: fmt::Debug>, H: HeapRef] TypedArena<K, H>: debug_map |arena| arena.iter() }
