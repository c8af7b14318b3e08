//! The largest and the most aligned value that blocks of the global heap hold, and one without bytes.

#[repr(align(4096))]
struct Page([u8; 4096]);

#[repr(align(16384))]
struct NoBytes;

fn main() {
    let page = smarena::SmBox::new(Page([1; 4096]));
    let largest = smarena::SmBox::new([1u8; 64 << 10]);
    let nothing = smarena::SmBox::new(NoBytes);
    assert_eq!((page.0[4095], largest[65535]), (1, 1));
    drop(nothing);
}
