//! What the linker is told about the shared library: the name that programs linked with it ask for, and to leave out what only debuggers read.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if ["linux", "android", "freebsd"].contains(&system.as_str()) {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libsmmalloc.so");
    }
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env != "msvc") && system != "macos" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--strip-all");
    }
}
