//! The rule of unsafe code: it says why it is sound, and cites a numbered invariant.

use std::collections::BTreeMap;

use crate::source::{File, Line, is_word};

/// The file that defines each invariant (`//! - **I3 ...`), and what is wrong with the definitions.
pub(crate) fn invariants_of(files: &[File]) -> (BTreeMap<String, &File>, Vec<String>) {
    let mut invariants = BTreeMap::<String, &File>::new();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        for (number, line) in file.lines.iter().enumerate() {
            let item = line.comment.strip_prefix("//!").unwrap_or("").trim_start_matches([' ', '-', '*']);
            let Some(name) =
                citations(item).next().filter(|name| item.starts_with(name) && line.comment.contains("**"))
            else {
                continue;
            };
            let others = invariants.iter().find(|(other, home)| other[..1] == name[..1] && home.path != file.path);
            if let Some((_, home)) = others {
                complaints.push(file.at(
                    number,
                    &format!("`{name}`: invariants with this letter are numbered in {}; take another", home.path),
                ));
            } else if invariants.insert(name.to_owned(), file).is_some() {
                complaints.push(file.at(number, &format!("`{name}` is defined twice: number it anew")));
            }
        }
    }
    (invariants, complaints)
}

/// The invariants named in a comment: a capital letter and a number.
fn citations(comment: &str) -> impl Iterator<Item = &str> {
    comment.split(|c| !is_word(c)).filter(|word| {
        word.len() > 1
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word[1..].chars().all(|c| c.is_ascii_digit())
    })
}

pub(crate) fn unsafe_code_cites_an_invariant(file: &File, invariants: &BTreeMap<String, &File>) -> Vec<String> {
    let mut complaints = Vec::new();
    let tests = file.lines_before_tests();
    for pair in file.tokens(file.lines.len()).windows(2) {
        let line = pair[0].line;
        if pair[0].text != "unsafe" || !matches!(pair[1].text, "{" | "impl") {
            continue;
        }
        let comment = comment_above(file, line);
        let Some((_, why)) = comment.split_once("SAFETY:") else {
            complaints.push(file.at(line, "unsafe code without a SAFETY comment right above: say why it is sound"));
            continue;
        };
        for name in citations(why).filter(|&name| !invariants.contains_key(name)) {
            complaints.push(
                file.at(line, &format!("the SAFETY comment cites `{name}`, which no `//! - **{name}` in src defines")),
            );
        }
        // "As above" and "as for `Sync`" lean on a neighbour. Tests and examples lean on the contracts of what they call.
        let must_cite = file.path.starts_with("src/") && line < tests && !why.trim_start().starts_with("as ");
        if must_cite && citations(why).next().is_none() {
            complaints.push(file.at(
                line,
                "the SAFETY comment cites no invariant: name the one it rests on (`I3`; numbered in src/raw/mod.rs or at a file's head)",
            ));
        }
    }
    complaints
}

/// Where docs/SAFETY.md lists the items that are public for a macro's sake.
const HIDDEN: &str = "### What is public for a macro's sake";

/// What is public but hidden is called by safe code all the same: docs/SAFETY.md lists each such item with the reason why no use of it is
/// harmful, and no other.
pub(crate) fn hidden_items_are_listed(files: &[File]) -> Vec<String> {
    let text = files.iter().find(|file| file.path == "docs/SAFETY.md").map_or("", |file| &file.text);
    let list = text.split_once(HIDDEN).map_or("", |(_, rest)| rest.split("\n#").next().unwrap_or(""));
    let rows = list.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    let mut listed: BTreeMap<&str, bool> = rows.filter_map(|name| Some((name.rsplit("::").next()?, false))).collect();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        for (number, _) in file.lines.iter().enumerate().filter(|(_, line)| line.code.contains("doc(hidden)")) {
            for name in hidden_by(&file.lines[number + 1..]) {
                match listed.get_mut(name) {
                    Some(found) => *found = true,
                    None => complaints.push(file.at(
                        number,
                        &format!("`{name}` is hidden and public: say in docs/SAFETY.md, below \"{HIDDEN}\", why that does no harm"),
                    )),
                }
            }
        }
    }
    let gone = listed.iter().filter(|(_, found)| !**found);
    complaints.extend(gone.map(|(name, _)| format!("docs/SAFETY.md: `{name}` is listed as hidden and is not")));
    complaints
}

/// The names of what an attribute above these lines hides: an item's, or those of a `pub use`.
fn hidden_by(below: &[Line]) -> Vec<&str> {
    const KEYWORDS: &[&str] =
        &["pub", "const", "unsafe", "fn", "struct", "enum", "trait", "mod", "type", "static", "macro_rules", "crate"];
    let item = below.iter().map(|line| line.code.trim()).find(|code| !code.is_empty() && !code.starts_with('#'));
    let item = item.unwrap_or("");
    let mut names = item.split(|c| !is_word(c)).filter(|word| !word.is_empty() && !KEYWORDS.contains(word));
    match item.strip_prefix("pub use ").and_then(|path| path.rsplit("::").next()) {
        Some(names) => names.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect(),
        None => names.next().into_iter().collect(),
    }
}

/// The comment that belongs to the statement at `line`: right above it, in one piece.
fn comment_above(file: &File, line: usize) -> String {
    let mut comment = Vec::new();
    for above in file.lines[..line].iter().rev() {
        let code = above.code.trim();
        if code.is_empty() && !above.comment.is_empty() {
            comment.insert(0, above.comment.trim_start_matches('/'));
        } else if !comment.is_empty() || code.is_empty() || !goes_on(code) {
            break;
        }
    }
    comment.join(" ")
}

/// Whether a statement (or its attribute) that has this line goes on in the next one.
fn goes_on(code: &str) -> bool {
    !code.ends_with([';', '{', '}', ','])
}

#[cfg(test)]
mod proofs {
    use super::{HIDDEN, hidden_items_are_listed, invariants_of, unsafe_code_cites_an_invariant};
    use crate::source::{File, complained_lines};

    fn unsound(path: &str, text: &str) -> Vec<usize> {
        let home = File::new("src/raw/mod.rs", "//! - **I1 reservation.** Text.\n//! - **I2** Text of I9.");
        let homes = [home];
        let (invariants, complaints) = invariants_of(&homes);
        assert_eq!(complaints, [""; 0]);
        complained_lines(|file| unsafe_code_cites_an_invariant(file, &invariants), path, text)
    }

    #[test]
    fn missing_safety_comments_are_found() {
        assert_eq!(unsound("src/a.rs", "let a = unsafe { b() };"), [1]);
        assert_eq!(unsound("src/a.rs", "unsafe impl Send for A {}"), [1]);
        assert_eq!(unsound("src/a.rs", "// SAFETY: I1: fine.\n\nlet a = unsafe { b() };"), [3]);
        assert_eq!(unsound("src/a.rs", "// SAFETY: I1: fine.\nlet a = unsafe { b() };\nlet c = unsafe { d() };"), [3]);
        assert_eq!(unsound("src/a.rs", "// It is safe: I1.\nlet a = unsafe { b() };"), [2]);
        assert_eq!(unsound("tests/a.rs", "let a = unsafe { b() };"), [1]);
    }

    #[test]
    fn safety_comments_without_an_invariant_are_found() {
        assert_eq!(unsound("src/a.rs", "// SAFETY: trust me.\nlet a = unsafe { b() };"), [2]);
        assert_eq!(unsound("src/a.rs", "// SAFETY: I1, I9: there is no ninth.\nlet a = unsafe { b() };"), [2]);
    }

    #[test]
    fn safety_comments_that_cite_are_fine() {
        assert_eq!(unsound("src/a.rs", "// SAFETY: the block is ours,\n// by I2.\nlet a =\n    unsafe { b() };"), []);
        assert_eq!(
            unsound(
                "src/a.rs",
                "// SAFETY: I1: fine.\n#[inline]\nunsafe impl Send for A {}\n// SAFETY: as for `Send`.\nunsafe impl Sync for A {}"
            ),
            []
        );
        assert_eq!(unsound("src/a.rs", "unsafe fn a() {}\n/// unsafe { b() }\nlet c = \"unsafe {\";"), []);
        assert_eq!(unsound("tests/a.rs", "// SAFETY: allocated above.\nunsafe { free(a) };"), []);
        assert_eq!(
            unsound("src/a.rs", "#[cfg(test)]\nmod tests {\n// SAFETY: allocated above.\nunsafe { free(a) };\n}"),
            []
        );
    }

    #[test]
    fn invariants_numbered_twice_are_found() {
        let files = [
            File::new("src/a.rs", "//! - **I1** One.\n//! - **I1** Another."),
            File::new("src/b.rs", "//! - **I2** The letter is taken."),
            File::new("src/c.rs", "//! - **U1** A letter of its own. I1 is only named."),
        ];
        let (invariants, complaints) = invariants_of(&files);
        assert_eq!(complaints.len(), 2);
        assert!(complaints[0].starts_with("src/a.rs:2:") && complaints[1].starts_with("src/b.rs:1:"), "{complaints:?}");
        assert!(invariants.keys().eq(["I1", "U1"]));
    }

    #[test]
    fn a_hidden_item_that_nobody_explains_is_found_and_so_is_an_explanation_of_none() {
        let list = format!(
            "{HIDDEN}\n\n| item | why |\n|---|---|\n| `Heap::made` | so |\n| `gone` | so |\n\n## Next\n| `other` | |"
        );
        let source = "#[doc(hidden)]\n#[must_use]\npub const fn made() {}\n#[doc(hidden)]\npub use crate::heap::{Made, Other};\n#[doc(hidden)]\n#[macro_export]\nmacro_rules! other {}\n";
        let files = [File::new("docs/SAFETY.md", &list), File::new("src/a.rs", source)];
        let complaints = hidden_items_are_listed(&files);
        let found = ["`Made` is hidden", "`Other` is hidden", "`other` is hidden", "`gone` is listed"];
        assert_eq!(complaints.len(), found.len(), "{complaints:#?}");
        for (complaint, found) in complaints.iter().zip(found) {
            assert!(complaint.contains(found), "{complaint}");
        }
    }
}
