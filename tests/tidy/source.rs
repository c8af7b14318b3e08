//! Source files as the rules see them: each line's code and comment apart, and the code as tokens.

use std::fs;
use std::path::Path;
use std::process::Command;

/// One file of the repository.
pub(crate) struct File {
    /// Relative to the repository, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Empty if the file is not Rust.
    pub(crate) lines: Vec<Line>,
}

/// A line's parts. Strings and characters are emptied, so that their content is neither code nor comment.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) code: String,
    /// With its slashes: `// ...`, `/// ...`, `//! ...`.
    pub(crate) comment: String,
}

/// An identifier, `::`, or any other single character of the code.
pub(crate) struct Token<'f> {
    pub(crate) text: &'f str,
    /// Counted from 0.
    pub(crate) line: usize,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let lines = if path.ends_with(".rs") { split(text) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), lines }
    }

    /// A complaint about a line counted from 0.
    pub(crate) fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line + 1)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The number of lines before the file's own test or model module.
    pub(crate) fn lines_before_tests(&self) -> usize {
        let opens_tests = |&line: &usize| {
            let attribute = self.lines[line].code.trim();
            let item = self.lines[line + 1..].iter().map(|line| line.code.trim()).find(|code| !code.starts_with("#["));
            attribute.starts_with("#[cfg(")
                && tokens_of(attribute).any(|token| token == "test")
                && !attribute.contains("not(test")
                && item.is_some_and(|item| item.starts_with("mod "))
        };
        (0..self.lines.len()).find(opens_tests).unwrap_or(self.lines.len())
    }

    /// The tokens of the first `lines` lines.
    pub(crate) fn tokens(&self, lines: usize) -> Vec<Token<'_>> {
        let numbered = self.lines[..lines].iter().enumerate();
        numbered.flat_map(|(line, parts)| tokens_of(&parts.code).map(move |text| Token { text, line })).collect()
    }
}

/// The paths that git knows; none outside of a checkout, as in a published package. What else lies about in a checkout is nobody's business.
pub(crate) fn tracked() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let names = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    names.split_terminator('\0').map(str::to_owned).collect()
}

/// All files the rules look at.
pub(crate) fn repository() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for top in ["src", "tests", "benches", "docs", ".ci", "README.md", "Cargo.toml"] {
        collect(root, &root.join(top), &mut files);
    }
    let tracked = tracked();
    files.retain(|file| tracked.is_empty() || tracked.contains(&file.path));
    assert!(files.len() > 10, "the sources were not found below {}", root.display());
    files
}

fn collect(root: &Path, path: &Path, files: &mut Vec<File>) {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries.iter().filter(|entry| !entry.ends_with("target") && !entry.ends_with("corpus")) {
            collect(root, entry, files);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        // What cannot be read as text has no lines to complain about.
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        files.push(File::new(&relative, &text));
    }
}

fn tokens_of(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code.trim_start();
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, tail) = rest.split_at(length);
        rest = tail.trim_start();
        Some(token)
    })
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What the reader of a source is inside of.
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    String,
    RawString { hashes: usize },
}

fn split(text: &str) -> Vec<Line> {
    let mut inside = Inside::Code;
    let mut lines = vec![Line::default()];
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let line = lines.last_mut().unwrap();
        // How much of `rest` is dealt with, and where it belongs.
        let length = match inside {
            _ if next == '\n' => {
                if matches!(inside, Inside::LineComment) {
                    inside = Inside::Code;
                }
                lines.push(Line::default());
                1
            }
            Inside::Code => {
                if rest.starts_with("//") {
                    inside = Inside::LineComment;
                    0
                } else if rest.starts_with("/*") {
                    inside = Inside::BlockComment { depth: 0 };
                    0
                } else if let Some((length, hashes)) = raw_string_start(&line.code, rest) {
                    inside = Inside::RawString { hashes };
                    length
                } else if next == '"' {
                    inside = Inside::String;
                    1
                } else if let Some(length) = char_literal(rest) {
                    length
                } else {
                    line.code.push(next);
                    next.len_utf8()
                }
            }
            Inside::LineComment => {
                line.comment.push(next);
                next.len_utf8()
            }
            Inside::BlockComment { ref mut depth } => {
                if rest.starts_with("/*") {
                    *depth += 1;
                    2
                } else if rest.starts_with("*/") {
                    *depth -= 1;
                    if *depth == 0 {
                        inside = Inside::Code;
                    }
                    2
                } else {
                    line.comment.push(next);
                    next.len_utf8()
                }
            }
            Inside::String => match next {
                // A line's end after the backslash stays a line's end.
                '\\' if !rest.starts_with("\\\n") => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                '"' => {
                    inside = Inside::Code;
                    1
                }
                _ => next.len_utf8(),
            },
            Inside::RawString { hashes } => {
                let end = format!("\"{}", "#".repeat(hashes));
                if rest.starts_with(&end) {
                    inside = Inside::Code;
                    end.len()
                } else {
                    next.len_utf8()
                }
            }
        };
        rest = &rest[length..];
    }
    lines
}

/// `r"`, `r#"`, `br##"` ...: the length of this start and the number of hashes.
fn raw_string_start(code_before: &str, rest: &str) -> Option<(usize, usize)> {
    if code_before.ends_with(is_word) {
        return None;
    }
    let after = ["br", "cr", "r"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let quoted = after.trim_start_matches('#');
    let hashes = after.len() - quoted.len();
    quoted.starts_with('"').then(|| (rest.len() - quoted.len() + 1, hashes))
}

/// The length of a character literal; a lifetime is none.
fn char_literal(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('\'')?;
    let first = content.chars().next()?;
    if first == '\\' {
        // The character behind the backslash may itself be a quote.
        return content[2..].find('\'').map(|end| 1 + 2 + end + 1);
    }
    content[first.len_utf8()..].starts_with('\'').then(|| 1 + first.len_utf8() + 1)
}

/// The lines, counted from 1, that a rule complains about in this text.
pub(crate) fn complained_lines(rule: impl Fn(&File) -> Vec<String>, path: &str, text: &str) -> Vec<usize> {
    let complaints = rule(&File::new(path, text));
    let line = |complaint: &String| complaint.strip_prefix(path).unwrap().split(':').nth(1).unwrap().parse().unwrap();
    complaints.iter().map(line).collect()
}

#[cfg(test)]
mod proofs {
    use super::File;

    #[test]
    fn strings_and_comments_are_no_code() {
        let file = File::new(
            "a.rs",
            "let a = \"// no \\\" code\"; // one \"two\n/* three /* four */ five */ let b = r#\"six\"seven\"#;\nlet c = ('\"', '\\'', &'static x); b\"\n//\" /// eight",
        );
        let parts: Vec<_> = file.lines.iter().map(|line| (line.code.trim(), line.comment.trim())).collect();
        assert_eq!(
            parts,
            [
                ("let a = ;", "// one \"two"),
                ("let b = ;", "three  four  five"),
                ("let c = (, , &'static x); b", ""),
                ("", "/// eight"),
            ]
        );
    }

    #[test]
    fn tests_begin_at_their_module() {
        let before = |text| File::new("a.rs", text).lines_before_tests();
        assert_eq!(before("//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {}\n"), 3);
        assert_eq!(
            before("//! A.\n#[cfg(all(loom, test))]\n#[expect(unsafe_code, reason = \"\")]\nmod models {}\n"),
            1
        );
        // Neither what is left out of tests nor a single function is the end of the file proper.
        let whole = "//! A.\n#[cfg(not(test))]\nmod a {}\n#[cfg(test)]\nfn b() {}\n";
        assert_eq!(before(whole), 6);
    }
}
