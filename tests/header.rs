//! `docs/smmalloc.h` is what cbindgen makes of `src/ffi.rs`, without the Rust parts of the comments.
//!
//! `SMARENA_WRITE_HEADER=1 cargo test --test header` writes it anew.

use std::path::Path;

use cbindgen::{Builder, Config, Language, Style};

const INTRODUCTION: &str = "\
/* The C interface of smarena: a bucket allocator with thread caches. Made from src/ffi.rs; do not edit.
 *
 * No call unwinds; what cannot be done is said by NULL, 0 or -1 and changes nothing, and a NULL allocator is told the same.
 * Any thread may use any allocator and free what another allocated; a thread that ends gives back what it had cached.
 * `memory` is NULL or a live block of the allocator. Allocators created while the environment variable SMMALLOC_HARDENED is
 * set, to anything but nothing and 0, check that and abort with a line that names the block; others trust the caller as free()
 * does. If SMMALLOC_RECORD names a file when the first allocator is created, what is asked of all allocators is recorded, and
 * written there when the process ends by exit() or by returning from main(); not of programs that run with more rights than who
 * started them, as set-user-ID ones do.
 *
 * The environment is read whenever an allocator is created, as by getenv(): no other thread may change it meanwhile. Where one of the two variables is
 * set, that takes a little memory of the process's own allocator; where it is refused the process ends by abort().
 *
 * On Linux with the GNU C library, x86-64: opened by dlopen(), the library needs 160 bytes of the room that is kept for thread-locals of such libraries
 * (some 1600 by default). If others took it, dlopen() says \"cannot allocate memory in static TLS block\": link with the library, or start the program with
 * more room, as GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096 in the environment. */";

fn header() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config {
        language: Language::C,
        style: Style::Type,
        include_guard: Some("SMMALLOC_H".to_owned()),
        header: Some(INTRODUCTION.to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        usize_is_size_t: true,
        cpp_compat: true,
        ..Config::default()
    };
    let made = Builder::new()
        .with_config(config)
        .with_src(root.join("src/ffi.rs"))
        .with_src(root.join("src/ffi/manage.rs"))
        .generate()
        .unwrap();
    let mut text = Vec::new();
    made.write(&mut text);
    without_rust(&String::from_utf8(text).unwrap())
}

/// Leaves out of each comment what begins with its first heading: contracts and examples for Rust.
fn without_rust(header: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        if line.starts_with(" * # ") || line.starts_with(" * ```") {
            skipping = true;
            kept.truncate(kept.iter().rposition(|line| *line != " *").map_or(0, |last| last + 1));
        } else if line == " */" {
            skipping = false;
        }
        if !skipping {
            kept.push(line);
        }
    }
    kept.join("\n") + "\n"
}

#[cfg_attr(miri, ignore = "reads and writes files")]
#[test]
fn the_header_is_what_the_source_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/smmalloc.h");
    let made = header();
    if std::env::var_os("SMARENA_WRITE_HEADER").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == made,
        "docs/smmalloc.h is not what src/ffi.rs says: SMARENA_WRITE_HEADER=1 cargo test --test header, then read the difference"
    );
}
