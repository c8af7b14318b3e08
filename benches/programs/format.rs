//! As a compiler's first half: all sources of a crate are read and parsed, and are alive together; then each is printed anew, and parsed again.
//!
//! `format ROUNDS FILE…` prints how many bytes came out.

use std::{env, fs, hint};

#[global_allocator]
static GLOBAL: allocator::MiMalloc = allocator::MiMalloc;

fn main() {
    let mut arguments = env::args().skip(1);
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).expect("how many rounds");
    let sources: Vec<String> = arguments.map(|path| fs::read_to_string(&path).expect(&path)).collect();
    let mut printed = 0;
    for _ in 0..rounds {
        let trees: Vec<syn::File> = sources.iter().map(|source| parse(source)).collect();
        for tree in &trees {
            let text = prettyplease::unparse(tree);
            hint::black_box(parse(&text));
            printed += text.len();
        }
    }
    println!("{printed}");
}

fn parse(source: &str) -> syn::File {
    syn::parse_file(source).expect("Rust that this version of syn knows")
}
