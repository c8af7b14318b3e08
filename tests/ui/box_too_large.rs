//! One byte more than the largest block of the global heap.

fn main() {
    let boxed = smarena::SmBox::new([0u8; (64 << 10) + 1]);
    drop(boxed);
}
