//! Tables of numbers for a terminal.

use std::fmt::Write;

/// The headings, and below them the cells row by row, each column as wide as its widest cell and aligned to the right.
pub(super) fn aligned(headings: &[&str], cells: &[String]) -> String {
    let cells: Vec<&str> = headings.iter().copied().chain(cells.iter().map(String::as_str)).collect();
    let rows = cells.chunks(headings.len());
    let mut widths = vec![0; headings.len()];
    for row in rows.clone() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for row in rows {
        for (number, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if number == 0 { "" } else { "  " };
            let _ = write!(table, "{gap}{cell:>width$}");
        }
        table.push('\n');
    }
    table
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::aligned;

    #[test]
    fn a_long_number_widens_its_column_alone() {
        let cells = ["1", "123456789012", "22", "3"].map(str::to_owned);
        let expected = "n            much\n 1    123456789012\n22               3\n";
        let table = aligned(&["n", "much"], &cells);
        assert_eq!(table.lines().map(str::len).collect::<Vec<_>>(), [16; 3], "{table}");
        assert_eq!(table.split_whitespace().collect::<Vec<_>>(), expected.split_whitespace().collect::<Vec<_>>());
    }
}
