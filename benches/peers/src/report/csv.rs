//! The numbers as CSV; no name in them holds a comma or a quote.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::results::{Results, Table, Verdict};

/// Every number of every round, in the order of the rounds.
pub(super) fn samples(results: &Results) -> String {
    let mut text = "row,metric,candidate,process,value\n".to_owned();
    for (row, column, name, process, value) in results.cases.iter().flat_map(|case| case.values()) {
        writeln!(text, "{},{},{name},{process},{value}", row.name, column.metric.heading()).expect("writing to memory");
    }
    text
}

/// A line for each candidate of each row and column.
pub(super) fn summary(tables: &[Table<'_>]) -> String {
    let mut text = "row,metric,candidate,median,least,most,ratio to best peer\n".to_owned();
    for table in tables {
        for series in &table.entries {
            let ratio = table.ratio(series).map_or(String::new(), |ratio| ratio.median.to_string());
            let (row, metric, name, summary) =
                (&table.row.name, table.column.metric.heading(), &series.entry.name, series.summary);
            writeln!(text, "{row},{metric},{name},{},{},{},{ratio}", summary.median, summary.least, summary.most)
                .expect("writing to memory");
        }
    }
    text
}

/// What an earlier run had of each target, by row, metric and flavour.
pub(super) type Earlier = BTreeMap<String, f64>;

fn key(verdict: &Verdict<'_>) -> String {
    let table = verdict.table;
    format!("{},{},{}", table.row.name, table.column.metric.heading(), verdict.ours.entry.name)
}

/// A line for each target: what is compared with it, and it.
pub(super) fn targets(tables: &[Table<'_>]) -> String {
    let mut text = "row,metric,flavour,reached,wanted\n".to_owned();
    for verdict in tables.iter().flat_map(Table::verdicts) {
        let wanted = verdict.target.limit();
        writeln!(
            text,
            "{},{},{wanted}",
            key(&verdict),
            verdict.reached.map_or(String::new(), |reached| reached.to_string())
        )
        .expect("writing to memory");
    }
    text
}

/// Reads what `targets` wrote.
pub(super) fn read_targets(text: &str) -> Earlier {
    let target = |line: &str| {
        let (rest, _wanted) = line.rsplit_once(',')?;
        let (key, reached) = rest.rsplit_once(',')?;
        Some((key.to_owned(), reached.parse().ok()?))
    };
    text.lines().filter_map(target).collect()
}

/// What the earlier run had of this target.
pub(super) fn earlier(verdict: &Verdict<'_>, earlier: &Earlier) -> Option<f64> {
    earlier.get(&key(verdict)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_by_row_metric_and_flavour() {
        let read = read_targets("row,metric,flavour,reached,wanted\na/1,cpu ns/op,smarena,0.5,0.4\nb,us,smarena,,3\n");
        assert_eq!(read, Earlier::from([("a/1,cpu ns/op,smarena".to_owned(), 0.5)]));
    }
}
