//! The statistics of pools and heaps for the `metrics` crate.

use metrics::{SharedString, counter, gauge};

use crate::pool::PoolStats;
use crate::stats::{BucketStats, Fallbacks, HeapStats};

impl PoolStats {
    /// Sets gauges and a counter of whatever recorder the program has installed: to be called from time to time.
    ///
    /// `smarena_pool_in_flight`, `_limit`, `_peak`, `_grown`, `_waiting`, `_congested` (0 or 1) are gauges, `smarena_pool_refusals` is a
    /// counter; each has the label `pool` with this name. The pool itself publishes nothing, so acquiring costs no more.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().build()?;
    /// pool.stats().publish("packets");
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn publish(&self, pool: impl Into<SharedString>) {
        let pool = pool.into();
        for (name, value) in [
            ("smarena_pool_in_flight", self.in_flight),
            ("smarena_pool_limit", self.limit),
            ("smarena_pool_peak", self.peak),
            ("smarena_pool_grown", self.grown),
            ("smarena_pool_waiting", self.waiting),
            ("smarena_pool_congested", usize::from(self.congested)),
        ] {
            gauge!(name, "pool" => pool.clone()).set(value as f64);
        }
        counter!("smarena_pool_refusals", "pool" => pool).absolute(self.refusals);
    }
}

impl HeapStats {
    /// Sets gauges and counters of whatever recorder the program has installed: to be called from time to time.
    ///
    /// `smarena_heap_live`, `_resident` (bytes), `_caches`, `_fallback_live`, `_fallback_bytes` are gauges with the label `heap`, this name; with the
    /// label `reason` as well (`size`, `alignment`, `exhausted`), `smarena_heap_fallbacks` is a counter. With the
    /// label `block_size`, for each bucket that was ever used: the gauges `smarena_bucket_capacity`, `_live`, `_free`, `_cached`, `_peak`, `_watermark`,
    /// and where they are known `_resident` and `_rounding` (bytes); the counters `smarena_bucket_purged` (bytes), `_overflowed`, `_refills`, `_spills`.
    /// The heap itself publishes nothing, so allocating costs no more.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::builder().name("packets").build()?;
    /// heap.stats().publish(heap.stats().name);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn publish(&self, heap: impl Into<SharedString>) {
        let heap = heap.into();
        for (name, value) in [
            ("smarena_heap_live", self.live()),
            ("smarena_heap_resident", self.resident()),
            ("smarena_heap_caches", self.caches),
            ("smarena_heap_fallback_live", self.fallback_live),
            ("smarena_heap_fallback_bytes", self.fallback_bytes),
        ] {
            gauge!(name, "heap" => heap.clone()).set(value as f64);
        }
        let Fallbacks { size, alignment, exhausted } = self.fallbacks;
        for (reason, times) in [("size", size), ("alignment", alignment), ("exhausted", exhausted)] {
            counter!("smarena_heap_fallbacks", "heap" => heap.clone(), "reason" => reason).absolute(times as u64);
        }
        self.buckets().iter().filter(|bucket| bucket.watermark > 0).for_each(|bucket| bucket.publish(&heap));
    }
}

impl BucketStats {
    fn publish(&self, heap: &SharedString) {
        let labels = || [("heap", heap.clone()), ("block_size", self.block_size.to_string().into())];
        for (name, value) in [
            ("smarena_bucket_capacity", Some(self.capacity)),
            ("smarena_bucket_live", Some(self.live)),
            ("smarena_bucket_free", Some(self.free)),
            ("smarena_bucket_cached", Some(self.cached)),
            ("smarena_bucket_peak", Some(self.peak)),
            ("smarena_bucket_watermark", Some(self.watermark)),
            ("smarena_bucket_resident", self.resident),
            ("smarena_bucket_rounding", self.rounding),
        ] {
            if let Some(value) = value {
                gauge!(name, &labels()).set(value as f64);
            }
        }
        for (name, value) in [
            ("smarena_bucket_purged", self.purged),
            ("smarena_bucket_overflowed", self.overflowed),
            ("smarena_bucket_refills", self.refills),
            ("smarena_bucket_spills", self.spills),
        ] {
            counter!(name, &labels()).absolute(value as u64);
        }
    }
}
