//! Heaps with every mixture of their settings, for random programs.

use std::time::Duration;

use proptest::prelude::*;
use smarena::{CacheWarmup, Exhausted, Heap, Linear, Purge};

pub(crate) type Classes = Linear<8>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) bucket_bytes: usize,
    pub(crate) exhausted: Exhausted,
    /// `None` for no caches.
    pub(crate) cache: Option<(usize, CacheWarmup)>,
    hardened: bool,
    pub(crate) canary: bool,
    /// Frees of a bucket that a block waits for at least.
    delayed_reuse: usize,
    zero_on_free: bool,
    purge: Purge,
}

impl Setting {
    pub(crate) fn build(&self) -> Heap<Classes> {
        let builder = Heap::<Classes>::builder()
            .bucket_bytes(self.bucket_bytes)
            .on_exhausted(self.exhausted)
            .hardened(self.hardened)
            .canary(self.canary)
            .delayed_reuse(self.delayed_reuse)
            .zero_on_free(self.zero_on_free)
            .purge(self.purge);
        let builder = match self.cache {
            Some((bytes, warmup)) => builder.thread_cache(bytes, warmup),
            None => builder.no_thread_cache(),
        };
        builder.build().unwrap()
    }

    /// Whether the heap keeps book of its blocks.
    pub(crate) fn is_hardened(&self) -> bool {
        self.hardened || self.canary || self.delayed_reuse > 0
    }
}

pub(crate) fn warmup() -> impl Strategy<Value = CacheWarmup> {
    prop_oneof![Just(CacheWarmup::Cold), Just(CacheWarmup::Warm), Just(CacheWarmup::Hot)]
}

pub(crate) fn cache_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![0..200_usize, Just(1 << 10), Just(64 << 10)]
}

fn exhausted(bucket_bytes: usize) -> impl Strategy<Value = Exhausted> {
    let grow = (128..20_000_usize).prop_map(move |more| Exhausted::Grow { reserve: bucket_bytes + more });
    prop_oneof![Just(Exhausted::NextBucketThenFallback), Just(Exhausted::Refuse), grow]
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let bucket_bytes = prop_oneof![128..1000_usize, 128..10_000_usize];
    let cache = prop::option::of((cache_bytes(), warmup()));
    let hardening = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop_oneof![4 => Just(0), 1 => 1..6_usize]);
    let purge = prop_oneof![Just(Purge::Never), Just(Purge::AtOnce), Just(Purge::After(Duration::ZERO))];
    let sizes = bucket_bytes.prop_flat_map(|bytes| (Just(bytes), exhausted(bytes)));
    (sizes, cache, hardening, prop::bool::weighted(0.2), purge).prop_map(
        |((bucket_bytes, exhausted), cache, (hardened, canary, delayed_reuse), zero_on_free, purge)| Setting {
            bucket_bytes,
            exhausted,
            cache,
            hardened,
            canary,
            delayed_reuse,
            zero_on_free,
            purge,
        },
    )
}
