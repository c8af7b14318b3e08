//! Who takes part, and how a candidate is opened by name.

pub mod buffers;
mod linked;
mod loaded;
#[cfg(feature = "smalloc")]
mod smalloc;

use crate::candidate::{Candidate, Setup, Skip};
use crate::ours;

/// Whose allocator a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A flavour of smarena.
    Ours,
    /// One of those it is compared with.
    Peer,
    /// A library given on the command line: shown, but never "the best peer", for it may be our own.
    Extra,
}

/// What a candidate gives out; each case is for candidates of one sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Blocks, by raw calls.
    Blocks,
    /// Buffers that are acquired and released.
    Buffers,
}

/// A candidate by name.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As in tables and on the command line.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// What it gives out.
    pub sort: Sort,
    /// The shared library it is loaded from; empty for what is linked.
    pub path: String,
}

impl Entry {
    /// Whether its calls are a library's, which no compiler inlines: what our own library is compared with.
    pub fn is_called(&self) -> bool {
        !["smalloc", "rusty_alloc"].contains(&self.name.as_str())
    }
}

/// Our own library for C.
pub const LIBRARY: &str = "smarena-c";

const OURS: [&str; 6] = ["smarena", "smarena-call", "smarena-global", "smarena-ref", "smarena-handle", LIBRARY];
const PEERS: [&str; 8] =
    ["system", "mimalloc", "snmalloc", "jemalloc", "rpmalloc", "rusty_alloc", "smalloc", "tcmalloc"];
const OUR_BUFFERS: [&str; 3] = ["smarena-pool", "smarena-objects", "smarena-buf"];
const PEER_BUFFERS: [&str; 5] = ["opool", "object-pool", "zeropool", "bytes", "vec"];

/// All candidates, in the order in which they take turns; `peers` and `extras` are names and paths of libraries.
pub fn roster(peers: &[(String, String)], extras: &[(String, String)]) -> Vec<Entry> {
    let named = |kind, sort| move |&name: &&str| Entry { name: name.to_owned(), kind, sort, path: known_path(name) };
    let loaded = |kind| {
        move |(name, path): &(String, String)| Entry {
            name: name.clone(),
            kind,
            sort: Sort::Blocks,
            path: path.clone(),
        }
    };
    OURS.iter()
        .map(named(Kind::Ours, Sort::Blocks))
        .chain(PEERS.iter().map(named(Kind::Peer, Sort::Blocks)))
        .chain(peers.iter().map(loaded(Kind::Peer)))
        .chain(extras.iter().map(loaded(Kind::Extra)))
        .chain(OUR_BUFFERS.iter().map(named(Kind::Ours, Sort::Buffers)))
        .chain(PEER_BUFFERS.iter().map(named(Kind::Peer, Sort::Buffers)))
        .collect()
}

/// Where a library lies that takes part without being named.
fn known_path(name: &str) -> String {
    if name == "tcmalloc" { "libtcmalloc_minimal.so.4".to_owned() } else { String::new() }
}

/// What is done with an opened candidate, whatever its type.
pub trait Visitor {
    /// What comes of it.
    type Output;
    /// Does it.
    fn visit<C: Candidate + 'static>(self, candidate: C) -> Self::Output;
}

/// Opens a candidate for `setup` and hands it to `visitor`; says why where it cannot.
pub fn open<V: Visitor>(entry: &Entry, setup: &Setup, visitor: V) -> Result<V::Output, Skip> {
    Ok(match entry.name.as_str() {
        LIBRARY if setup.any_program => return Err("has no heap for any program".to_owned()),
        LIBRARY => visitor.visit(loaded::Extra::linked(setup)?),
        _ if entry.kind == Kind::Extra => visitor.visit(loaded::Extra::load(&entry.path, setup)?),
        _ if !entry.path.is_empty() => visitor.visit(loaded::Loaded::load(&entry.path)?),
        "smarena" => visitor.visit(ours::Inlined::new(setup)?),
        "smarena-call" => visitor.visit(ours::Called::new(setup)?),
        "smarena-global" => visitor.visit(ours::AsGlobal),
        "smarena-ref" => visitor.visit(ours::Referred::new(setup)?),
        "smarena-handle" => visitor.visit(ours::Handle::new(setup)?),
        "system" => visitor.visit(linked::System),
        #[cfg(feature = "mimalloc")]
        "mimalloc" => visitor.visit(linked::Mimalloc),
        #[cfg(feature = "snmalloc")]
        "snmalloc" if !SNMALLOC_ASSERTS => visitor.visit(linked::Snmalloc),
        #[cfg(feature = "snmalloc")]
        "snmalloc" => {
            return Err("built with its assertions: CXXFLAGS must hold -DNDEBUG".to_owned());
        }
        #[cfg(feature = "jemalloc")]
        "jemalloc" => visitor.visit(linked::Jemalloc),
        #[cfg(feature = "rpmalloc")]
        "rpmalloc" => visitor.visit(linked::Rpmalloc),
        #[cfg(feature = "rusty_alloc")]
        "rusty_alloc" => visitor.visit(linked::RustyAlloc),
        #[cfg(feature = "smalloc")]
        "smalloc" => visitor.visit(smalloc::Smalloc),
        other => return Err(format!("built without the feature `{other}`")),
    })
}

/// snmalloc's build takes its flags from the environment (.cargo/config.toml sets them), which this crate's build saw too.
#[cfg(feature = "snmalloc")]
const SNMALLOC_ASSERTS: bool = match option_env!("CXXFLAGS") {
    Some(flags) => !contains(flags.as_bytes(), b"-DNDEBUG"),
    None => true,
};

#[cfg(feature = "snmalloc")]
const fn contains(text: &[u8], word: &[u8]) -> bool {
    let mut start = 0;
    while start + word.len() <= text.len() {
        let mut matched = 0;
        while matched < word.len() && text[start + matched] == word[matched] {
            matched += 1;
        }
        if matched == word.len() {
            return true;
        }
        start += 1;
    }
    false
}
