//! The event of a bucket that is exhausted for the first time.
#![expect(unsafe_code, reason = "raw calls")]

use std::sync::{Arc, Mutex};

use smarena::{Exhausted, Heap, HeapBuilder, Linear, SmBox};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes events down, in boxes of the heap that they are about, and panics if it is to.
struct Page {
    heap: Arc<Heap<Linear<2>>>,
    lines: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn core::fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Page {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "smarena"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        panic!("nothing opens spans")
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        // From the bucket that the event is about, which has none.
        let boxed = SmBox::new_in([7_u8; 30], &*self.heap);
        assert_eq!(*boxed, [7; 30]);
        assert!(!self.panics, "on purpose");
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is told while twenty blocks are taken of the second bucket, which has ten.
fn told(builder: HeapBuilder<Linear<2>>, panics: bool) -> Vec<String> {
    let heap = Arc::new(builder.bucket_bytes(320).name("small").build().unwrap());
    let lines = Arc::default();
    let page = Page { heap: heap.clone(), lines: Arc::clone(&lines), panics };
    let blocks: Vec<_> = tracing::subscriber::with_default(page, || (0..20).map(|_| heap.malloc(32, 0)).collect());
    // SAFETY: live, from this heap, not used any more.
    blocks.into_iter().flatten().for_each(|block| unsafe { heap.free(block) });
    assert_eq!(heap.stats().live(), 0);
    Arc::into_inner(lines).unwrap().into_inner().unwrap()
}

const EXPECTED: &str = "WARN message=a bucket is exhausted: some of its layouts are served elsewhere from now on heap=\"small\" block_size=32 capacity=10 ";

#[test]
fn a_bucket_that_is_exhausted_is_told_of_once_and_who_listens_may_allocate() {
    assert_eq!(told(Heap::builder().no_thread_cache(), false), [EXPECTED]);
    assert_eq!(told(Heap::builder().hardened(true), false), [EXPECTED]);
}

#[test]
fn who_panics_over_it_does_not_reach_who_allocates() {
    assert_eq!(told(Heap::builder().no_thread_cache(), true), [EXPECTED]);
}

#[test]
fn a_heap_that_refuses_serves_nothing_elsewhere() {
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(32).on_exhausted(Exhausted::Refuse).no_thread_cache();
    let heap = Arc::new(heap.build().unwrap());
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let other = Arc::new(Heap::new(1 << 20).unwrap());
    let page = Page { heap: other, lines: Arc::clone(&lines), panics: false };
    tracing::subscriber::with_default(page, || {
        let boxes = [(); 3].map(|()| SmBox::try_new_in(1, &*heap).ok());
        assert!(boxes[1].is_some() && boxes[2].is_none());
    });
    assert!(lines.lock().unwrap().is_empty());
}
