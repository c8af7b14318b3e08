//! The numbers as CSV; no name in them holds a comma or a quote.

use std::fmt::Write;

use crate::results::{Results, Table};

/// Every number of every round.
pub(super) fn samples(results: &Results) -> String {
    let mut text = "row,metric,candidate,round,value\n".to_owned();
    for (row, column, name, round, value) in results.cases.iter().flat_map(|case| case.values()) {
        writeln!(text, "{},{},{name},{round},{value}", row.name, column.metric.heading()).expect("writing to memory");
    }
    text
}

/// A line for each candidate of each row and column.
pub(super) fn summary(tables: &[Table<'_>]) -> String {
    let mut text = "row,metric,candidate,median,least,most,ratio to best peer\n".to_owned();
    for table in tables {
        for series in &table.entries {
            let ratio = table.ratio(series).map_or(String::new(), |ratio| ratio.to_string());
            let (row, metric, name, summary) =
                (&table.row.name, table.column.metric.heading(), &series.entry.name, series.summary);
            writeln!(text, "{row},{metric},{name},{},{},{},{ratio}", summary.median, summary.least, summary.most)
                .expect("writing to memory");
        }
    }
    text
}
