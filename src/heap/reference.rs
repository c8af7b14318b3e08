//! `HeapRef`: how an owner of blocks refers to its heap.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::sync::Arc;

use super::shortcut::by_type;
use super::{Heap, LazyHeap, ShareCount, StaticHeap};
use crate::class::{Class, SizeClasses};
use crate::error::AllocError;

/// A reference to a heap, as a box, buf or pool holds it: what gives its block back.
///
/// Implemented for `&Heap<C>` and `&LazyHeap<C>` (the borrow checker keeps the heap alive), `Arc<Heap<C>>` (the last owner drops it), and every
/// [`StaticHeap`], [`Global`](crate::Global) among them, which take no room at all.
///
/// # Safety
/// The heap that blocks come from stays in place, and they stay valid, as long as any clone of the reference that allocated them exists; every
/// clone, also after a move, or taken for a type that it is a subtype of, refers to the same heap. `Classes` are that heap's size classes. `allocate` and
/// `reallocate` return blocks of at least the layout's size and alignment that nobody else uses, `share_count` keeps what it says, and no method unwinds.
/// (But a [`PoolHeap`](crate::PoolHeap), which allocates nothing, may when it has taken a block back: a waker of one who waits for that may panic.)
///
/// ```
/// use core::alloc::Layout;
/// use smarena::{Global, HeapRef};
///
/// let layout = Layout::new::<[u64; 4]>();
/// let block = Global.allocate(layout)?;
/// // SAFETY: from the same heap, with the same layout, once.
/// unsafe { Global.deallocate(block, layout) };
/// # Ok::<(), smarena::AllocError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no reference to a heap",
    label = "for a `Heap` named `heap`, give `&heap`",
    note = "an owner's heap is `Global`, the type that `static_heap!` made, `&Heap<_>` or `Arc<Heap<_>>`; a parameter that stands for any of them is bound by `HeapRef`, and what is made in one by calls that end in `_in`"
)]
pub unsafe trait HeapRef: Clone {
    /// The heap's size classes.
    type Classes: SizeClasses;

    /// A block for `layout`: any size, 0 too; any alignment that the system serves, and from buckets up to 4096. Its content is undefined.
    ///
    /// # Errors
    /// [`AllocError`]; the heap is as it was.
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// As [`allocate`](Self::allocate), and the layout's bytes are zero.
    ///
    /// # Errors
    /// As `allocate`.
    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.allocate(layout)?;
        // SAFETY: I4: ours, and at least so many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        Ok(block)
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` came from this heap with this `layout`, is live, and is not used any more.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout);

    /// As [`deallocate`](Self::deallocate), for a layout that the compiler does not know: the bucket is found by the block's address,
    /// which takes less than looking up the class.
    ///
    /// # Safety
    /// As `deallocate`.
    #[inline]
    unsafe fn deallocate_by_address(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.deallocate(block, layout) }
    }

    /// As [`deallocate_by_address`](Self::deallocate_by_address), if this thread's cache has room at hand; says whether it had. If not, nothing was
    /// done. For who has more to do when a block is back, and spares a call in between.
    ///
    /// # Safety
    /// As `deallocate`, if the answer is yes.
    #[inline]
    unsafe fn park(&self, block: NonNull<u8>) -> bool {
        let _ = block;
        false
    }

    /// As [`allocate`](Self::allocate) for [`class.layout()`](Class::layout), without looking for the class.
    ///
    /// # Errors
    /// As `allocate`.
    #[inline]
    fn allocate_class(&self, class: Class<Self::Classes>) -> Result<NonNull<u8>, AllocError> {
        self.allocate(class.layout())
    }

    /// As [`allocate_class`](Self::allocate_class) for an owner that was asked for so many bytes and has use for the whole block, as a buffer has.
    /// Where it matters what programs ask for, the number counts: to a recorder.
    ///
    /// # Errors
    /// As `allocate`.
    #[inline(always)]
    fn allocate_class_for(&self, class: Class<Self::Classes>, _bytes: usize) -> Result<NonNull<u8>, AllocError> {
        self.allocate_class(class)
    }

    /// As [`deallocate`](Self::deallocate) for [`class.layout()`](Class::layout), without looking for the class.
    ///
    /// # Safety
    /// As `deallocate`.
    #[inline]
    unsafe fn deallocate_class(&self, block: NonNull<u8>, class: Class<Self::Classes>) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.deallocate(block, class.layout()) }
    }

    /// The count of the block's owners, by which [`SmBytes`](crate::SmBytes) and split buffers share it.
    ///
    /// It is the same one for every clone of the heap reference, as new when the block is handed out, in place until the block
    /// is given back or reallocated, and nobody else's business meanwhile. `deallocate` is called once, by the last owner, with the
    /// layout the block was allocated or last reallocated with; `reallocate` only by an owner that is the only one.
    ///
    /// # Safety
    /// `block` came from this heap with this `layout` and is live; the caller owns it or shares it.
    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount>;

    /// A block for `new` with the content of `block` up to the smaller size. The heaps of this crate never refuse one that
    /// is smaller, and no more aligned than `block` is: where no smaller block is free it stays the same.
    ///
    /// # Safety
    /// As [`deallocate`](Self::deallocate) with the layout `old` on success, unless the same block is returned. `old` is what a call that
    /// takes layouts was last told: a raw [`realloc`](Heap::realloc) leaves a block where it fits, even where the class that would serve
    /// its new size has larger ones.
    ///
    /// # Errors
    /// [`AllocError`]; then `block` is still live and as it was.
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Runs `work` if this kind of reference may be used by other threads and is bound to no borrow, as all but `&Heap` are; otherwise, and
    /// where an implementation does not say so, gives it back.
    ///
    /// So code for any heap can do what only such heaps allow: let a `bytes::Bytes`, which may go anywhere, hold a block. An implementation
    /// says `Ok(work.run())`, and the compiler sees to it that it is true.
    ///
    /// # Errors
    /// `work`, if it was not run.
    ///
    /// ```
    /// use smarena::{Global, Heap, HeapRef, IfStatic, Linear};
    ///
    /// struct Say;
    /// impl<H> IfStatic<H> for Say {
    ///     type Output = &'static str;
    ///     fn run(self) -> &'static str where H: Send + Sync + 'static { "bound to nothing" }
    /// }
    /// assert_eq!(Global::if_static(Say).ok(), Some("bound to nothing"));
    /// assert!(<&Heap<Linear<8>>>::if_static(Say).is_err());
    /// ```
    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        Err(work)
    }

    /// Whether `other` is a reference to the same heap. Where an implementation does not say so, it is not: then a buffer copies what it could
    /// have taken over, so that it never leaves its heap.
    ///
    /// ```
    /// use smarena::{Global, Heap, HeapRef, Linear};
    ///
    /// let (heap, another) = (Heap::<Linear<8>>::new(1 << 16)?, Heap::<Linear<8>>::new(1 << 16)?);
    /// assert!(Global.is_same(&Global) && (&heap).is_same(&&heap) && !(&heap).is_same(&&another));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    fn is_same(&self, other: &Self) -> bool {
        let _ = other;
        false
    }
}

/// What can be done only if a heap's reference may be used by other threads and is bound to no borrow: see [`HeapRef::if_static`].
///
/// ```
/// use smarena::IfStatic;
///
/// struct Work;
/// impl<H> IfStatic<H> for Work {
///     type Output = u32;
///     fn run(self) -> u32 where H: Send + Sync + 'static { 5 }
/// }
/// ```
pub trait IfStatic<H>: Sized {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run(self) -> Self::Output
    where
        H: Send + Sync + 'static;
}

/// Writes the same impl for one kind of reference, from its heap and the cache that this thread has for it, if the reference says so by itself.
macro_rules! heap_ref {
    ($(#[$attribute:meta])* $type:ty, <$generic:ident: $bound:ident>, $Classes:ty, |$this:ident| $called:expr, $($item:item)+) => {
        $(#[$attribute])*
        // SAFETY: I10, I13: the heap stays alive and in place as long as the reference, and a clone leads to the same one: a borrow, a count, or
        // one static for the whole type, and statics are never dropped.
        unsafe impl<$generic: $bound> HeapRef for $type {
            type Classes = $Classes;

            #[inline(always)]
            fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                let $this = self;
                $called.allocate(layout)
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                let $this = self;
                $called.allocate_zeroed(layout)
            }

            #[inline(always)]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.deallocate(block, layout) }
            }

            #[inline(always)]
            unsafe fn deallocate_by_address(&self, block: NonNull<u8>, layout: Layout) {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.deallocate_by_address(block, layout) }
            }

            #[inline(always)]
            unsafe fn park(&self, block: NonNull<u8>) -> bool {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.park(block) }
            }

            #[inline(always)]
            fn allocate_class(&self, class: Class<$Classes>) -> Result<NonNull<u8>, AllocError> {
                let $this = self;
                $called.allocate_class(class)
            }

            #[inline(always)]
            unsafe fn deallocate_class(&self, block: NonNull<u8>, class: Class<$Classes>) {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.deallocate_class(block, class) }
            }

            #[inline]
            unsafe fn share_count(&self, block: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.heap.share_count(block) }
            }

            #[inline(always)]
            unsafe fn reallocate(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<u8>, AllocError> {
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.reallocate(block, old, new) }
            }

            $($item)+
        }
    };
}

heap_ref! {
    &Heap<C>, <C: SizeClasses>, C, |this| this.called(),
    fn is_same(&self, other: &Self) -> bool {
        core::ptr::eq(*self, *other)
    }
}

heap_ref! {
    &LazyHeap<C>, <C: SizeClasses>, C, |this| this.called(),
    fn is_same(&self, other: &Self) -> bool {
        core::ptr::eq(*self, *other)
    }
}

heap_ref! {
    Arc<Heap<C>>, <C: SizeClasses>, C, |this| this.called(),
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other)
    }
    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        Ok(work.run())
    }
}

heap_ref! {
    // Who gives a `Heap` is told of `&Heap`, and who forgot a bound of the one that lets all heaps in.
    #[diagnostic::do_not_recommend]
    S, <S: StaticHeap>, S::Table, |this| by_type(this),
    fn is_same(&self, _: &Self) -> bool {
        true
    }
    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        Ok(work.run())
    }
}
