//! Several arenas and secondary maps walked together: along the smallest, with look-ups in the others.

mod arena;

use core::fmt;

use super::Handle;

/// The values that several maps have for the same handles, in slot order: `join((&a, &mut b))` gives `(handle, (&x, &mut y))`.
///
/// Each of the two to four is a reference to an [`SmArena`](crate::SmArena) or to a secondary map. Of a [`TypedArena`](crate::TypedArena) it is
/// [`inner`](crate::TypedArena::inner) or [`inner_mut`](crate::TypedArena::inner_mut); a [`DenseArena`](crate::DenseArena), whose values are in
/// another order, is none: walk along it and look its handles up in the others. The walk goes along the one on which it takes the fewest
/// steps, the first of these if there are several, and looks each handle up in the others: so it takes time proportional to the
/// smallest, whatever the others have. A step is a value; of a [`SecondaryMap`](crate::SecondaryMap) it is a slot up to the highest one. A look-up
/// takes constant time, and O(log n) in a [`SparseSecondaryMap`](crate::SparseSecondaryMap); but one that is borrowed mutably and is not
/// the smallest is walked along, too. Which one is the smallest shows in nothing but the time.
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

/// What [`join`] takes: a tuple of two to four references to `SmArena`s and secondary maps, for handles of one type.
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

/// A reference to an `SmArena` or to a secondary map: either walked along, in slot order, or looked up in.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined with others",
    label = "not a reference to an `SmArena` or to a secondary map",
    note = "of a `TypedArena` give `arena.inner()` or `arena.inner_mut()`; along a `DenseArena` walk, and look its handles up"
)]
pub trait Part: IntoIterator<Item = (Handle<<Self as Part>::Of>, <Self as Part>::Value)> {
    /// The type that the handles are of.
    type Of;
    /// What is given out: a reference to a value.
    type Value;
    /// What looking up needs.
    type Within;

    /// About how many steps it takes to walk along it.
    fn steps(&self) -> usize;
    fn within(self) -> Self::Within;
    /// The handle's value. Each handle that is asked for has a higher slot than the one before it; otherwise nothing may be found.
    fn find(within: &mut Self::Within, handle: Handle<Self::Of>) -> Option<Self::Value>;
}

/// A part, in the way in which it is used.
pub enum Way<P: Part> {
    Along(P::IntoIter),
    Within(P::Within),
}

impl<P: Part> Way<P> {
    /// The value for this handle, where it is looked up.
    #[inline]
    fn find(&mut self, handle: Handle<P::Of>) -> Option<P::Value> {
        match self {
            Self::Along(_) => None,
            Self::Within(within) => P::find(within, handle),
        }
    }
}

impl<P: Part> fmt::Debug for Way<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Along(_)) { "Along" } else { "Within" })
    }
}

macro_rules! joined {
    ($First:ident $first:ident, $($Map:ident $value:ident $at:tt),+) => {
        impl<$First: Part, $($Map: Part<Of = $First::Of>),+> Joined for ($First, $($Map),+) {
            type Walk = Join<(Way<$First>, $(Way<$Map>),+)>;

            fn walk(self) -> Self::Walk {
                let steps = [self.0.steps(), $(self.$at.steps()),+];
                let least = steps.iter().min();
                let along = steps.iter().position(|steps| Some(steps) == least);
                macro_rules! way {
                    ($number:tt) => {
                        if along == Some($number) {
                            Way::Along(self.$number.into_iter())
                        } else {
                            Way::Within(self.$number.within())
                        }
                    };
                }
                Join((way!(0), $(way!($at)),+))
            }
        }

        impl<$First: Part, $($Map: Part<Of = $First::Of>),+> Iterator for Join<(Way<$First>, $(Way<$Map>),+)> {
            type Item = (Handle<$First::Of>, ($First::Value, $($Map::Value),+));

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                loop {
                    // Exactly one of them is walked along, and says which handle is next.
                    let mut at = None;
                    let $first = step(&mut self.0.0, &mut at)?;
                    $(let $value = step(&mut self.0.$at, &mut at)?;)+
                    let handle = at?;
                    let Some($first) = $first.or_else(|| self.0.0.find(handle)) else { continue };
                    $(let Some($value) = $value.or_else(|| self.0.$at.find(handle)) else { continue };)+
                    return Some((handle, ($first, $($value),+)));
                }
            }
        }
    };
}

/// Goes one step along, if that is the way: then the handle that it comes to is put into `at`, and the value returned. `None` at the end.
#[inline]
fn step<P: Part>(way: &mut Way<P>, at: &mut Option<Handle<P::Of>>) -> Option<Option<P::Value>> {
    match way {
        Way::Along(along) => {
            let (handle, value) = along.next()?;
            *at = Some(handle);
            Some(Some(value))
        }
        Way::Within(_) => Some(None),
    }
}

joined!(A x, B y 1);
joined!(A x, B y 1, C z 2);
joined!(A x, B y 1, C z 2, D w 3);
