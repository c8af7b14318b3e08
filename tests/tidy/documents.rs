//! The rules of what documents say: names that there are, and all that they should name.

use crate::source::{File, Token};

/// Of documents that walk through the sources: each `Type::function` and each file of src/ that they name must be there.
pub(crate) fn names_of_what_is_gone(documents: &[&File], files: &[File]) -> Vec<String> {
    let sources: Vec<_> = files.iter().filter(|file| file.path.starts_with("src/")).map(Names::of).collect();
    documents.iter().flat_map(|document| names_in(document, &sources, files)).collect()
}

fn names_in(document: &File, sources: &[Names<'_>], files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, span) in code_spans(&document.text) {
        let there = if span.starts_with("src/") {
            span.contains('*')
                || files.iter().any(|file| file.path == span || file.path.starts_with(&format!("{span}/")))
        } else {
            let path: Vec<_> = span.split('(').next().unwrap_or_default().split("::").collect();
            let is_path = path.iter().all(|name| !name.is_empty() && name.chars().all(crate::source::is_word));
            match path[..] {
                [.., owner, name] if is_path && path[0] != "std" => sources.iter().any(|of| of.declares(owner, name)),
                _ => true,
            }
        };
        if !there {
            complaints
                .push(document.at(number, &format!("`{span}` is not in the sources: name what has become of it")));
        }
    }
    complaints
}

/// What one file's tokens name, and what of it they declare.
struct Names<'f> {
    /// The file's own name, which is its module's.
    module: &'f str,
    all: Vec<&'f str>,
    declared: Vec<&'f str>,
}

impl<'f> Names<'f> {
    fn of(file: &'f File) -> Self {
        const KEYWORDS: [&str; 8] = ["fn", "const", "static", "struct", "enum", "trait", "type", "mod"];
        let module = file.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
        let tokens = file.tokens(file.lines.len());
        // A variant or a field begins its line, behind what says who may see it.
        let begins = |at: usize, token: &Token<'_>| {
            tokens[..at]
                .iter()
                .rev()
                .take_while(|before| before.line == token.line)
                .all(|before| "pub(crate)super".contains(before.text))
        };
        let declared = tokens
            .iter()
            .enumerate()
            .filter(|&(at, token)| begins(at, token) || at > 0 && KEYWORDS.contains(&tokens[at - 1].text));
        Self {
            module,
            declared: declared.map(|(_, token)| token.text).collect(),
            all: tokens.iter().map(|token| token.text).collect(),
        }
    }

    fn declares(&self, owner: &str, name: &str) -> bool {
        (owner == "Self" || owner == self.module || self.all.contains(&owner)) && self.declared.contains(&name)
    }
}

/// What stands between single backquotes, with its line.
fn code_spans(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_block = false;
    text.lines().enumerate().flat_map(move |(number, line)| {
        is_block ^= line.starts_with("```");
        let spans = line.split('`').skip(1).step_by(2).filter(|_| !line.starts_with("```"));
        spans.filter(|_| !is_block).map(|span| (number, span)).collect::<Vec<_>>()
    })
}

/// What a document does not name of `names`, which are all of one kind.
pub(crate) fn left_out(document: &File, kind: &str, names: &[&str]) -> Vec<String> {
    let spans: Vec<_> = code_spans(&document.text.replace("//! ", "")).map(|(_, span)| span.to_owned()).collect();
    let missing = names.iter().filter(|&&name| !spans.iter().any(|span| span == name));
    missing.map(|name| document.at(0, &format!("the {kind} `{name}` is not in its table"))).collect()
}

/// The rows of a document's table of examples that give one another number of lines than it has.
pub(crate) fn wrong_lengths(document: &File, files: &[File]) -> Vec<String> {
    let wrong = |(number, row): (usize, &str)| {
        let (name, rest) = row.strip_prefix("| `")?.split_once("` | ")?;
        let told: usize = rest.split_once(" lines: ")?.0.parse().ok()?;
        let path = format!("docs/examples/{name}.rs");
        let lines = files.iter().find(|file| file.path == path)?.text.lines().count();
        (told != lines).then(|| document.at(number, &format!("{path} has {lines} lines")))
    };
    document.text.lines().enumerate().filter_map(wrong).collect()
}

/// The features of a manifest, but for `default`.
pub(crate) fn features(manifest: &str) -> Vec<&str> {
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("features]")).unwrap_or_default();
    let names = section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name).filter(|&name| name != "default").collect()
}

/// The steps of `.ci/run`.
pub(crate) fn steps(script: &str) -> Vec<&str> {
    script.lines().filter_map(|line| line.strip_prefix("step_")?.split_once("()")).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod proofs {
    use super::{features, left_out, names_of_what_is_gone, steps, wrong_lengths};
    use crate::source::{File, complained_lines};

    #[test]
    fn names_of_what_is_gone_are_found() {
        let source = "struct Lane {\n    pub(crate) order: u8,\n}\nimpl Lane {\n    fn pop() { let push = 1; }\n}\nenum Way {\n    Short,\n}";
        let files = [File::new("src/raw/lane.rs", source)];
        let found =
            |text: &str| complained_lines(|document| names_of_what_is_gone(&[document], &files), "docs/a.md", text);
        assert_eq!(
            found("`Lane::pop`, `Lane::order`\n`Way::Short`, `std::mem::take`, `Lane::pop()`, a `::`, `x + y`"),
            []
        );
        assert_eq!(
            found("`Self::pop`, `lane::pop`\n```text\n`Lane::gone`\n```\n`src/raw/lane.rs`, `src/raw`, `src/raw*`"),
            []
        );
        assert_eq!(found("`Lane::push`\n`Way::pop_all`\n`Chunk::pop`\n`src/raw/lanes.rs`"), [1, 2, 3, 4]);
    }

    #[test]
    fn wrong_lengths_are_found() {
        let files = [File::new("docs/examples/a.rs", "fn main() {\n}\n")];
        let document = "| `a` | 2 lines: |\n| `a` | 3 lines: |\n| `b` | 3 lines: |\n| `a` | lines: |";
        assert_eq!(complained_lines(|document| wrong_lengths(document, &files), "README.md", document), [2]);
    }

    #[test]
    fn features_and_steps_that_a_table_leaves_out_are_found() {
        let manifest =
            "[package]\n[features]\ndefault = [\"a\"]\n# one = [\na = []\nb-2 = [\"dep:b\"]\n\n[dependencies]\nc = 1\n";
        assert_eq!(features(manifest), ["a", "b-2"]);
        assert_eq!(steps("step_a() { b; }\nin_target() { step_c; }\nstep_d() {\n"), ["a", "d"]);
        let document = File::new("README.md", "| `a` |\n//! | `d`, `e` |\n");
        assert!(left_out(&document, "feature", &["a", "d", "e"]).is_empty());
        assert_eq!(left_out(&document, "feature", &["a", "b-2", "d e"]).len(), 2);
    }
}
