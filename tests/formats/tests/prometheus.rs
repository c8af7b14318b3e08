//! What heaps and pools publish, as Prometheus reads it.

use metrics_exporter_prometheus::PrometheusBuilder;
use smarena::{BufPool, Heap, Linear, SmBox};

/// The lines of a page that begin so, without what is measured in bytes of memory that the system backs.
fn lines<'p>(page: &'p str, beginning: &str) -> Vec<&'p str> {
    let mut lines: Vec<_> = page.lines().filter(|line| line.starts_with(beginning)).collect();
    lines.retain(|line| !line.contains("resident"));
    lines.sort_unstable();
    lines
}

#[test]
fn a_page_shows_heaps_with_their_buckets_and_pools() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let heap = Heap::<Linear<3>>::builder().bucket_bytes(320).no_thread_cache().build().unwrap();
    // The last bucket has six blocks; four boxes are the system's.
    let boxes: Vec<_> = (0..10_u8).map(|n| SmBox::new_in([n; 48], &heap)).collect();
    let pool = BufPool::builder().buf_size(100).limit(2).build().unwrap();
    let lease = pool.try_acquire().unwrap();
    metrics::with_local_recorder(&recorder, || {
        heap.stats().publish("game \"one\"");
        pool.stats().publish("packets");
    });
    let page = recorder.handle().render();
    assert_eq!(
        lines(&page, "smarena_heap_"),
        [
            r#"smarena_heap_caches{heap="game \"one\""} 0"#,
            r#"smarena_heap_fallback_bytes{heap="game \"one\""} 192"#,
            r#"smarena_heap_fallback_live{heap="game \"one\""} 4"#,
            r#"smarena_heap_fallbacks{heap="game \"one\"",reason="alignment"} 0"#,
            r#"smarena_heap_fallbacks{heap="game \"one\"",reason="exhausted"} 4"#,
            r#"smarena_heap_fallbacks{heap="game \"one\"",reason="size"} 0"#,
            r#"smarena_heap_live{heap="game \"one\""} 10"#,
        ]
    );
    let of_bucket = ["cached} 0", "capacity} 6", "free} 0", "live} 6", "overflowed} 4", "peak} 6", "purged} 0"];
    let of_bucket = of_bucket.into_iter().chain(["refills} 0", "spills} 0", "watermark} 6"]).map(|line| {
        let (name, value) = line.split_once('}').unwrap();
        format!("smarena_bucket_{name}{{heap=\"game \\\"one\\\"\",block_size=\"48\"}}{value}")
    });
    assert_eq!(lines(&page, "smarena_bucket_"), of_bucket.collect::<Vec<_>>());
    let of_pool = lines(&page, "smarena_pool_");
    assert!(of_pool.contains(&r#"smarena_pool_in_flight{pool="packets"} 1"#), "{of_pool:?}");
    assert!(of_pool.contains(&r#"smarena_pool_limit{pool="packets"} 2"#), "{of_pool:?}");
    // What only rises is a counter, whatever else is a gauge.
    for (name, kind) in [("heap_fallbacks", "counter"), ("bucket_refills", "counter"), ("bucket_live", "gauge")] {
        assert!(page.contains(&format!("# TYPE smarena_{name} {kind}\n")), "{name}");
    }
    drop((boxes, lease));
}
