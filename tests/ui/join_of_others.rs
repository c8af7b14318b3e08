//! What cannot be joined is told what to give instead.
use smarena::{DenseArena, SecondaryMap, TypedArena, join};

smarena::handle_type! { struct Enemy -> u32; }

fn main() {
    let ages = SecondaryMap::<u32, u8>::new();
    let _ = join((&TypedArena::<Enemy>::new(), &ages));
    let _ = join((&ages, &DenseArena::<u32>::new()));
}
