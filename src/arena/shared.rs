//! `SharedArena<T>`: an arena that any number of threads insert into, read and remove from at once.
//!
//! [`state`] is the protocol of one slot, [`chunks`] where slots lie, [`slots`] which are vacant, [`guard`] what a reader holds.
//! [`reading`] is for who looks at many values, [`book`] counts readings, [`aside`] is what waits for them, [`withdrawn`] a removed value
//! that somebody wants.
//!
//! The invariants, cited by number:
//!
//! - **G1** A present chunk is one block of the heap with the layout of its slots, which are all initialised. It is
//!   present, and where it is, until the arena is dropped. So are the pieces that follow the chunks, by A8.
//! - **G2** A slot's value is there exactly while its generation is odd, except while the slot is one thread's alone:
//!   the one that popped or opened it, until it publishes; the one whose removal found no guards; the one whose
//!   guard was a removed value's last.
//! - **G3** While guards are counted, the value is there and nobody changes the slot but for its state. A guard counts
//!   itself only while the generation is the handle's and the value is not removed.
//! - **G4** A slot is pushed with a higher generation each time, so no head of the vacant stack comes twice.
//! - **G5** What a reading finds stays where it is, unchanged, until the reading ends. A value that was removed, and that a reading may have
//!   found, is set aside, or one thread's that waits; it is nobody's to change before all readings have ended that were in the book
//!   when its removal was booked.

// Declared before the others: what it has comes first on the page of the type.
mod basics;

mod aside;
mod book;
mod chunks;
mod guard;
mod reading;
mod slots;
mod state;
mod withdrawn;

use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

pub use self::guard::Guard;
pub use self::reading::Reading;
use self::slots::Slots;
pub use self::withdrawn::Withdrawn;
use crate::derived::{debug_entries, default};
use crate::heap::{Global, HeapRef};

/// Values in slots, named by [`Handle`](crate::Handle)s, shared by threads.
///
/// As in an [`SmArena`](crate::SmArena) a handle is 8 bytes and stale for ever once its value was removed, and nothing moves.
///
/// - `get` takes no lock: it counts a [`Guard`] with one atomic exchange. Any number of threads may hold guards. Who looks at many values begins a
///   [`reading`](Self::reading), which writes nothing for each.
/// - `remove` takes effect at once: nobody finds the value any more. It is dropped by `remove`, or, while others
///   hold guards, by the thread that gives up the last one; or after the readings of that time. [`withdraw`](Self::withdraw) gives the
///   value back then.
/// - `insert` takes no lock either, but where no slot is vacant one thread adds a chunk, twice as large as the one before
///   (or what blocks the heap has), and those that need it wait for that. Only then is anybody refused: when the heap has no block for the next chunk
///   and no other thread has one in the making.
/// - Slots and memory stay until the arena is dropped.
///
/// Values are shared, so what changes in them must be atomic or locked. A guard that is leaked keeps its value, and
/// the slot, until the arena is dropped; a reading that is leaked keeps so all that is removed from then on.
///
/// ```
/// use smarena::SharedArena;
///
/// static NAMES: SharedArena<String> = SharedArena::new();
///
/// let handles: Vec<_> = std::thread::scope(|scope| {
///     let threads: Vec<_> = (0..4).map(|i| scope.spawn(move || NAMES.insert(format!("thread {i}")))).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect()
/// });
/// assert_eq!(*NAMES.get(handles[2]).unwrap(), "thread 2");
/// assert!(NAMES.remove(handles[2]));
/// assert!(NAMES.get(handles[2]).is_none());
/// ```
///
/// What cannot be sent between threads cannot be shared either:
///
/// ```compile_fail,E0277
/// static CELLS: smarena::SharedArena<std::cell::Cell<u8>> = smarena::SharedArena::new();
/// ```
pub struct SharedArena<T, H: HeapRef = Global> {
    slots: Slots<T, H>,
}

// A panic in a value's code leaves each slot as one of G2's states has it; what it leaves in a value is the value's business.
impl<T: RefUnwindSafe + UnwindSafe, H: HeapRef + UnwindSafe> UnwindSafe for SharedArena<T, H> {}
impl<T: RefUnwindSafe + UnwindSafe, H: HeapRef + RefUnwindSafe> RefUnwindSafe for SharedArena<T, H> {}

default! { [T, H: HeapRef + Default] SharedArena<T, H>: Self::new_in(H::default()) }

debug_entries! { [T: fmt::Debug, H: HeapRef] SharedArena<T, H>: debug_list |arena| arena.iter() }
