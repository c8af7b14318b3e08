//! What sharing asks of the system's allocator: nothing.

#[path = "common/counting.rs"]
mod counting;

use counting::allocations_here;
use smarena::{SmBuf, SmBytes, SmChain};

#[test]
fn freezing_cloning_slicing_chaining_and_unfreezing_allocate_nothing() {
    let mut last = 0;
    // The first rounds build the heap and this thread's cache in it.
    for _ in 0..100 {
        let before = allocations_here();
        let mut buf = SmBuf::with_headroom(1400, 100);
        buf.extend_from_slice(&[7; 1000]);
        let front = buf.split_to(10);
        let bytes = buf.freeze();
        let clones = [bytes.clone(), bytes.slice(100..200), bytes.slice_ref(&bytes[5..])];
        let mut chain = SmChain::from(front.freeze());
        chain.extend(clones);
        while !chain.is_empty() {
            chain.write_to(&mut std::io::sink()).unwrap();
        }
        let mut buf = SmBytes::try_into_mut(bytes).unwrap();
        buf.prepend(b"again");
        drop(buf);
        last = allocations_here() - before;
    }
    assert_eq!(last, 0);
}
