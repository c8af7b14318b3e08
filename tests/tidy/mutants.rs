//! The list of small changes that `.ci/mutants` makes must follow the sources.

/// A line of `list` is: file ## where, which the file has once ## what, which that has once ## instead. `text_of` reads a file of src/.
pub(crate) fn mutants_can_be_made(list: &str, text_of: impl Fn(&str) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in list.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("# ")) {
        let unescaped = line.replace(r"\n", "\n");
        let parts: Vec<&str> = unescaped.split(" ## ").collect();
        let [file, place, what, ..] = parts[..] else {
            complaints.push(format!(".ci/mutants.txt:{}: not a file, a place and what is there: {line}", number + 1));
            continue;
        };
        let (places, whats) = (text_of(file).matches(place).count(), place.matches(what).count());
        if (places, whats) != (1, 1) {
            complaints.push(format!(
                ".ci/mutants.txt:{}: {places} times in src/{file}, {whats} times in that, each must be once: {line}",
                number + 1
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::mutants_can_be_made;

    #[test]
    fn mutants_that_do_not_fit_are_found() {
        let text_of = |file: &str| format!("{file}\nif a < b {{\n    twice();\n    twice();\n}}\n");
        let found = |line: &str| mutants_can_be_made(&format!("# a remark\n\n{line}\n"), text_of);
        assert_eq!(found("a.rs ## if a < b { ## a < b ## true"), [""; 0]);
        assert_eq!(found(r"a.rs ## {\n    twice(); ## twice();"), [""; 0]);
        for does_not in
            ["a.rs ## gone ## gone", "a.rs ## twice(); ## twice();", "a.rs ## if a < b { ## c", "a.rs ## only a place"]
        {
            let complaints = found(does_not);
            assert!(complaints.len() == 1 && complaints[0].starts_with(".ci/mutants.txt:3: "), "{complaints:?}");
        }
    }
}
