//! The tables as aligned text.

use std::fmt::Write;

use crate::case::Target;
use crate::ours::STAND_IN;
use crate::results::{Results, Summary, Table, Verdict};

/// Everything a reader of the terminal sees.
pub(super) fn text(results: &Results, tables: &[Table<'_>]) -> String {
    let mut text = String::new();
    let mut last = "";
    for table in tables {
        if table.row.name != last {
            last = &table.row.name;
            text += &row(tables.iter().filter(|other| other.row.name == last));
        }
    }
    text += &verdicts(tables);
    text += &skipped(results);
    if STAND_IN {
        text += "\nsmarena's numbers are those of a stand-in over the system's malloc.\n";
    }
    text
}

/// One row: a line for each candidate, best first by the first column.
fn row<'a>(columns: impl Iterator<Item = &'a Table<'a>>) -> String {
    let columns: Vec<&Table<'_>> = columns.collect();
    let Some(&first) = columns.first() else { return String::new() };
    let mut lines = vec![vec![first.row.name.clone()]];
    for column in &columns {
        lines[0].extend([column.column.metric.heading().to_owned(), "spread".to_owned(), "x best".to_owned()]);
    }
    let mut order: Vec<usize> = (0..first.entries.len()).collect();
    order.sort_by(|&one, &other| first.entries[one].1.median.total_cmp(&first.entries[other].1.median));
    for index in order {
        let mut line = vec![first.entries[index].0.name.clone()];
        for column in &columns {
            line.extend(numbers(&column.entries[index].1, column.best()));
        }
        lines.push(line);
    }
    format!("{}\n", align(&lines))
}

fn numbers(summary: &Summary, best: Option<(&str, f64)>) -> [String; 3] {
    [number(summary.median), format!("{:.0} %", summary.spread()), ratio(summary.median, best)]
}

fn ratio(value: f64, best: Option<(&str, f64)>) -> String {
    best.map_or_else(|| "-".to_owned(), |(_, best)| format!("{:.2}", value / best))
}

/// Three significant digits are what such a number is worth.
fn number(value: f64) -> String {
    let decimals = if value >= 100.0 { 0 } else if value >= 10.0 { 1 } else if value >= 1.0 { 2 } else { 3 };
    format!("{value:.decimals$}")
}

/// The summary: each target, and whether it was met.
fn verdicts(tables: &[Table<'_>]) -> String {
    let verdicts: Vec<Verdict<'_>> = tables.iter().flat_map(Table::verdicts).collect();
    let heading = ["target", "of", "flavour", "ours", "best peer", "", "ratio", "wanted", ""];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    lines.extend(verdicts.iter().map(verdict));
    let met = verdicts.iter().filter(|verdict| verdict.met == Some(true)).count();
    format!("{}{met} of {} targets met\n", align(&lines), verdicts.len())
}

fn verdict(verdict: &Verdict<'_>) -> Vec<String> {
    let (best, name) = verdict.best.map_or_else(Default::default, |(name, best)| (number(best), name.to_owned()));
    let wanted = match verdict.target {
        Target::OfBest(ratio) => format!("<= {ratio:.2} x best"),
        Target::AtMost(most) => format!("<= {most}"),
    };
    let met = match verdict.met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "no peer",
    };
    vec![
        verdict.table.row.name.clone(),
        verdict.table.column.metric.heading().to_owned(),
        verdict.flavour.to_owned(),
        number(verdict.ours),
        best,
        name,
        ratio(verdict.ours, verdict.best),
        wanted,
        met.to_owned(),
    ]
}

/// Who took no part: with the cases' names, or without them where it was nearly all of them.
fn skipped(results: &Results) -> String {
    let mut text = String::new();
    let mut reasons: Vec<(&str, &str)> = results.skipped.iter().map(|(_, name, why)| (name.as_str(), why.as_str())).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for (name, why) in reasons {
        let all = results.skipped.iter().filter(|(_, other, reason)| other == name && reason == why);
        let cases: Vec<&str> = all.map(|(case, ..)| case.as_str()).collect();
        let of = if cases.len() > 3 { format!("{} cases", cases.len()) } else { cases.join(", ") };
        writeln!(text, "left out: {name} of {of}: {why}").expect("writing to memory");
    }
    text
}

/// Columns side by side: the first one and texts to the left, numbers to the right.
pub(crate) fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let is_number = |cell: &str| cell == "-" || cell.starts_with(|first: char| first.is_ascii_digit());
    let to_the_right = |column: usize| lines.iter().skip(1).filter_map(|line| line.get(column)).any(|cell| is_number(cell));
    let right: Vec<bool> = (0..columns).map(|column| column > 0 && to_the_right(column)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            if right[column] { pad + cell } else { cell.clone() + &pad }
        });
        let line: Vec<String> = cells.collect();
        writeln!(text, "{}", line.join("  ").trim_end()).expect("writing to memory");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_numbers() {
        let lines = [["row", "ns"], ["a", "1.0"], ["long", "10.0"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(align(&lines), "row     ns\na      1.0\nlong  10.0\n");
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!([123.4, 12.34, 1.234, 0.1234].map(number), ["123", "12.3", "1.23", "0.123"]);
    }
}
