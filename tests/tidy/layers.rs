//! The rule of the layers: who may name whom.

use crate::source::{File, Token};

/// The table, lowest layer first.
pub(crate) struct Layers<'t>(Vec<Row<'t>>);

struct Row<'t> {
    layer: &'t str,
    module: &'t str,
    may_name: Vec<&'t str>,
}

impl<'t> Layers<'t> {
    pub(crate) fn parse(table: &'t str) -> Self {
        let mut layers = Layers(Vec::new());
        // A row that goes on has no arrow in its second line.
        let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in table.lines().filter(|line| !line.trim().is_empty()) {
            let (head, names) = line.split_once("->").unwrap_or(("", line));
            if !head.is_empty() {
                rows.push((head, Vec::new()));
            }
            rows.last_mut().unwrap().1.extend(names.split_whitespace().filter(|&name| name != "nothing"));
        }
        for (head, names) in rows {
            let mut may_name = layers.modules("L0");
            for name in names {
                let modules = layers.modules(name);
                assert!(
                    !modules.is_empty(),
                    "LAYERS: `{name}` must stand above `{head}`, and no two that end so: imports point down"
                );
                may_name.extend(modules);
            }
            let (layer, modules) = head.trim().split_once(char::is_whitespace).unwrap();
            layers.0.extend(modules.split_whitespace().map(|module| Row { layer, module, may_name: may_name.clone() }));
        }
        layers
    }

    /// The modules so far that a name of a module, or its end, or of a layer stands for.
    fn modules(&self, name: &str) -> Vec<&'t str> {
        let those = |is: &dyn Fn(&Row<'t>) -> bool| -> Vec<_> {
            self.0.iter().filter(|row| is(row)).map(|row| row.module).collect()
        };
        let whole = those(&|row| name == row.layer || name == row.module);
        if !whole.is_empty() {
            return whole;
        }
        let ending = those(&|row| row.module.strip_suffix(name).is_some_and(|before| before.ends_with("::")));
        if ending.len() == 1 { ending } else { Vec::new() }
    }

    /// The row that a path falls under: of the module that it lies in, not of the folder around that.
    fn find(&self, path: &str) -> Option<&Row<'t>> {
        let below = |module: &str| {
            let rest = path.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.0.iter().filter(|row| below(row.module)).max_by_key(|row| row.module.len())
    }

    pub(crate) fn complaints(&self, file: &File) -> Vec<String> {
        let Some(path) = file.path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
            return Vec::new();
        };
        if path == "lib" || path.ends_with("raw/mod") {
            return Vec::new();
        }
        let home = path.trim_end_matches("/mod").replace('/', "::");
        let Some(Row { module: own, may_name, .. }) = self.find(&home) else {
            return vec![
                file.at(0, &format!("module `{home}` has no layer: give it a row in LAYERS of tests/tidy.rs")),
            ];
        };
        let mut complaints = Vec::new();
        for (line, name) in names(&file.tokens(file.lines_before_tests()), &home) {
            match self.find(&name) {
                Some(row) if row.module == *own || may_name.contains(&row.module) => {}
                Some(Row { layer, module, .. }) => complaints.push(file.at(
                    line,
                    &format!(
                        "`{own}` may not name `{module}` ({layer}): imports point down as LAYERS in tests/tidy.rs has them. \
                         Move the code up, or hand it what it needs from above"
                    ),
                )),
                // Out of the contents page of the folder it lies in.
                None if own.split("::").next() == name.split("::").next() => {}
                None => complaints.push(file.at(
                    line,
                    &format!("`{name}` has no layer: name things by their module (`crate::heap::Heap`), and modules in LAYERS"),
                )),
            }
        }
        complaints
    }
}

/// Every path of this crate that the tokens name, from the crate's root: `crate::a::B`, `super::B`, `crate::{a, b::C}`.
fn names(tokens: &[Token<'_>], home: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut depth = 0;
    // The modules written out inside this one, each with the depth of its braces.
    let mut inner: Vec<(usize, &str)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
        match token.text {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|&(outer, _)| outer < depth);
            }
            "mod" if text(at + 2) == "{" => inner.push((depth, text(at + 1))),
            // An exported macro, with `$crate`, can only name what is public, wherever that comes from.
            "crate" if text(at + 1) == "::" && text(at.wrapping_sub(1)) != "$" => tree(tokens, at + 2, &[], &mut found),
            "super" if text(at + 1) == "::" => {
                let mut here: Vec<&str> = home.split("::").chain(inner.iter().map(|&(_, name)| name)).collect();
                let mut next = at;
                while text(next) == "super" {
                    here.pop();
                    next += 2;
                }
                tree(tokens, next, &here, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// Reads one path, with braces, from `tokens[at]` on.
fn tree(tokens: &[Token<'_>], mut at: usize, before: &[&str], found: &mut Vec<(usize, String)>) {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(at) {
        if token.text == "{" {
            let mut depth = 0;
            for (i, inner) in tokens.iter().enumerate().skip(at) {
                match inner.text {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return;
                }
                if depth == 1
                    && matches!(inner.text, "{" | ",")
                    && tokens.get(i + 1).is_some_and(|next| next.text != "}")
                {
                    tree(tokens, i + 1, &path, found);
                }
            }
            return;
        }
        path.push(token.text);
        if tokens.get(at + 1).is_none_or(|next| next.text != "::") {
            // An exported macro has no module in its path.
            if tokens.get(at + 1).is_none_or(|next| next.text != "!") {
                found.push((token.line, path.join("::")));
            }
            return;
        }
        at += 2;
    }
}

#[cfg(test)]
mod proofs {
    use super::Layers;
    use crate::source::{File, complained_lines};

    const TABLE: &str = "
    L0  error       -> nothing
    L1  raw::os     -> nothing
    L1  raw::span   -> raw::os
    L2  heap        -> L1
    L3  buf         -> L2
";

    fn misplaced(path: &str, text: &str) -> Vec<usize> {
        complained_lines(|file| Layers::parse(TABLE).complaints(file), path, text)
    }

    #[test]
    fn naming_a_higher_layer_is_found() {
        assert_eq!(misplaced("src/heap.rs", "use crate::raw::span::Span;\nuse crate::buf::SmBuf;"), [2]);
        assert_eq!(
            misplaced("src/heap.rs", "use crate::{\n    error::E,\n    buf::{A, B},\n    raw::{os, span::Span},\n};"),
            [3, 3]
        );
        assert_eq!(misplaced("src/heap/builder.rs", "fn f() -> crate::buf::SmBuf {}"), [1]);
        assert_eq!(misplaced("src/buf.rs", "use crate::raw::os::reserve;"), [1]);
        assert_eq!(misplaced("src/error.rs", "use super::heap::Heap;"), [1]);
        assert_eq!(misplaced("src/raw/os.rs", "use super::span::Span;"), [1]);
        assert_eq!(
            misplaced(
                "src/raw/os.rs",
                "mod unix {\n    use super::PAGE;\n    use super::super::span::Span;\n}\nuse super::span;"
            ),
            [3, 5]
        );
    }

    #[test]
    fn naming_a_lower_layer_is_fine() {
        assert_eq!(
            misplaced("src/heap.rs", "use crate::error::E;\nuse crate::raw::{os, span::Span};\nuse core::mem;"),
            []
        );
        assert_eq!(misplaced("src/buf/edit.rs", "use super::SmBuf;\nuse crate::heap::{Heap, HeapRef};"), []);
        assert_eq!(misplaced("src/raw/span.rs", "use super::os::PAGE;\nuse super::Verb;\npub(crate) fn f() {}"), []);
        assert_eq!(
            misplaced(
                "src/heap.rs",
                "crate::static_heap! {}\n$crate::Heap::new();\n// crate::buf::SmBuf\n#[cfg(test)]\nmod tests { use crate::buf::SmBuf; }"
            ),
            []
        );
        assert_eq!(misplaced("src/raw/mod.rs", "pub(crate) use crate::raw::span::Span;"), []);
    }

    #[test]
    fn names_and_modules_without_a_layer_are_found() {
        assert_eq!(misplaced("src/buf.rs", "use crate::Heap;"), [1]);
        assert_eq!(misplaced("src/novelty.rs", "//! New."), [1]);
    }

    #[test]
    fn a_row_may_have_several_modules_go_on_and_name_others_by_their_ends() {
        let table = "L0 error -> nothing\n L1 raw::os raw::a::lock -> nothing\n L1 raw::span ->\n lock\n os";
        let complaints = |text| Layers::parse(table).complaints(&File::new("src/raw/span.rs", text)).len();
        assert_eq!(complaints("use super::os::PAGE;\nuse crate::raw::a::lock::Lock;\nuse crate::error::E;"), 0);
        assert_eq!(complaints("use crate::raw::a::B;"), 0, "of a contents page");
        assert_eq!(
            Layers::parse(table).complaints(&File::new("src/raw/os.rs", "use crate::raw::a::lock::Lock;")).len(),
            1
        );
    }

    #[test]
    #[should_panic(expected = "`lock` must stand above")]
    fn an_end_that_two_modules_have_is_found() {
        Layers::parse("L1 raw::lock -> nothing\nL1 sync::lock -> nothing\nL2 heap -> lock");
    }

    #[test]
    #[should_panic(expected = "`raw::span` must stand above")]
    fn a_table_that_points_up_is_found() {
        Layers::parse("L1 raw::os -> raw::span\nL1 raw::span -> nothing");
    }
}
