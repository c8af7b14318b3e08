//! Several arenas and secondary maps walked together.

use super::handle::Handle;

/// The values that several maps have for the same handles, in slot order: `join((&a, &mut b))` gives `(handle, (&x, &mut y))`.
///
/// Each of the two to four may be a reference to an arena or to a secondary map, or any iterator of handles and values in slot order.
/// The walk ends with the first of them that ends. It takes time proportional to their lengths (of a
/// [`SecondaryMap`](crate::SecondaryMap), to its slots).
///
/// ```
/// use smarena::{SecondaryMap, SmArena, SparseSecondaryMap, join};
///
/// let mut names = SmArena::new();
/// let [ada, bob, eve] = ["Ada", "Bob", "Eve"].map(|name| names.insert(name));
/// let mut places = SecondaryMap::from_iter([(ada, 1.0), (bob, 2.0), (eve, 3.0)]);
/// let speeds = SparseSecondaryMap::from_iter([(bob, 0.5)]);
/// for (_, (place, speed)) in join((&mut places, &speeds)) {
///     *place += speed;
/// }
/// assert_eq!(places[bob], 2.5);
/// let moving: Vec<_> = join((&names, &speeds, &places)).map(|(_, (name, ..))| *name).collect();
/// assert_eq!(moving, ["Bob"]);
/// ```
///
/// Maps for handles of different types have no handle in common, and do not compile:
///
/// ```compile_fail,E0271
/// use smarena::{SecondaryMap, join};
///
/// let (a, b) = (SecondaryMap::<u8, f32>::new(), SecondaryMap::<u16, f32>::new());
/// join((&a, &b)).count();
/// ```
pub fn join<J: Joined>(maps: J) -> J::Walk {
    maps.walk()
}

/// What [`join`] takes: a tuple of two to four things that give handles of one type, and values, in slot order.
///
/// ```
/// let names = smarena::SmArena::from_iter(["Ada"]);
/// assert_eq!(smarena::join((&names, &names)).count(), 1);
/// ```
pub trait Joined {
    /// The walk along all of them.
    type Walk: Iterator;

    /// What [`join`] calls.
    ///
    /// ```
    /// use smarena::Joined;
    ///
    /// let names = smarena::SmArena::from_iter(["Ada"]);
    /// assert_eq!((&names, &names).walk().count(), 1);
    /// ```
    fn walk(self) -> Self::Walk;
}

/// Along several maps at once. Made by [`join`].
///
/// ```
/// let names = smarena::SmArena::from_iter(["Ada"]);
/// let mut both = smarena::join((&names, &names));
/// assert!(both.next().is_some());
/// ```
#[derive(Debug)]
pub struct Join<W>(W);

/// One map's iterator, and what it has come to.
#[derive(Debug)]
pub struct Ahead<I: Iterator> {
    rest: I,
    next: Option<I::Item>,
}

impl<T, V, I: Iterator<Item = (Handle<T>, V)>> Ahead<I> {
    fn new(rest: impl IntoIterator<IntoIter = I>) -> Self {
        Self { rest: rest.into_iter(), next: None }
    }

    /// The first handle from slot `slot` on.
    #[inline]
    fn seek(&mut self, slot: u32) -> Option<Handle<T>> {
        if self.next.as_ref().is_none_or(|(handle, _)| handle.slot() < slot) {
            self.next = Some(self.rest.find(|(handle, _)| handle.slot() >= slot)?);
        }
        self.next.as_ref().map(|(handle, _)| *handle)
    }
}

macro_rules! joined {
    ($($map:ident $value:ident $at:tt),+) => {
        impl<T, $($map, $value),+> Joined for ($($map,)+)
        where
            $($map: IntoIterator<Item = (Handle<T>, $value)>),+
        {
            type Walk = Join<($(Ahead<$map::IntoIter>,)+)>;

            fn walk(self) -> Self::Walk {
                Join(($(Ahead::new(self.$at),)+))
            }
        }

        impl<T, $($map, $value),+> Iterator for Join<($(Ahead<$map>,)+)>
        where
            $($map: Iterator<Item = (Handle<T>, $value)>),+
        {
            type Item = (Handle<T>, ($($value,)+));

            fn next(&mut self) -> Option<Self::Item> {
                let mut slot = 0;
                loop {
                    let heads = [$(self.0.$at.seek(slot)?),+];
                    let (first, last) = (heads.iter().min()?, heads.iter().max()?);
                    if first == last {
                        return Some((*first, ($(self.0.$at.next.take()?.1,)+)));
                    }
                    // Of different generations of one slot none has a partner.
                    slot = if first.slot() == last.slot() { last.slot() + 1 } else { last.slot() };
                }
            }
        }
    };
}

joined!(A X 0, B Y 1);
joined!(A X 0, B Y 1, C Z 2);
joined!(A X 0, B Y 1, C Z 2, D W 3);
