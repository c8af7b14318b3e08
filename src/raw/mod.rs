//! The kernel: an untyped bucket allocator with thread caches.
//!
//! ```text
//!  allocate ──► Cache::pop ──(empty)──► refill ──► Bucket::withdraw ──► Bitmap::claim, else the watermark
//!                                                        │ exhausted
//!                                                        └──► the next bucket, then Fallback
//!  deallocate ─► Cache::push ─(full)──► spill ──► Bucket::deposit ──► Bitmap::put
//! ```
//!
//! | file | what it is | whose it is | its verbs |
//! |---|---|---|---|
//! | `os` | address space from the system | | reserve, commit, purge, release |
//! | `os/kept` | addresses that the system would not take back | shared, under its `lock` | push, take |
//! | `buckets/region` | spans side by side in one reservation; pointer ↔ block index | shared, immutable | block, index, locate |
//! | `buckets/bitmap` | one bit a free block, with summary levels above | shared, lock-free | claim, put |
//! | `buckets/share` | how many own a block, beyond the first | shared, lock-free | add, give_up |
//! | `buckets/bucket` | span + bitmap + watermark of one size class | shared, lock-free | withdraw, deposit |
//! | `buckets/bucket/exact` | what is certain of a bucket | shared, under the bucket's `lock` when disturbed | claim_exact, hold |
//! | `buckets/bucket/closed` | pages that must be committed again before a block there is used | shared, lock-free | close, open |
//! | `buckets/bucket/trim` | memory of free pages that goes back to the system | shared, under the bucket's `lock` | trim, use_up |
//! | `buckets/bucket/wanted` | which free blocks were wanted lately: what may go back | shared, hints | taken, put, unwanted |
//! | `cache` | one thread's lanes of chunks | one thread's | pop, push, refill, spill, drain |
//! | `threads/cache_slot` | what one thread has in one heap: its caches and their memory | one thread's | close |
//! | `threads/cache_table` | the cache slots of all threads in one heap | shared | open, close, release_idle_chunks |
//! | `threads/registry` | which thread slots are taken, which heaps live and who used them | shared, under one `lock` and one a slot | claim_slot, release_slot, join, leave |
//! | `threads/thread` | this thread's slot, and its end | one thread's | enter, end |
//! | `fallback` | the system allocator behind a header | shared | allocate, deallocate, reallocate |
//! | `fallback/directory` | a fallback's live blocks by their addresses | shared, each shard under its `lock` | list, unlist, look |
//! | `hardened/canary` | bytes behind a block that an overrun changes | shared, immutable | write, changed |
//! | `hardened/ledger` | which blocks of a hardened heap are live, and for how many bytes | shared, lock-free | enter, strike |
//! | `hardened/quarantine` | freed blocks of a hardened heap that wait before they are used again | shared, under its bucket's `lock` | exchange, release |
//! | `state` | everything a heap owns; builds and releases it, routes around an exhausted bucket | shared | build, release, take, give |
//! | `state/caches` | how a thread gets its caches in a heap | | own_cache, open_cache, close_cache |
//! | `state/purge` | memory that goes back by itself | shared, under its `lock` | come_by, purge |
//! | `state/checks` | what a hardened heap does beside | | hand_out, take_back, held |
//! | `heap/asked` | what a heap is asked about a block | | share_count, bucket_of, usable_size |
//! | `heap/zeroed` | blocks of zeros that nobody had to write | | allocate_zeroed |
//! | `heap/held` | explicit caches | | hold_cache, let_cache_go |
//! | `published` | where a heap's table and state are, once it is built | shared | publish |
//! | `heap` | `RawHeap`: the fast paths, and where a static heap is built | shared | allocate, deallocate, reallocate |
//! | `testing/poison` | what a checking tool is told of free blocks | | handed_out, given_back |
//! | `os/clock` | what time it is, roughly; in tests, what they say | | now |
//! | `testing/refusal` | in tests: the system refuses | | due |
//! | `fault` | the message and the abort when memory was misused | | |
//!
//! # Invariants
//!
//! A `SAFETY` comment cites these by number. docs/SAFETY.md says how each is tested.
//!
//! - **I1 reservation.** A heap's region, side table and cache table lie in one reservation, which the heap's `State`
//!   owns from its construction to its release and nobody else maps over. Committed parts are readable and writable
//!   and read as zero until first written. References may lead beyond them, and nobody reads or writes there.
//! - **I2 block.** Block `i` of a bucket with `i < limit` lies wholly inside the committed part of its span, but for pages that are closed (I15).
//!   Only `Span::block` makes pointers into a span, and it is given no other `i`.
//! - **I3 one owner.** Every block below its bucket's watermark is in exactly one of these states: its free bit is set;
//!   its pointer is parked in one slot of one thread cache; it waits in one cell of the bucket's quarantine; one thread holds
//!   it claimed, between two of these; it is live, the caller's. A block at or above the watermark is in none of them.
//! - **I4 quiet.** Nobody reads or writes a block it does not own. The allocator owns a block it holds claimed, a thread
//!   one that is parked in its cache.
//! - **I5 cache of one thread.** The caches of cache slot `s > 0` are written only by the thread that holds thread slot
//!   `s`; a slot changes hands under the registry's lock. In a fork's child the slots of the threads that did not come along are free, and
//!   their caches were made zero before, whatever state they were in. A cache is opened and closed under its table's lock, and under that
//!   lock others look at its atomics, and give back the memory that its chunks lie in while it is closed.
//! - **I6 zero cache.** A cache of zero bytes is empty and full: every pop and every push on it fails and writes
//!   nothing. Cache slot 0 and `raw::threads::shortcut::EMPTY` stay zero for ever, and so do all cache slots of a hardened heap. Who looks for a heap's table has
//!   a reference to a heap that is built, and is given one by nobody before: until then calls bring a shortcut along.
//! - **I7 lane.** Every chunk of an open lane has 64 slots, starts at a multiple of its size and takes `L <= 63` blocks. The
//!   alloc cursor lies between slots 0 and `L` of one chunk, the free cursor between slots `64 - L` and 64 of another; the numbers of all
//!   other chunks stand in the order, once each. Slots 1 up to the alloc cursor, slots `64 - L` up to but not including the free cursor,
//!   and slots `64 - L` to 63 of the first `full` chunks in the order hold blocks parked under I3; those that the lane is putting back into the bucket
//!   stand there until that is done. A lane that keeps few blocks has one chunk, which takes those: its free cursor is null, and it has no order. An open
//!   cache has no more spans than lanes, and its lanes beyond the spans are zero bytes.
//! - **I8 registry.** A heap on the registry's list has a valid `State`; it leaves the list, under the registry's lock, before
//!   anything of it is released. An entry on a slot's list lies in such a heap, in the cache slot of that slot; it is there before the slot's
//!   thread has a cache in the heap, and until that thread's end has closed it or the heap ends. Lists are read and changed under their
//!   slot's lock, which a thread's end holds while it is in a heap, and which a heap that ends takes to go off the list. The table and the
//!   state that a `RawHeap` shows to threads are made before they are shown, and the same until it is dropped.
//! - **I9 header.** A fallback block is preceded by its `Header`, written before the block is handed out, and listed in the directory exactly
//!   as long as the block is live. Link and bytes asked for are read and written under the shard's lock; the rest only by the calls that
//!   own the block, which found the header there. Rows and banks of a shard belong to its lock.
//! - **I10 caller.** The caller of an unsafe function of this module kept that function's contract.
//! - **I11 share count.** Each block has one `ShareCount`: a bucket's in the side table, committed before the bucket's limit reaches the block, a fallback
//!   block's in its header. It is
//!   zero unless the block is live, and then it is the number of the block's owners beyond the first (for a moment of
//!   `give_up`, the last owner's, one less). Owners share out the block among themselves: what one of them may write,
//!   no other may touch. Only an owner makes another one; the last one alone gives the block back or moves it.
//! - **I12 shortcut.** A shortcut leads to an empty cache that is never written, or to the cache that its thread has in the table of the one
//!   static heap, never dropped, whose type it belongs to. It lies in its thread's memory, where it stays until the thread has ended: where
//!   thread-locals are no such place (`thread::NATIVE`) there are none. Nobody else reads it. Those that lead to a cache are on their
//!   thread's list, and the thread's `end` sets them all back before it gives up the slot, after which it sets no other.
//! - **I13 one type, one heap.** Whatever is taken for a `Heap<C>` was built for the table `C`: `Heap`, `HeapBuilder`, `Settings` and `Class`
//!   are invariant in `C`. Whatever is taken for a value of a `HeapRef` refers to the heap that its blocks come from: a type and its
//!   subtype refer to one heap, by the contracts of `HeapRef` and `StaticHeap`, of which a struct without parameters has none.
//! - **I14 own pointers.** Of a pointer that a caller gives back only the address is used. The block is reached, and handed out again, by a pointer
//!   made from the bucket's or the reservation's (`Lane::own`, `State::own`), which has the right to all of it.
//! - **I15 committed.** Where the system counts what is committed (`os::COUNTED`), purged pages are not, until they are committed again. A page of a
//!   span is marked in the bucket's `Closed` from before it is purged until after it is committed. Who purges it holds all its blocks claimed; a block
//!   that is live, parked, waiting, or in the hands of who withdrew it lies in no marked page. Of the side table the state and the buckets are
//!   committed; of each bucket what stands for its blocks below the limit, and at least for one; of the table the cache slots below the
//!   registry's `committed`, in every heap that is listed, and no thread has another slot. Elsewhere all of it is, and no page is marked.

pub(crate) mod buckets;
pub(crate) mod cache;
#[cfg(all(test, not(any(loom, shuttle, miri))))]
mod crowds;
pub(crate) mod fallback;
pub(crate) mod fault;
pub(crate) mod hardened;
pub(crate) mod heap;
pub(crate) mod lock;
pub(crate) mod os;
pub(crate) mod published;
pub(crate) mod state;
pub(crate) mod testing;
pub(crate) mod threads;
