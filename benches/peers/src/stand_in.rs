//! A stand-in with smarena's interface over the system's malloc, so that the comparison builds while the heap is being written.

use core::marker::PhantomData;
use core::ptr::NonNull;

use smarena::{AllocError, ConfigError};

/// Size classes of the stand-in, which has none.
pub struct Linear<const N: usize>;

/// Size classes of the stand-in, which has none.
pub struct Piecewise<const N: usize>;

/// How full a thread's cache starts.
pub enum CacheWarmup {
    /// Empty.
    Cold,
}

/// The system's malloc in a heap's clothes.
pub struct Heap<C>(PhantomData<fn() -> C>);

/// The same for a thread's cache.
pub struct ThreadCache<'h, C>(&'h Heap<C>);

/// Builds a [`Heap`].
pub struct Builder<C>(PhantomData<fn() -> C>);

impl<C> Builder<C> {
    pub fn bucket_bytes(self, _: usize) -> Self {
        self
    }

    pub fn thread_cache(self, _: usize, _: CacheWarmup) -> Self {
        self
    }

    pub fn build(self) -> Result<Heap<C>, ConfigError> {
        Ok(Heap(PhantomData))
    }
}

impl<C> Heap<C> {
    pub fn new(_: usize) -> Result<Self, ConfigError> {
        Ok(Self(PhantomData))
    }

    pub fn builder() -> Builder<C> {
        Builder(PhantomData)
    }

    #[inline(always)]
    pub fn malloc(&self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: no precondition.
        let block = unsafe { libc::malloc(size) };
        NonNull::new(block.cast()).ok_or(AllocError::OutOfMemory { size, align })
    }

    /// # Safety
    /// `block` is live and of this heap.
    #[inline(always)]
    pub unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { libc::free(block.as_ptr().cast()) };
    }

    /// # Safety
    /// `block` is live and of this heap.
    #[inline(always)]
    pub unsafe fn realloc(
        &self,
        block: NonNull<u8>,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        let block = unsafe { libc::realloc(block.as_ptr().cast(), size) };
        NonNull::new(block.cast()).ok_or(AllocError::OutOfMemory { size, align })
    }

    pub fn thread_cache(&self, _: usize, _: CacheWarmup) -> ThreadCache<'_, C> {
        ThreadCache(self)
    }

    pub fn trim(&self) -> usize {
        0
    }
}

impl<C> ThreadCache<'_, C> {
    #[inline(always)]
    pub fn alloc(&self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        self.0.malloc(size, align)
    }

    /// # Safety
    /// `block` is live and of this cache's heap.
    #[inline(always)]
    pub unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.0.free(block) };
    }
}
