//! `SmArena<T>`: a table of values named by handles that never come to mean another value.
//!
//! Contents: [`generation`] and [`place`] are arithmetic; [`handle`] packs both; [`slot`] is one slot, [`table`] the
//! chunks of slots, [`pieces`] what comes instead where a heap has no blocks so large, [`storage`] what is vacant and how values move; [`cursor`] and [`iter`] walk; [`entry`], [`walk`],
//! [`disjoint`], [`slots`], [`branded`] and [`traits`] are faces; [`typed`] arenas have handle types of their own, a [`dense`] one keeps its
//! values side by side; [`secondary`] maps have more values for the same handles, and [`join`] walks several. [`shared`] is the arena that
//! threads share, with invariants of its own. Unsafe code is in slot, table, pieces, storage, cursor and at the few places in iter, entry, disjoint and join where a
//! slot's address becomes a reference.
//!
//! ```text
//! table   chunk 0   [slot|slot]                      bits  first block: about 1 KiB
//!         chunk 1   [slot|slot|slot|slot]            bits  doubling: nothing is ever copied
//!         chunk 2   [slot|slot|slot|slot|slot|slot|  ...
//! slot    { generation, value or link }              odd: occupied, even: not
//! handle  { place (highest bit: chunk, below: offset), generation (odd) }
//! ```
//!
//! The invariants, cited by number:
//!
//! - **A1** A present chunk is one block of the storage's heap with the table's layout for it: first its slots, then its
//!   vacancy words. It does not move, and goes back once, when the table has forgotten it. Absent chunks have no slots. While
//!   a chunk is present there is a directory, a block of that heap too, which has its address, and `filling_origin` is what it has for chunk
//!   `filling`. Slots before `near_end` lie in
//!   present chunks, those behind it in pieces.
//! - **A2** The slots below `opened_end` are opened: they have memory, their generation is initialised, and if they are
//!   near so is the vacancy word that stands for them. So is that of the slots from there to `room_end`. In such a word, the bits of
//!   slots not yet opened are 0.
//! - **A3** For an opened slot: its generation is odd if and only if the table has it as occupied if and only if its body is a
//!   value. Otherwise its body is a link. The table has as vacant those near whose vacancy bit is set, and `late`, whose bit is
//!   clear; `late` is an opened slot that is near, or `NONE`. Far slots have no bits.
//! - **A4** The vacant list starts at `vacant`, goes on through links, ends with `NONE`, and has each opened slot without
//!   a value once, except retired slots (generation `RETIRED`) and detached ones (link `DETACHED`).
//! - **A5** `marked` counts the vacancy bits that are set for opened slots, `far_vacant` the far slots that are vacant, `withheld` the retired and detached slots.
//! - **A6** A generation that a slot has had with a value moved out for good never comes back at its place, not even
//!   after its chunk was given back: `floor` is not below any generation of a chunk given back. An arena that becomes a copy (`clone_from`)
//!   has the generations of its original from then on.
//! - **A7** A place, and so a handle's, is not before the first of chunk 0, which depends on `T` alone, and its highest bit is one a chunk can
//!   have; or it is `NONE` or `DETACHED`, which lie behind all chunks. So it is not 0, and below `opened_end` it is that of an opened slot.
//! - **A8** Stretches, nodes and pieces are blocks of the arena's heap, with the layouts that `Stretch::block` and `bits` say, and
//!   initialised before they are linked. What is linked stays so, where it is, until the owner of the pieces, who is alone
//!   then, gives it back. A root's lowest bits say how many nodes lie above its pieces.

// Declared before the others: what it has comes first on the page of the type.
mod basics;

mod branded;
mod cursor;
mod dense;
mod disjoint;
mod entry;
mod error;
mod generation;
mod handle;
mod index;
mod iter;
mod join;
mod on_drop;
mod pieces;
mod place;
mod secondary;
mod shared;
mod slot;
mod slots;
mod storage;
mod table;
mod traits;
mod typed;
mod walk;

pub use self::branded::{BrandedArena, BrandedHandle};
pub use self::dense::DenseArena;
pub use self::entry::{OccupiedEntry, VacantEntry};
pub use self::error::{DisjointError, GrowError, InsertAtError, InsertError};
pub use self::handle::Handle;
pub use self::iter::{Drain, IntoIter, Iter, IterMut};
pub use self::join::{Join, Joined, join};
pub use self::secondary::{
    SecondaryEntry, SecondaryIntoIter, SecondaryIter, SecondaryIterMut, SecondaryMap, SecondaryOccupied,
    SecondaryVacant, SparseSecondaryMap,
};
pub use self::shared::{Guard, Reading, SharedArena, Withdrawn};
pub use self::typed::{HandleType, TypedArena};

#[cfg(feature = "serde")]
pub(crate) use self::storage::Content;
pub(crate) use self::{error::make_room, generation::Generation, storage::Storage};
// What the files below have of each other.
use self::{
    cursor::Cursor,
    disjoint::{each_once, side_by_side},
    index::index_by_handle,
    join::Part,
    on_drop::{OnDrop, drop_all},
    pieces::{Found, Pieces},
    place::{HIGHEST_BITS, Place, max_chunks, most_slots, slots_before, slots_of},
    slot::{PREFETCHES, Slot, SlotPtr},
    storage::Claimed,
    table::{Directory, Table},
};
use crate::heap::{Global, HeapRef};

/// Values in slots, named by [`Handle`]s, in blocks of a heap.
///
/// - A handle is 8 bytes, `Copy`, and typed. Once its value is removed it is stale for ever: a slot whose generations
///   are used up (after 2,147,483,647 values) is retired, never wrapped around.
/// - A value does not move while it lives. The arena grows by adding a chunk, so no insertion copies what is there. Where a
///   heap that refuses has no block for a chunk, it grows by whatever blocks in which a value fits are left, so
///   nobody is refused before they are used up, as long as there are some of 32 bytes or more to find them by (two for the first, one now and
///   then). Look-ups among those take some steps more.
/// - `insert`, `get` and `remove` take constant time. Iteration skips empty regions 64 slots at a time.
///
/// | | `SmArena` | `slotmap::SlotMap` | `generational_arena::Arena` | `thunderdome::Arena` |
/// |---|---|---|---|---|
/// | handle, bytes | 8 | 8 | 16 | 8 |
/// | `Option` of it, bytes | 8 | 8 | 24 | 8 |
/// | stale handle | refused for ever | valid again after 2³¹ | refused, then overflow | valid again after 2³² |
/// | values move on growth | no | yes | yes | yes |
/// | allocator | any [`HeapRef`] | global | global | global |
///
/// # Handles of another arena
///
/// A handle says nothing of the arena it comes from. In a debug build each arena counts generations from a window of its
/// own, so that a foreign handle is refused like a stale one (unless 65,535 arenas or 32,768 values in one slot
/// lie between). In a release build it names whatever value has the same slot and generation: the wrong one, never an
/// invalid one. [`branded`](Self::branded) makes it a compile error instead.
///
/// # Examples
///
/// ```
/// use smarena::SmArena;
///
/// let mut arena = SmArena::new();
/// let (ada, bob) = (arena.insert("Ada"), arena.insert("Bob"));
/// assert_eq!(arena[ada], "Ada");
/// assert_eq!(arena.remove(ada), Some("Ada"));
/// assert_eq!(arena.get(ada), None);
/// assert_eq!(arena.iter().collect::<Vec<_>>(), [(bob, &"Bob")]);
/// ```
///
/// A program with an arena of values aligned to more than 4096 bytes does not build:
///
/// ```compile_fail,E0080
/// #[repr(align(8192))]
/// struct TooMuch;
/// smarena::SmArena::<TooMuch>::new();
/// ```
pub struct SmArena<T, H: HeapRef = Global> {
    pub(crate) storage: Storage<T, H>,
}
