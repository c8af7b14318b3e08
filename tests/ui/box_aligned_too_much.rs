//! More aligned than any block is.

#[repr(align(8192))]
struct Aligned([u8; 8192]);

fn main() {
    let boxed = smarena::SmBox::new(Aligned([0; 8192]));
    drop(boxed);
}
