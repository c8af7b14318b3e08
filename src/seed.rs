//! For those who come from smmalloc for .NET: what each of its usage snippets is here. Documentation only.
//!
//! The .NET code itself runs unchanged on this crate's C interface (feature `capi`; the repository's `docs/examples/dotnet`). In Rust there are two
//! ways to say the same: the raw calls, and owners, which need no `unsafe` and no free.
//!
//! | `SmmallocInstance` | raw | with owners |
//! |---|---|---|
//! | `new SmmallocInstance(8, bytes)` | [`Heap::<Linear<8>>::new(bytes)`](crate::Heap::new) | the same |
//! | `Dispose()` | the heap's drop | the same |
//! | `CreateThreadCache(bytes, option)` | [`Heap::thread_cache`](crate::Heap::thread_cache) | the same |
//! | `DestroyThreadCache()` | the guard's drop | the same |
//! | `Malloc(n, alignment)` | [`Heap::malloc`](crate::Heap::malloc) | [`SmBuf::with_capacity_in`](crate::SmBuf::with_capacity_in), [`SmBox::new_in`](crate::SmBox::new_in) |
//! | `Free(p)`, `Free(batch)` | [`Heap::free`](crate::Heap::free), [`Heap::free_batch`](crate::Heap::free_batch) | the owner's drop |
//! | `Realloc(p, n, alignment)` | [`Heap::realloc`](crate::Heap::realloc) | a buffer grows by itself, or by [`SmBuf::reserve`](crate::SmBuf::reserve) |
//! | `Size(p)` | [`Heap::usable_size`](crate::Heap::usable_size) | [`SmBuf::capacity`](crate::SmBuf::capacity) |
//! | `Bucket(p)` | [`Heap::bucket_of`](crate::Heap::bucket_of) | |
//!
//! # Create an instance
//!
//! The number of buckets is a part of the heap's type.
//!
//! ```
//! use smarena::{Heap, Linear};
//!
//! // 8 buckets, 16 MB each, 128 bytes maximum block size
//! let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! # assert_eq!(smmalloc.stats().buckets().len(), 8);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! # Destroy it and free its memory
//!
//! A heap is destroyed when it is dropped, and cannot be used afterwards:
//!
//! ```
//! # use smarena::{Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! drop(smmalloc);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! ```compile_fail,E0505
//! # use smarena::{Heap, Linear, SmBuf};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024).unwrap();
//! let buffer = SmBuf::with_capacity_in(64, &smmalloc);
//! drop(smmalloc); // the buffer still borrows it
//! drop(buffer);
//! ```
//!
//! # Create and destroy the current thread's cache
//!
//! ```
//! # use smarena::{CacheWarmup, Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! // 4 KB of thread cache for each bucket, hot warmup
//! let cache = smmalloc.thread_cache(4 * 1024, CacheWarmup::Hot);
//! # assert!(smmalloc.stats().buckets()[3].cached > 0);
//! drop(cache);
//! # assert_eq!(smmalloc.stats().buckets()[3].cached, 0);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! # Allocate and release a block
//!
//! ```
//! # use smarena::{Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! // 64 bytes of a memory block
//! let pointer = smmalloc.malloc(64, 0)?;
//! # assert_eq!(smmalloc.bucket_of(pointer), Some(3));
//! // SAFETY: live, from this heap, not used any more.
//! unsafe { smmalloc.free(pointer) };
//! # assert_eq!(smmalloc.stats().live(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```
//! # use smarena::{Heap, Linear, SmBuf};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! let buffer = SmBuf::with_capacity_in(64, &smmalloc);
//! assert_eq!(buffer.capacity(), 64);
//! drop(buffer);
//! # assert_eq!(smmalloc.stats().live(), 0);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! # Write data to a block
//!
//! As with `Marshal`, byte by byte through the pointer:
//!
//! ```
//! # use smarena::{Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! # let pointer = smmalloc.malloc(64, 0)?;
//! let mut data = 0_u8;
//!
//! // SAFETY: a live block of this heap, which has so many bytes.
//! unsafe {
//!     for i in 0..smmalloc.usable_size(pointer) {
//!         pointer.add(i).write(data);
//!         data += 1;
//!     }
//! }
//! # assert_eq!(data, 64);
//! # // SAFETY: live, from this heap, not used any more.
//! # unsafe { smmalloc.free(pointer) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! As with `Span`:
//!
//! ```
//! # use smarena::{Heap, Linear, SmBuf};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! let mut buffer = SmBuf::with_capacity_in(64, &smmalloc);
//! buffer.resize(64, 0);
//! let mut data = 0_u8;
//!
//! for i in 0..buffer.len() {
//!     buffer[i] = data;
//!     data += 1;
//! }
//! # assert_eq!(buffer[63], 63);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! # Read data from a block
//!
//! As with `Marshal`:
//!
//! ```
//! # use smarena::{Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! # let pointer = smmalloc.malloc(64, 0)?;
//! # // SAFETY: live, 64 bytes.
//! # unsafe { pointer.write_bytes(3, 64) };
//! let mut sum = 0;
//!
//! // SAFETY: a live block of this heap, which has so many bytes, all of them written.
//! unsafe {
//!     for i in 0..smmalloc.usable_size(pointer) {
//!         sum += i32::from(pointer.add(i).read());
//!     }
//! }
//! # assert_eq!(sum, 3 * 64);
//! # // SAFETY: live, from this heap, not used any more.
//! # unsafe { smmalloc.free(pointer) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! As with `Span`:
//!
//! ```
//! # use smarena::SmBuf;
//! # let buffer = SmBuf::from(&[3; 64]);
//! let mut sum = 0;
//!
//! for value in buffer.iter() {
//!     sum += i32::from(*value);
//! }
//! # assert_eq!(sum, 3 * 64);
//! ```
//!
//! # Copy data
//!
//! As with `Marshal.Copy`, between a block and a slice:
//!
//! ```
//! # use smarena::{Heap, Linear, SmBuf};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! # let mut buffer = SmBuf::with_capacity_in(64, &smmalloc);
//! # buffer.resize(64, 5);
//! let mut data = [0_u8; 64];
//!
//! // Copy from the block
//! data.copy_from_slice(&buffer);
//! # assert_eq!(data, [5; 64]);
//! # data = [6; 64];
//!
//! // Copy to the block
//! buffer.copy_from_slice(&data);
//! # assert_eq!(buffer[..], [6; 64]);
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! As with `Buffer.MemoryCopy`, between pointers:
//!
//! ```
//! # use smarena::{Heap, Linear};
//! # let smmalloc = Heap::<Linear<8>>::new(16 * 1024 * 1024)?;
//! # let pointer = smmalloc.malloc(64, 0)?;
//! # // SAFETY: live, 64 bytes.
//! # unsafe { pointer.write_bytes(5, 64) };
//! let mut data = [0_u8; 64];
//!
//! // SAFETY: a live block of 64 bytes, and an array of as many apart from it.
//! unsafe {
//!     // Copy from the block
//!     data.as_mut_ptr().copy_from_nonoverlapping(pointer.as_ptr(), 64);
//! #   assert_eq!(data, [5; 64]);
//! #   data = [6; 64];
//!
//!     // Copy to the block
//!     pointer.as_ptr().copy_from_nonoverlapping(data.as_ptr(), 64);
//! }
//! # // SAFETY: live, 64 bytes, written.
//! # assert_eq!(unsafe { pointer.as_ptr().cast::<[u8; 64]>().read() }, [6; 64]);
//! # // SAFETY: live, from this heap, not used any more.
//! # unsafe { smmalloc.free(pointer) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Differences
//!
//! - `cache_size` counts bytes of blocks for each bucket, as the .NET documentation says; the C interface counts blocks, as the library behind it did.
//! - A thread that creates no cache has a small one by itself, 64 KiB of blocks of each size in a Rust heap
//!   ([`HeapBuilder::no_thread_cache`](crate::HeapBuilder::no_thread_cache) for none), and through the C interface of a 256th of a bucket's bytes at most. There a thread that has called
//!   `DestroyThreadCache` has none until it creates one.
//! - `malloc` gives an error that says why, not a null pointer.
//! - An alignment is honoured by `realloc` too, and when a bucket is exhausted.
