//! Test doubles for the owners: a heap that keeps books, and values that count how many of them are alive.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod setting;
pub(crate) mod tracked;

use std::alloc::Layout;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use smarena::{AllocError, Geometric, HeapRef, IfStatic, ShareCount};

/// What the heap fills a block with, for code that reads what it has not written.
pub(crate) const POISON: u8 = 0xA5;

/// A counted heap that writes down every block, refuses when told to, and never gives the same address for a grown block.
///
/// Misuse is noted and not carried out; [`settle`](CountingHeap::settle) reports it, and what is still out.
#[derive(Clone, Default)]
pub(crate) struct CountingHeap(Arc<Mutex<Books>>);

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Books {
    live: HashMap<usize, (Layout, Box<ShareCount>)>,
    /// The heap's own pointer to each live block: one that comes back may have been narrowed to a part of it.
    own: HashMap<usize, AtomicPtr<u8>>,
    /// Layouts asked for, granted or not, in order.
    asked: Vec<Layout>,
    faults: Vec<String>,
    /// What the block held that was given back last.
    came_back: Vec<u8>,
    /// What is done when a block's count is looked up so many times more.
    at_look_up: Option<(usize, Action)>,
    /// Calls that are still granted, if that is bounded.
    calls_left: Option<usize>,
    /// The largest layout granted, if that is bounded.
    largest: Option<usize>,
}

impl CountingHeap {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Grants `calls` more allocations and reallocations and refuses the rest.
    pub(crate) fn refuse_after(&self, calls: usize) {
        self.books().calls_left = Some(calls);
    }

    /// Grants everything again.
    pub(crate) fn refuse_nothing(&self) {
        self.books().calls_left = None;
    }

    /// Refuses what is larger than `bytes`.
    pub(crate) fn refuse_above(&self, bytes: usize) {
        self.books().largest = Some(bytes);
    }

    pub(crate) fn live(&self) -> usize {
        self.books().live.len()
    }

    /// The first address of the live block that `byte` lies in or at the end of.
    pub(crate) fn block_around(&self, byte: *const u8) -> Option<usize> {
        let books = self.books();
        let mut blocks = books.live.iter().map(|(&first, (layout, _))| (first, layout.size()));
        blocks.find(|&(first, size)| (first..=first + size).contains(&byte.addr())).map(|(first, _)| first)
    }

    /// How often the heap was asked for a block.
    pub(crate) fn asked(&self) -> usize {
        self.books().asked.len()
    }

    /// The last layout it was asked for.
    pub(crate) fn last_asked(&self) -> Layout {
        *self.books().asked.last().expect("the heap was asked for a block")
    }

    /// What the block held that was given back last.
    pub(crate) fn came_back(&self) -> Vec<u8> {
        self.books().came_back.clone()
    }

    /// Does something in the `number`th look-up of a share count from now on, before the count is used: what another thread might do there.
    pub(crate) fn at_look_up(&self, number: usize, action: impl FnOnce() + Send + 'static) {
        self.books().at_look_up = Some((number, Box::new(action)));
    }

    /// Does it now, if it was not done yet.
    pub(crate) fn at_last(&self) {
        let action = self.books().at_look_up.take();
        if let Some((_, action)) = action {
            action();
        }
    }

    /// How many references to this heap there are.
    pub(crate) fn references(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Fails unless every block came back exactly once, with its own layout.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let books = self.books();
        assert!(books.faults.is_empty(), "misuse of the heap: {:?}", books.faults);
        assert!(books.live.is_empty(), "blocks that did not come back: {:?}", books.live);
    }

    /// Gives up one reference that was leaked together with its owner.
    ///
    /// # Safety
    /// There is one that nobody will ever drop.
    pub(crate) unsafe fn forget_one_reference(&self) {
        // SAFETY: as the caller promises, the count is one too high.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.0)) };
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

impl Books {
    fn grant(&mut self, layout: Layout) -> Result<(), AllocError> {
        self.asked.push(layout);
        if let Some(limit) = self.largest.filter(|&limit| layout.size() > limit) {
            return Err(AllocError::TooLarge { size: layout.size(), limit });
        }
        match &mut self.calls_left {
            Some(0) => Err(AllocError::Exhausted { heap: "books", bucket: 7, block_size: layout.size(), blocks: 1 }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn create(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: the size is not zero.
        let block = NonNull::new(unsafe { std::alloc::alloc(backing(layout)) }).expect("the system has memory");
        // SAFETY: a block of this size.
        unsafe { block.write_bytes(POISON, layout.size()) };
        self.live.insert(block.addr().get(), (layout, Box::default()));
        self.own.insert(block.addr().get(), AtomicPtr::new(block.as_ptr()));
        block
    }

    /// If `block` is live with this `layout`, strikes it off; the heap's own pointer to it.
    fn strike(&mut self, block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
        match self.live.get(&block.addr().get()) {
            Some((known, _)) if *known == layout => {
                self.live.remove(&block.addr().get());
                NonNull::new(self.own.remove(&block.addr().get())?.into_inner())
            }
            known => {
                self.faults.push(format!("{block:?} came back with {layout:?}, known as {known:?}"));
                None
            }
        }
    }
}

/// The system allocator has no blocks of size 0; the heap has.
fn backing(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size().max(1), layout.align()).unwrap()
}

// SAFETY: blocks come from the system allocator and stay valid until they are given back; all clones share the books.
unsafe impl HeapRef for CountingHeap {
    type Classes = Geometric<40>;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let mut books = self.books();
        books.grant(layout)?;
        Ok(books.create(layout))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let mut books = self.books();
        if let Some(block) = books.strike(block, layout) {
            let content = NonNull::slice_from_raw_parts(block, layout.size());
            // SAFETY: live until a moment ago, and poisoned when it was new: there is no byte that was never written.
            books.came_back = unsafe { content.as_ref() }.to_vec();
            // SAFETY: created with this layout, and live until a moment ago.
            unsafe { std::alloc::dealloc(block.as_ptr(), backing(layout)) };
        }
    }

    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        let mut books = self.books();
        let due = match &mut books.at_look_up {
            Some((left, _)) => {
                *left -= 1;
                *left == 0
            }
            None => false,
        };
        drop(books);
        if due {
            self.at_last();
        }
        let books = self.books();
        let (known, count) = books.live.get(&block.addr().get()).expect("a live block");
        assert_eq!(*known, layout, "{block:?} is shared under another layout");
        NonNull::from(&**count)
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        let mut books = self.books();
        books.grant(new)?;
        let moved = books.create(new);
        if let Some(block) = books.strike(block, old) {
            // SAFETY: two different blocks, both at least this large.
            unsafe { moved.copy_from_nonoverlapping(block, old.size().min(new.size())) };
            // SAFETY: created with this layout, and live until a moment ago.
            unsafe { std::alloc::dealloc(block.as_ptr(), backing(old)) };
        }
        Ok(moved)
    }

    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        Ok(work.run())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.live.is_empty(), "the heap was dropped before its blocks came back: {:?}", self.live);
        }
    }
}

/// Counts the [`Counted`] values that are alive.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicUsize>);

impl Census {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn value(&self, number: u64) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { number: Box::new(number), census: self.clone() }
    }
}

/// A value that owns memory (so that a double drop is a double free) and is counted.
pub(crate) struct Counted {
    number: Box<u64>,
    census: Census,
}

impl Counted {
    pub(crate) fn number(&self) -> u64 {
        *self.number
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.value(*self.number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.census.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0 || std::thread::panicking(), "a value was dropped twice");
    }
}

/// The text that `action` panics with.
#[track_caller]
pub(crate) fn panic_text(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("it did not panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic with a text")).to_owned(),
    }
}
