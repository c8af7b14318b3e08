//! The tables as aligned text.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::case::Target;
use crate::report::csv::{self, Earlier};
use crate::results::{Results, Summary, Table, Verdict};

/// Everything a reader of the terminal sees.
pub(super) fn text(results: &Results, tables: &[Table<'_>], earlier: Option<&Earlier>, processes: usize) -> String {
    let mut text = String::new();
    let mut last = "";
    for table in tables {
        if table.row.name != last {
            last = &table.row.name;
            text += &row(tables.iter().filter(|other| other.row.name == last));
        }
    }
    text += &verdicts(tables, earlier, processes);
    text += &skipped(results);
    text
}

/// One row: a line for each candidate, best first by the first column.
fn row<'a>(columns: impl Iterator<Item = &'a Table<'a>>) -> String {
    let columns: Vec<&Table<'_>> = columns.collect();
    let Some(&first) = columns.first() else {
        return String::new();
    };
    let mut lines = vec![vec![first.row.name.clone()]];
    for column in &columns {
        lines[0].extend([column.column.metric.heading(), "spread", "x best"].map(str::to_owned));
    }
    let mut order: Vec<usize> = (0..first.entries.len()).collect();
    order.sort_by(|&one, &other| first.entries[one].summary.median.total_cmp(&first.entries[other].summary.median));
    for index in order {
        let mut line = vec![first.entries[index].entry.name.clone()];
        for column in &columns {
            let series = &column.entries[index];
            line.extend([number(series.summary.median), spread(series.summary), ratio(column.ratio(series))]);
        }
        lines.push(line);
    }
    format!("{}\n", align(&lines))
}

fn ratio(ratio: Option<Summary>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}", ratio.median))
}

fn spread(of: Summary) -> String {
    format!("{:.0} %", of.spread())
}

/// Three significant digits are what such a number is worth.
fn number(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.decimals$}")
}

/// The summary: each target, whether it was met, how far the processes lie apart in it, and what an earlier run had.
fn verdicts(tables: &[Table<'_>], earlier: Option<&Earlier>, processes: usize) -> String {
    let verdicts: Vec<Verdict<'_>> = tables.iter().flat_map(Table::verdicts).collect();
    let heading = ["target", "of", "flavour", "ours", "best peer", "", "ratio", "spread", "wanted", "", "earlier"];
    let columns = heading.len() - usize::from(earlier.is_none());
    let mut lines = vec![heading[..columns].iter().map(|&cell| cell.to_owned()).collect()];
    lines.extend(verdicts.iter().map(|of| verdict(of, earlier)));
    let met = verdicts.iter().filter(|verdict| verdict.met() == Some(true)).count();
    let mut text =
        format!("{}{met} of {} targets met, by medians over {processes} processes", align(&lines), verdicts.len());
    if let Some(earlier) = earlier {
        let both = |verdict| Some((verdict, csv::earlier(verdict, earlier)?));
        let both: Vec<(&Verdict<'_>, f64)> = verdicts.iter().filter_map(both).collect();
        let met = both.iter().filter(|(verdict, was)| verdict.met() == Some(true) && *was <= verdict.target.limit());
        let apart = |(verdict, was): &(&Verdict<'_>, f64)| Some(100.0 * (verdict.reached? / was - 1.0).abs());
        let met = met.count();
        let mut apart: Vec<f64> = both.iter().filter_map(apart).filter(|apart| apart.is_finite()).collect();
        apart.sort_by(f64::total_cmp);
        let place = |share: usize| apart.get(share * apart.len() / 100).copied().unwrap_or_default();
        text += &format!(
            "; {met} in the earlier run as well; the two lie {:.0} % apart in half of them, {:.0} % in a tenth",
            place(50),
            place(90)
        );
    }
    text + "\n"
}

fn verdict(verdict: &Verdict<'_>, earlier: Option<&Earlier>) -> Vec<String> {
    let (table, ours) = (verdict.table, verdict.ours);
    let best = table
        .best_for(ours.entry)
        .map_or_else(Default::default, |best| (number(best.summary.median), best.entry.name.clone()));
    let of_best = table.ratio(ours);
    let wanted = match verdict.target {
        Target::OfBest(ratio) => format!("<= {ratio:.2} x best"),
        Target::AtMost(most) => format!("<= {most}"),
    };
    let met = match verdict.met() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "no peer",
    };
    let mut line = vec![
        table.row.name.clone(),
        table.column.metric.heading().to_owned(),
        ours.entry.name.clone(),
        number(ours.summary.median),
        best.0,
        best.1,
        ratio(of_best),
        spread(of_best.unwrap_or(ours.summary)),
        wanted,
        met.to_owned(),
    ];
    if let Some(earlier) = earlier {
        line.push(csv::earlier(verdict, earlier).map_or_else(|| "-".to_owned(), number));
    }
    line
}

/// Who took no part, and why; one line for all that share cases and reason.
fn skipped(results: &Results) -> String {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (case, name, why) in &results.skipped {
        reasons.entry((name, why)).or_default().push(case);
    }
    let mut groups: BTreeMap<(Vec<&str>, &str), Vec<&str>> = BTreeMap::new();
    for ((name, why), cases) in reasons {
        groups.entry((cases, why)).or_default().push(name);
    }
    let line = |((cases, why), names): ((Vec<&str>, &str), Vec<&str>)| {
        let cases = if cases.len() > 3 { format!("{} cases", cases.len()) } else { cases.join(", ") };
        format!("left out of {cases}: {} ({why})\n", names.join(", "))
    };
    groups.into_iter().map(line).collect()
}

/// Columns side by side: the first one and texts to the left, numbers to the right.
pub fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let is_number = |cell: &str| cell == "-" || cell.starts_with(|first: char| first.is_ascii_digit());
    let to_the_right =
        |column: usize| lines.iter().skip(1).filter_map(|line| line.get(column)).any(|cell| is_number(cell));
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
