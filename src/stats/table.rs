//! Tables of numbers for a terminal.

/// The headings, and below them the rows, each column as wide as its widest cell and aligned to the right.
pub(super) fn aligned<const N: usize>(headings: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = core::iter::once(headings.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = core::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        cells.join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::aligned;

    #[test]
    fn a_long_number_widens_its_column_alone() {
        let rows = [["1", "123456789012"], ["22", "3"]].map(|row| row.map(str::to_owned));
        let expected = "n            much\n 1    123456789012\n22               3\n";
        let table = aligned(["n", "much"], rows.into_iter());
        assert_eq!(table.lines().map(str::len).collect::<Vec<_>>(), [16; 3], "{table}");
        assert_eq!(table.split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
    }
}
