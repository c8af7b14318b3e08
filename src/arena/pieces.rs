//! Slots in whatever blocks a heap has left: pieces, found by their slots' numbers.
//!
//! An arena's chunks double. A heap that refuses has no block for such a chunk sooner or later, although it has many
//! smaller ones. From then on the arena's slots come in *pieces*: each is one block, of the largest size that can be had, with as
//! many slots as fit. Pieces of one size that follow each other are a *stretch*, and hang in a tree whose nodes are
//! blocks too, no larger than the pieces where the heap has such. So nothing is asked of the heap that it has not, and every
//! block in which a slot fits is used before anybody is refused.
//!
//! ```text
//! newest -> stretch {first slot 2032, pieces of 112 bytes} -> older -> stretch {first slot 0, pieces of 128 bytes}
//!                |                                                        |
//!              node [piece, piece, ...]                                 node [node [piece, ...], node, ...]
//! ```
//!
//! One thread at a time adds (`&mut`, or under a lock), any number look up meanwhile.

mod own;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

pub(crate) use self::own::{Changing, Own};
use super::GrowError;
use crate::class::SizeClasses;
use crate::derived::copy;
use crate::error::AllocError;
use crate::heap::HeapRef;
use crate::sync::{AtomicPtr, AtomicU32, Ordering, const_but_for_models};

/// The lowest bits of a root, which are 0 in every block's address, say how many nodes lie above a piece.
const DEPTH: usize = 15;
/// The bytes of a node, where the heap has such blocks.
const NODE_BYTES: usize = 128;

/// What a stretch takes; no node is smaller.
const STRETCH_BYTES: usize = size_of::<Stretch>();

/// All pieces of one arena. Shared. Whoever owns it calls [`clear`](Self::clear) in the end.
pub(crate) struct Pieces<S> {
    newest: AtomicPtr<Stretch>,
    slots: PhantomData<fn() -> S>,
}

/// Pieces of one size.
struct Stretch {
    older: *mut Stretch,
    /// The tree's uppermost node, with the tree's depth, at least 1, in its lowest bits.
    root: AtomicPtr<u8>,
    /// The number of its first slot.
    first: u32,
    pieces: AtomicU32,
    /// The bytes of a piece.
    block: u32,
    /// A node has `1 << bits` children.
    bits: u8,
    /// The class of a node's block.
    node: u8,
    /// The class of the block that this is in.
    home: u8,
}

/// A slot, and how many of its piece lie before it and behind.
pub(crate) struct Found<S> {
    pub(crate) slot: *mut S,
    pub(crate) before: u32,
    pub(crate) behind: u32,
}

copy! { [S] Found<S> }

impl<S> Found<S> {
    pub(crate) const NONE: Self = Self { slot: null_mut(), before: 0, behind: 0 };
}

/// What the heap did not have.
struct Refused {
    layout: Layout,
    error: AllocError,
}

type Child = AtomicPtr<u8>;

impl<S> Pieces<S> {
    const_but_for_models! {
        pub(crate) fn new() -> Self {
            Self { newest: AtomicPtr::new(null_mut()), slots: PhantomData }
        }
    }

    /// The slots of a piece.
    #[expect(clippy::cast_possible_truncation, reason = "a block has 2 MiB at most")]
    const fn slots_of(block: u32) -> u32 {
        block / size_of::<S>() as u32
    }

    fn layout_of(block: u32) -> Option<Layout> {
        Layout::from_size_align(block as usize, align_of::<S>()).ok()
    }

    fn newest(&self) -> Option<&Stretch> {
        // Acquire pairs with `begin`.
        let stretch = self.newest.load(Ordering::Acquire);
        // SAFETY: A8: a stretch that is linked is there until `&mut self` unlinks it.
        unsafe { stretch.as_ref() }
    }

    /// The slot with this number, if there is a piece that has it. Takes a step for each stretch after its own, and one for each
    /// level of the tree.
    #[cold]
    #[inline(never)]
    pub(crate) fn find(&self, number: u32) -> Option<Found<S>> {
        let mut stretch = self.newest()?;
        while number < stretch.first {
            // SAFETY: A8: as long as this stretch is linked, so are the older ones.
            stretch = unsafe { stretch.older.as_ref() }?;
        }
        let (number, slots) = (number - stretch.first, Self::slots_of(stretch.block));
        let piece = stretch.piece(number / slots)?;
        let before = number % slots;
        let slot = piece.cast::<S>().wrapping_add(before as usize);
        Some(Found { slot, before, behind: slots - 1 - before })
    }

    /// Adds a piece: its slots follow the `backed` that there are, and are among the `limit` that an arena of this type can have.
    /// `error` is why it is no chunk. `fill` gets each slot before others can find it. Says how many slots were added.
    ///
    /// One thread at a time.
    pub(crate) fn add<H: HeapRef>(
        &self,
        heap: &H,
        backed: u32,
        limit: usize,
        error: GrowError,
        fill: impl Fn(*mut S),
    ) -> Result<u32, GrowError> {
        let most = H::Classes::LARGEST / size_of::<S>();
        if most == 0 || backed as usize + most > limit {
            return Err(error);
        }
        if let Some(stretch) = self.newest().filter(|stretch| stretch.has_room()) {
            if stretch.add::<S, H>(heap, &fill).is_ok() {
                return Ok(Self::slots_of(stretch.block));
            }
        }
        let (mut refused, wanted, value_size) = (error, backed as usize + 1, error.value_size());
        for block in from_large_to_small::<H::Classes>() {
            #[expect(clippy::cast_possible_truncation, reason = "a block has 2 MiB at most")]
            let block = block as u32;
            let Some(layout) = Self::layout_of(block) else { continue };
            if Self::slots_of(block) == 0 || layout.size() % layout.align() != 0 {
                continue;
            }
            match self.begin(heap, backed, block, &fill) {
                Ok(()) => return Ok(Self::slots_of(block)),
                Err(Refused { layout, error }) => refused = GrowError::Alloc { wanted, value_size, layout, error },
            }
        }
        Err(refused)
    }

    /// Begins a stretch with one piece.
    fn begin<H: HeapRef>(&self, heap: &H, first: u32, block: u32, fill: &impl Fn(*mut S)) -> Result<(), Refused> {
        let sizes = H::Classes::BLOCK_SIZES;
        let fits = sizes.partition_point(|&size| size < STRETCH_BYTES);
        let nodes = sizes.partition_point(|&size| size <= NODE_BYTES).max(fits);
        let (home, place) = first_of::<H>(heap, fits..sizes.len())?;
        // A node of the usual size or the next smaller, or else of the next larger.
        let stretch = first_of::<H>(heap, (fits..nodes).rev().chain(nodes..sizes.len())).and_then(|(node, root)| {
            #[expect(clippy::cast_possible_truncation, reason = "a node has 2 MiB at most")]
            let bits = (sizes[usize::from(node)] / size_of::<Child>()).ilog2() as u8;
            let stretch = Stretch {
                // Relaxed: one thread at a time adds.
                older: self.newest.load(Ordering::Relaxed),
                root: AtomicPtr::new(null_mut()),
                first,
                pieces: AtomicU32::new(0),
                block,
                bits,
                node,
                home,
            };
            // SAFETY: A8: the block has a node's layout, and nobody else knows it.
            unsafe { stretch.clear_node(root) };
            stretch.root.store(with_depth(root.as_ptr(), 1), Ordering::Relaxed);
            let added = stretch.add::<S, H>(heap, fill);
            if added.is_err() {
                // SAFETY: A8: the node was never linked, and has nothing below it.
                unsafe { heap.deallocate(root, layout_of_class::<H>(node)) };
            }
            added.map(|()| stretch)
        });
        match stretch {
            Ok(stretch) => {
                let place = place.cast::<Stretch>();
                // SAFETY: A8: the block has room for a stretch, and nobody else knows it.
                unsafe { place.write(stretch) };
                // Release pairs with `newest`: the stretch is whole.
                self.newest.store(place.as_ptr(), Ordering::Release);
                Ok(())
            }
            Err(error) => {
                // SAFETY: A8: the block was never linked.
                unsafe { heap.deallocate(place, layout_of_class::<H>(home)) };
                Err(error)
            }
        }
    }

    /// The slots of the last piece.
    pub(crate) fn slots_of_last(&self) -> Option<u32> {
        Some(Self::slots_of(self.newest()?.block))
    }

    /// Gives the last piece back.
    pub(crate) fn remove_last<H: HeapRef>(&mut self, heap: &H) {
        let Some(stretch) = self.newest() else { return };
        // Relaxed, here and below: `&mut self` is alone.
        let last = stretch.pieces.load(Ordering::Relaxed) - 1;
        if last == 0 {
            self.end_newest(heap);
            return;
        }
        if let (Some(child), Some(layout)) = (stretch.child_of(last), Self::layout_of(stretch.block)) {
            let piece = NonNull::new(child.swap(null_mut(), Ordering::Relaxed));
            stretch.pieces.store(last, Ordering::Relaxed);
            // SAFETY: A8: the piece is a block of this heap and layout, and has just been forgotten.
            piece.into_iter().for_each(|piece| unsafe { heap.deallocate(piece, layout) });
        }
    }

    /// Gives all blocks back.
    pub(crate) fn clear<H: HeapRef>(&mut self, heap: &H) {
        while self.newest().is_some() {
            self.end_newest(heap);
        }
    }

    /// Gives back what the newest stretch has, and itself.
    fn end_newest<H: HeapRef>(&mut self, heap: &H) {
        let Some(stretch) = self.newest() else { return };
        // Relaxed, here and below: `&mut self` is alone.
        let (node, depth) = split(stretch.root.load(Ordering::Relaxed));
        let (older, home, piece) = (stretch.older, stretch.home, Self::layout_of(stretch.block));
        let layouts = [piece.unwrap_or(Layout::new::<S>()), layout_of_class::<H>(stretch.node)];
        // SAFETY: A8: the tree of a stretch that is about to be unlinked; the caller is alone.
        unsafe { free_tree(heap, node, depth, stretch.bits, layouts) };
        let stretch = NonNull::new(self.newest.swap(older, Ordering::Relaxed));
        // SAFETY: A8: it is a block of this heap and of this layout, and is not linked any more.
        stretch.into_iter().for_each(|it| unsafe { heap.deallocate(it.cast(), layout_of_class::<H>(home)) });
    }
}

impl Stretch {
    /// The bits of a piece's number that the nodes above `level` are found by.
    fn above(&self, piece: u32, level: u32) -> u64 {
        u64::from(piece).checked_shr(u32::from(self.bits) * level).unwrap_or(0)
    }

    /// The place in `node` for what lies on the way to piece `piece`, `level` nodes above it.
    ///
    /// # Safety
    /// `node` is one of this stretch's tree, and so far above.
    #[expect(clippy::cast_possible_truncation, reason = "a node has 2 MiB at most")]
    unsafe fn child(&self, node: *mut u8, piece: u32, level: u32) -> &Child {
        let index = self.above(piece, level) & ((1 << self.bits) - 1);
        let child = node.cast::<Child>().wrapping_add(index as usize);
        // SAFETY: A8: a node has `1 << bits` children, all initialised, and is there as long as the stretch.
        unsafe { &*child }
    }

    /// The lowest node's place for piece `piece`, if there is that node.
    fn child_of(&self, piece: u32) -> Option<&Child> {
        // Acquire, here and below, pairs with `attach`: what hangs below is initialised.
        let (mut node, depth) = split(self.root.load(Ordering::Acquire));
        if self.above(piece, depth) != 0 {
            return None;
        }
        for level in (1..depth).rev() {
            // SAFETY: A8: the node hangs in this tree, so far above the piece.
            node = unsafe { self.child(node, piece, level) }.load(Ordering::Acquire);
            if node.is_null() {
                return None;
            }
        }
        // SAFETY: A8: as above.
        Some(unsafe { self.child(node, piece, 0) })
    }

    /// The block of piece `piece`, if it is there.
    fn piece(&self, piece: u32) -> Option<*mut u8> {
        // Acquire pairs with `attach`: the slots are as they were made.
        let piece = self.child_of(piece)?.load(Ordering::Acquire);
        (!piece.is_null()).then_some(piece)
    }

    /// Whether the tree can grow by one more piece.
    fn has_room(&self) -> bool {
        // Relaxed: one thread at a time adds.
        let (_, depth) = split(self.root.load(Ordering::Relaxed));
        (depth as usize) < DEPTH || self.above(self.pieces.load(Ordering::Relaxed), depth) == 0
    }

    /// Adds a piece.
    fn add<S, H: HeapRef>(&self, heap: &H, fill: &impl Fn(*mut S)) -> Result<(), Refused> {
        let Some(layout) = Pieces::<S>::layout_of(self.block) else { unreachable!("a block has a layout") };
        let piece = ask(heap, layout)?;
        for slot in 0..Pieces::<S>::slots_of(self.block) {
            fill(piece.as_ptr().cast::<S>().wrapping_add(slot as usize));
        }
        let attached = self.attach(heap, piece.as_ptr());
        if attached.is_err() {
            // SAFETY: A8: the block is of this heap and layout, and hangs in no tree.
            unsafe { heap.deallocate(piece, layout) };
        }
        attached
    }

    /// Hangs a piece into the tree, behind the last one. Nodes that were made before the heap refused one stay for the next attempt.
    fn attach<H: HeapRef>(&self, heap: &H, piece: *mut u8) -> Result<(), Refused> {
        // Relaxed, for all loads here: one thread at a time adds. Release, for all stores of pointers: whoever finds one finds
        // what it points to.
        let pieces = self.pieces.load(Ordering::Relaxed);
        let (mut node, mut depth) = split(self.root.load(Ordering::Relaxed));
        if self.above(pieces, depth) != 0 {
            let root = self.new_node(heap)?;
            // SAFETY: A8: the node is new, and the first of its children is on the way to piece 0.
            unsafe { self.child(root, 0, depth) }.store(node, Ordering::Relaxed);
            (node, depth) = (root, depth + 1);
            self.root.store(with_depth(root, depth), Ordering::Release);
        }
        for level in (1..depth).rev() {
            // SAFETY: A8: the node hangs in this tree, so far above the piece.
            let child = unsafe { self.child(node, pieces, level) };
            node = child.load(Ordering::Relaxed);
            if node.is_null() {
                node = self.new_node(heap)?;
                child.store(node, Ordering::Release);
            }
        }
        // SAFETY: A8: it is the node right above the piece.
        unsafe { self.child(node, pieces, 0) }.store(piece, Ordering::Release);
        self.pieces.store(pieces + 1, Ordering::Relaxed);
        Ok(())
    }

    fn new_node<H: HeapRef>(&self, heap: &H) -> Result<*mut u8, Refused> {
        let node = ask(heap, layout_of_class::<H>(self.node))?;
        // SAFETY: A8: the block has a node's layout, and nobody else knows it.
        unsafe { self.clear_node(node) };
        Ok(node.as_ptr())
    }

    /// # Safety
    /// `node` is a block of class `self.node` that nobody else knows.
    unsafe fn clear_node(&self, node: NonNull<u8>) {
        for child in 0..1_usize << self.bits {
            // SAFETY: A8: the block has room for so many children, as the caller says.
            unsafe { node.as_ptr().cast::<Child>().wrapping_add(child).write(AtomicPtr::new(null_mut())) };
        }
    }
}

/// A block; or which one was refused, and why.
fn ask<H: HeapRef>(heap: &H, layout: Layout) -> Result<NonNull<u8>, Refused> {
    heap.allocate(layout).map_err(|error| Refused { layout, error })
}

/// A block of the first of these classes that has one.
#[expect(clippy::cast_possible_truncation, reason = "there are 64 classes at most")]
fn first_of<H: HeapRef>(heap: &H, classes: impl Iterator<Item = usize>) -> Result<(u8, NonNull<u8>), Refused> {
    let mut refused = None;
    for class in classes {
        match ask(heap, layout_of_class::<H>(class as u8)) {
            Ok(block) => return Ok((class as u8, block)),
            Err(what) => refused = refused.or(Some(what)),
        }
    }
    Err(refused.unwrap_or(Refused {
        layout: Layout::new::<Stretch>(),
        error: AllocError::TooLarge { size: STRETCH_BYTES, limit: H::Classes::LARGEST },
    }))
}

fn layout_of_class<H: HeapRef>(class: u8) -> Layout {
    let size = H::Classes::BLOCK_SIZES[class as usize];
    let Ok(layout) = Layout::from_size_align(size, align_of::<Stretch>()) else { unreachable!("a block has a layout") };
    layout
}

fn with_depth(root: *mut u8, depth: u32) -> *mut u8 {
    root.map_addr(|address| address | depth as usize)
}

/// Block sizes in the order in which pieces are made of them: the largest first. But the last are the blocks that stretches are made
/// of, for which those still smaller have use.
fn from_large_to_small<C: SizeClasses>() -> impl Iterator<Item = usize> {
    let smaller = C::BLOCK_SIZES.iter().take_while(|&&block| block < STRETCH_BYTES).count();
    let (smaller, larger) = C::BLOCK_SIZES.split_at(smaller);
    let (least, larger) = larger.split_at(larger.len().min(1));
    larger.iter().rev().chain(smaller).chain(least).copied()
}

/// A root's address and depth.
#[expect(clippy::cast_possible_truncation, reason = "a depth is 15 at most")]
fn split(root: *mut u8) -> (*mut u8, u32) {
    (root.map_addr(|address| address & !DEPTH), (root.addr() & DEPTH) as u32)
}

/// Gives the blocks of a tree back.
///
/// # Safety
/// `node` is a piece if `depth` is 0, or else a node with `1 << bits` children; or it is null. The layouts are a piece's and a node's. All are
/// blocks of this heap, and nobody uses them any more.
unsafe fn free_tree<H: HeapRef>(heap: &H, node: *mut u8, depth: u32, bits: u8, layouts: [Layout; 2]) {
    let Some(block) = NonNull::new(node) else { return };
    if depth > 0 {
        for child in 0..1_usize << bits {
            // SAFETY: A8: a node's children are all initialised.
            let child = unsafe { &*node.cast::<Child>().wrapping_add(child) };
            // Relaxed: the caller is alone.
            let below = child.load(Ordering::Relaxed);
            // SAFETY: A8: what hangs below a node is one level less high, or null.
            unsafe { free_tree(heap, below, depth - 1, bits, layouts) };
        }
    }
    // SAFETY: A8: the caller's promise.
    unsafe { heap.deallocate(block, layouts[usize::from(depth > 0)]) };
}
