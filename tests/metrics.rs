//! What `publish` leaves in a recorder of the `metrics` crate, as a page that is scraped would show it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use smarena::{BufPool, CacheWarmup, Heap, Linear, SmBox};

/// Keeps the last value of everything, by what a page would call it.
#[derive(Default)]
struct Page {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

fn line(key: &Key) -> String {
    let labels: Vec<String> = key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl Recorder for Page {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Arc::clone(self.counters.lock().unwrap().entry(line(key)).or_default()).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Arc::clone(self.gauges.lock().unwrap().entry(line(key)).or_default()).into()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("nothing publishes histograms")
    }
}

impl Page {
    /// Everything that starts with `prefix`, without it.
    fn render(&self, prefix: &str) -> Vec<String> {
        let (counters, gauges) = (self.counters.lock().unwrap(), self.gauges.lock().unwrap());
        let counters = counters.iter().map(|(line, value)| format!("{line} {} counted", value.load(Relaxed)));
        let gauges = gauges.iter().map(|(line, value)| format!("{line} {}", f64::from_bits(value.load(Relaxed))));
        let mut lines: Vec<String> = counters.chain(gauges).collect();
        lines.sort();
        lines.iter().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    }
}

#[test]
fn a_heap_publishes_its_buckets_under_its_name() {
    let heap = Heap::<Linear<3>>::builder().bucket_bytes(320).no_thread_cache().build().unwrap();
    let small: Vec<_> = (0..3_u64).map(|n| SmBox::new_in(n, &heap)).collect();
    // The last bucket has six blocks; four boxes are the system's.
    let large: Vec<_> = (0..10_u8).map(|n| SmBox::new_in([n; 48], &heap)).collect();
    let page = Page::default();
    metrics::with_local_recorder(&page, || heap.stats().publish("game"));
    let of_heap = page.render("smarena_heap_");
    assert!(of_heap.iter().any(|line| line.starts_with(r#"resident{heap="game"} "#)), "{of_heap:?}");
    let known: Vec<_> = of_heap.iter().filter(|line| !line.starts_with("resident")).collect();
    assert_eq!(
        known,
        [
            r#"caches{heap="game"} 0"#,
            r#"fallback_bytes{heap="game"} 192"#,
            r#"fallback_live{heap="game"} 4"#,
            r#"fallbacks{heap="game",reason="alignment"} 0 counted"#,
            r#"fallbacks{heap="game",reason="exhausted"} 4 counted"#,
            r#"fallbacks{heap="game",reason="size"} 0 counted"#,
            r#"live{heap="game"} 13"#
        ]
    );
    let of_buckets = page.render("smarena_bucket_");
    assert!(!of_buckets.iter().any(|line| line.contains("\"32\"")), "never used: {of_buckets:?}");
    let of_last: Vec<_> = of_buckets.iter().filter(|line| line.contains(r#"block_size="48""#)).collect();
    let expected = [
        "cached 0",
        "capacity 6",
        "free 0",
        "live 6",
        "overflowed 4 counted",
        "peak 6",
        "purged 0 counted",
        "refills 0 counted",
        "spills 0 counted",
        "watermark 6",
    ]
    .map(|line| line.replacen(' ', r#"{heap="game",block_size="48"} "#, 1));
    assert_eq!(
        of_last.into_iter().filter(|line| !line.starts_with("resident")).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );

    drop((small, large));
    metrics::with_local_recorder(&page, || heap.stats().publish("game"));
    let of_buckets = page.render("smarena_bucket_");
    assert!(of_buckets.contains(&r#"live{heap="game",block_size="48"} 0"#.to_owned()));
    assert!(of_buckets.contains(&r#"free{heap="game",block_size="48"} 6"#.to_owned()));
    assert!(of_buckets.contains(&r#"overflowed{heap="game",block_size="48"} 4 counted"#.to_owned()));
}

#[test]
fn refills_spills_and_what_only_hardened_heaps_know_are_published() {
    let hardened = Heap::<Linear<1>>::builder().bucket_bytes(1 << 16).hardened(true).build().unwrap();
    let boxed = SmBox::new_in([0_u8; 9], &hardened);
    let cached =
        Heap::<Linear<1>>::builder().bucket_bytes(1 << 16).thread_cache(16, CacheWarmup::Cold).build().unwrap();
    drop([(); 3].map(|()| SmBox::new_in(0_u64, &cached)));
    let page = Page::default();
    metrics::with_local_recorder(&page, || {
        hardened.stats().publish("hardened");
        cached.stats().publish(cached.stats().name);
    });
    let lines = page.render("smarena_bucket_");
    for line in [
        r#"rounding{heap="hardened",block_size="16"} 7"#,
        r#"refills{heap="heap",block_size="16"} 3 counted"#,
        r#"spills{heap="heap",block_size="16"} 2 counted"#,
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("rounding")).count(), 1);
    drop(boxed);
}

#[test]
fn a_pool_publishes_its_permits() {
    let pool = BufPool::builder().buf_size(100).limit(1).build().unwrap();
    let lease = pool.try_acquire().unwrap();
    assert!(pool.try_acquire().is_err());
    let page = Page::default();
    metrics::with_local_recorder(&page, || pool.stats().publish("packets"));
    let lines = page.render("smarena_pool_");
    for line in
        [r#"in_flight{pool="packets"} 1"#, r#"limit{pool="packets"} 1"#, r#"refusals{pool="packets"} 1 counted"#]
    {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
    drop(lease);
}
