//! The rules of a file's form, of its words and of where it lies.

use crate::source::{File, is_word};
use crate::{MOST_LINES, TOP_LEVEL, WORDS, Where};

pub(crate) fn files_are_short(file: &File) -> Vec<String> {
    let lines = file.lines_before_tests();
    if !file.is_rust() || file.path.starts_with("tests/") || lines <= MOST_LINES {
        return Vec::new();
    }
    vec![
        file.at(
            lines - 1,
            &format!("{lines} lines before the tests, more than {MOST_LINES}: split the file by meaning"),
        ),
    ]
}

pub(crate) fn files_begin_with_a_sentence(file: &File) -> Vec<String> {
    if !file.is_rust() || file.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![file.at(0, "the first line must be `//! ` and a sentence that says what the file is")]
}

pub(crate) fn only_sync_names_loom_and_shuttle(file: &File) -> Vec<String> {
    if !file.path.starts_with("src/") || file.path == "src/sync.rs" {
        return Vec::new();
    }
    let tokens = file.tokens(file.lines.len());
    let named = tokens.windows(3).filter(|t| {
        matches!(t[1].text, "loom" | "shuttle") && (t[2].text == "::" || matches!(t[0].text, "use" | "crate"))
    });
    named
        .map(|t| file.at(t[1].line, "only src/sync.rs names loom and shuttle: import the name from `crate::sync`"))
        .collect()
}

/// Of what has a section on panics: a public function, or the first one of an implementation. What others' code panics with names a line of theirs.
pub(crate) fn panics_name_the_line_of_the_call(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in file.lines[..file.lines_before_tests()].iter().enumerate() {
        if !file.path.starts_with("src/") || line.comment.trim() != "/// # Panics" {
            continue;
        }
        let when = file.lines.get(number + 1).and_then(|line| line.comment.trim().strip_prefix("/// If "));
        let is_of_others =
            when.and_then(|when| when.split([',', ';', '.']).next()).is_some_and(|it| it.ends_with(" does"));
        let code = || file.lines[number..].iter().map(|line| line.code.trim());
        let item = code().find(|code| !code.is_empty() && !code.starts_with("#[")).unwrap_or_default();
        let ours = !item.starts_with("pub(");
        let to_function = code().take_while(|code| !code.split(' ').any(|word| word == "fn"));
        if ours && !is_of_others && !to_function.into_iter().any(|code| code == "#[track_caller]") {
            complaints.push(file.at(number, "its panic names a line of ours: give the function `#[track_caller]`"));
        }
    }
    complaints
}

pub(crate) fn nothing_is_left_undone(file: &File) -> Vec<String> {
    // Put together here, or this file would complain about itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!"), concat!("unimplemented", "!")];
    let fence = "`".repeat(3);
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for mark in marks.iter().filter(|mark| contains_word(line, mark)) {
            complaints.push(file.at(number, &format!("`{mark}`: do it, or write an issue, and take the mark out")));
        }
        let ignored =
            line.split_once(&fence).is_some_and(|(_, info)| info.split(',').any(|word| word.trim() == "ignore"));
        if ignored {
            complaints.push(file.at(number, "an example that does not run: make it run, or say `no_run` or `text`"));
        }
    }
    complaints
}

pub(crate) fn nothing_is_of_one_machine(file: &File) -> Vec<String> {
    let homes = ["home", "root", "work", "Users"].map(|folder| format!("/{folder}/"));
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        // Behind a letter or a dot it is a part of a longer path or of an address.
        let starts_a_path =
            |home: &String| line.match_indices(home).any(|(at, _)| !line[..at].ends_with(|c| is_word(c) || c == '.'));
        for home in homes.iter().filter(|home| starts_a_path(home)) {
            complaints.push(file.at(number, &format!("`{home}` is a path of one machine: make it relative")));
        }
    }
    complaints
}

fn contains_word(line: &str, word: &str) -> bool {
    let apart = |at: usize| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_word) && (word.ends_with('!') || !after.starts_with(is_word))
    };
    line.match_indices(word).any(|(at, _)| apart(at))
}

pub(crate) fn words_have_one_meaning(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    if !file.path.starts_with("src/") {
        return complaints;
    }
    let kernel = file.path.starts_with("src/raw/") || file.path.starts_with("src/heap");
    for (number, line) in file.lines.iter().enumerate() {
        let text = format!(" {} ", [words(&line.code), words(&line.comment)].concat().join(" "));
        for &(word, better, place) in WORDS {
            let used = [format!(" {word} "), format!(" {word}s ")].iter().any(|word| text.contains(word));
            if used && (kernel || place == Where::Sources) {
                complaints.push(
                    file.at(
                        number,
                        &format!("\"{word}\" is none of our words: say {better} (docs/DESIGN.md, section 3)"),
                    ),
                );
            }
        }
    }
    complaints
}

/// The lower-case words of a line; `FreeList` and `free_list` are two each.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = ' ';
    for c in line.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && last.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
        last = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(crate) fn strangers(entries: impl Iterator<Item = String>) -> Vec<String> {
    let strange = entries.filter(|entry| !entry.starts_with('.') && !TOP_LEVEL.contains(&entry.as_str()));
    strange
        .map(|entry| {
            format!("{entry}: not in the agreed top level: it belongs below src, tests, benches or docs, or nowhere")
        })
        .collect()
}

#[cfg(test)]
mod proofs {
    use super::*;
    use crate::source::complained_lines;

    #[test]
    fn long_files_are_found() {
        let lines_of =
            |count: usize| format!("{}#[cfg(test)]\nmod tests {{}}\n{}", "\n".repeat(count), "\n".repeat(500));
        assert_eq!(complained_lines(files_are_short, "src/a.rs", &lines_of(MOST_LINES + 1)), [MOST_LINES + 1]);
        assert_eq!(complained_lines(files_are_short, "src/a.rs", &lines_of(MOST_LINES)), []);
        assert_eq!(complained_lines(files_are_short, "docs/a.md", &lines_of(MOST_LINES + 1)), []);
    }

    #[test]
    fn missing_first_sentences_are_found() {
        assert_eq!(complained_lines(files_begin_with_a_sentence, "src/a.rs", "// A.\n//! A."), [1]);
        assert_eq!(complained_lines(files_begin_with_a_sentence, "src/a.rs", ""), [1]);
        assert_eq!(complained_lines(files_begin_with_a_sentence, "src/a.rs", "//! A.\n"), []);
    }

    #[test]
    fn naming_loom_is_found() {
        assert_eq!(
            complained_lines(
                only_sync_names_loom_and_shuttle,
                "src/a.rs",
                "//! A.\nuse loom::thread;\nfn f() { loom::model(|| ()) }"
            ),
            [2, 3]
        );
        assert_eq!(
            complained_lines(
                only_sync_names_loom_and_shuttle,
                "src/a.rs",
                "//! A.\nuse {loom as l};\nextern crate loom;"
            ),
            [3]
        );
        assert_eq!(
            complained_lines(
                only_sync_names_loom_and_shuttle,
                "src/a.rs",
                "//! loom::model\n#[cfg(all(loom, test))]\nmod models {}"
            ),
            []
        );
        assert_eq!(complained_lines(only_sync_names_loom_and_shuttle, "src/sync.rs", "//! A.\nuse loom::thread;"), []);
    }

    #[test]
    fn panics_that_name_a_line_of_ours_are_found() {
        let found = |text: String| complained_lines(panics_name_the_line_of_the_call, "src/a.rs", &text);
        let section = |why, item| format!("/// A.\n///\n/// # Panics\n/// {why}\n{item} {{}}");
        let none = "If there is none, or `make` does.";
        assert_eq!(found(section(none, "#[inline]\npub fn f()")), [3]);
        assert_eq!(found(section(none, "impl Index for A {\n    fn index()")), [3]);
        assert_eq!(found(section(none, "#[inline]\n#[track_caller]\npub fn f()")), []);
        assert_eq!(found(section(none, "impl Index for A {\n    #[track_caller]\n    fn index()")), []);
        assert_eq!(found(section("If `make` does, before the rest.", "pub fn f()")), []);
        assert_eq!(found(section(none, "pub(crate) fn f()")), []);
    }

    #[test]
    fn things_left_undone_are_found() {
        let marks = [
            "// TO.DO: more",
            "// FIX.ME",
            "to.do!()",
            "unimplemented.!(\"x\")",
            "/// ```.ignore",
            "//! ```.rust,ignore",
        ];
        for mark in marks {
            assert_eq!(
                complained_lines(nothing_is_left_undone, "docs/a.md", &format!("fine\n{}", mark.replace('.', ""))),
                [2],
                "{mark}"
            );
        }
        assert_eq!(
            complained_lines(nothing_is_left_undone, "src/a.rs", "/// ```no_run\n// mastodon, TODOS\n/// ```\n"),
            []
        );
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for path in ["/ho.me/me/a", "(/wo.rk/x)", "\"/ro.ot/.cargo\"", "`/Use.rs/me`"] {
            assert_eq!(
                complained_lines(nothing_is_of_one_machine, "README.md", &format!("fine\n{}", path.replace('.', ""))),
                [2],
                "{path}"
            );
        }
        assert_eq!(
            complained_lines(
                nothing_is_of_one_machine,
                "README.md",
                "https://a.org/home/b, ./work/c, /proc/self/statm"
            ),
            []
        );
    }

    #[test]
    fn words_of_others_are_found() {
        for text in [
            "// one magazine",
            "struct FreeList;",
            "let free_lists = 1;",
            "/// In TLS.",
            "//! A page run.",
            "fn bump() {}",
        ] {
            assert_eq!(complained_lines(words_have_one_meaning, "src/buf.rs", text), [1], "{text}");
        }
        assert_eq!(complained_lines(words_have_one_meaning, "src/raw/os.rs", "// The segment.\nfn flush() {}"), [1, 2]);
        assert_eq!(
            complained_lines(
                words_have_one_meaning,
                "src/buf.rs",
                "// TCP segments.\nfn flush() {}\n// bumpy combining"
            ),
            []
        );
        assert_eq!(complained_lines(words_have_one_meaning, "docs/DESIGN.md", "Others have magazines."), []);
    }

    #[test]
    fn strangers_in_the_top_level_are_found() {
        let entries = ["src", ".ci", "Cargo.toml", "examples", "notes.txt"].map(str::to_owned);
        let found = strangers(entries.into_iter());
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("examples:") && found[1].starts_with("notes.txt:"), "{found:?}");
    }
}
