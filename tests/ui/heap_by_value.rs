//! Heaps where references to heaps are wanted, a parameter that is no heap, and a type that is no table.
use smarena::{BufPool, Heap, Linear, SmBox, SmBuf, StaticHeap};
struct Messages;
struct Session<H> {
    _buf: SmBuf<H>,
}
fn named<H: StaticHeap>(_: H) {}

fn main() {
    let _pool: Option<BufPool<Heap<Linear<8>>>> = None;
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    let _boxed = SmBox::new_in(1, heap);
    named(&Heap::<Linear<8>>::new(1 << 20).unwrap());
    let _heap = Heap::<Messages>::builder();
}
