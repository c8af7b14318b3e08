//! What a run leaves behind: text tables, CSV files, SVG plots.

mod csv;
mod plot;
mod table;

pub use table::align;

use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::results::{Results, Table};

/// The file by which a later run is compared with this one.
const TARGETS: &str = "targets.csv";

/// Prints the tables and writes every file.
pub fn report(args: &Args, results: &Results) -> Result<(), String> {
    let read = |run: &PathBuf| {
        let path = run.join(TARGETS);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let earlier = args.against.as_ref().map(read).transpose()?.map(|text| csv::read_targets(&text));
    let (tables, out) = (results.tables(), args.out.as_path());
    let text = table::text(results, &tables, earlier.as_ref(), args.processes());
    print!("{text}");
    write(out, "tables.txt", &text)?;
    write(out, "samples.csv", &csv::samples(results))?;
    write(out, "summary.csv", &csv::summary(&tables))?;
    write(out, TARGETS, &csv::targets(&tables))?;
    plot::overview(&tables, &out.join("overview.svg"))?;
    for table in &tables {
        plot::bars(table, &out.join(format!("{}.svg", file_name(table))))?;
    }
    eprintln!("tables, CSV and SVG files are in {}", out.display());
    Ok(())
}

/// Writes one file into `out`, which is created if need be.
pub fn write(out: &Path, name: &str, text: &str) -> Result<(), String> {
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let path = out.join(name);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A row's columns have files of their own: `seed-1-cpu`.
fn file_name(table: &Table<'_>) -> String {
    format!("{}-{}", table.row.name, table.column.metric.word()).replace('/', "-").to_lowercase()
}
