//! Heaps where references to heaps are wanted, and a type that is no table.
use smarena::{BufPool, Heap, Linear, SmBox};
struct Messages;

fn main() {
    let _pool: Option<BufPool<Heap<Linear<8>>>> = None;
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    let _boxed = SmBox::new_in(1, heap);
    let _heap = Heap::<Messages>::builder();
}
