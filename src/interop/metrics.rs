//! A pool's statistics for the `metrics` crate.

use metrics::{SharedString, counter, gauge};

use crate::pool::PoolStats;

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
