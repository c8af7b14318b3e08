//! The numbers as SVG: one overview of all ratios, and bars for each row.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::candidates::{Entry, Kind};
use crate::case::Target;
use crate::results::{Series, Table};

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = DrawingAreaErrorKind<std::io::Error>;

const FONT: &str = "sans-serif";
const PEERS: [RGBColor; 9] = [
    RGBColor(120, 120, 120),
    RGBColor(214, 96, 20),
    RGBColor(44, 140, 60),
    RGBColor(130, 80, 180),
    RGBColor(140, 86, 75),
    RGBColor(200, 90, 160),
    RGBColor(150, 150, 20),
    RGBColor(20, 150, 170),
    RGBColor(80, 40, 40),
];
const OURS: [RGBColor; 6] = [
    RGBColor(10, 60, 190),
    RGBColor(90, 140, 230),
    RGBColor(60, 80, 130),
    RGBColor(150, 190, 250),
    RGBColor(0, 190, 220),
    RGBColor(110, 110, 250),
];

/// The same colour for a candidate in every plot: by its place in the roster, ours in shades of blue.
fn colour(entry: &Entry, entries: &[Series<'_>]) -> RGBColor {
    let others = entries.iter().map(|series| series.entry);
    let same_kind = others.filter(|other| (other.kind == Kind::Ours) == (entry.kind == Kind::Ours));
    let place = same_kind.take_while(|other| other.name != entry.name).count();
    if entry.kind == Kind::Ours { OURS[place % OURS.len()] } else { PEERS[place % PEERS.len()] }
}

fn describe(path: &Path) -> impl Fn(Failure) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

/// Bars of one column, with a line from the least to the greatest process.
pub(super) fn bars(table: &Table<'_>, path: &Path) -> Result<(), String> {
    if table.entries.is_empty() {
        return Ok(());
    }
    let height = 70 + 26 * u32::try_from(table.entries.len()).expect("a few candidates");
    let canvas = SVGBackend::new(path, (720, height)).into_drawing_area();
    draw_bars(table, &canvas).map_err(describe(path))
}

fn draw_bars(table: &Table<'_>, canvas: &Canvas<'_>) -> Result<(), Failure> {
    canvas.fill(&WHITE)?;
    let title = format!("{}, {} (lower is better)", table.row.name, table.column.metric.heading());
    canvas.draw(&Text::new(title, (10, 8), (FONT, 17)))?;
    let most = table.entries.iter().map(|series| series.summary.most).fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| 150 + (value / most * 480.0) as i32;
    for (place, Series { entry, summary, .. }) in table.entries.iter().enumerate() {
        let y = 40 + 26 * i32::try_from(place).expect("a few candidates");
        canvas.draw(&Text::new(entry.name.clone(), (10, y + 2), (FONT, 14)))?;
        canvas
            .draw(&Rectangle::new([(150, y), (x(summary.median), y + 16)], colour(entry, &table.entries).filled()))?;
        canvas.draw(&PathElement::new([(x(summary.least), y + 8), (x(summary.most), y + 8)], BLACK))?;
        canvas.draw(&Text::new(format!("{:.3}", summary.median), (x(summary.most) + 6, y + 2), (FONT, 13)))?;
    }
    for verdict in table.verdicts() {
        let value = match (verdict.target, table.best_for(verdict.ours.entry)) {
            (Target::AtMost(most), _) => most,
            (Target::OfBest(ratio), Some(best)) => ratio * best.summary.median,
            (Target::OfBest(_), None) => continue,
        };
        let Some(place) = table.entries.iter().position(|series| series.entry.name == verdict.ours.entry.name) else {
            continue;
        };
        let y = 40 + 26 * i32::try_from(place).expect("a few candidates");
        if value <= most {
            canvas.draw(&PathElement::new([(x(value), y - 4), (x(value), y + 20)], RED.stroke_width(2)))?;
        }
    }
    let bottom = 44 + 26 * i32::try_from(table.entries.len()).expect("a few candidates");
    canvas.draw(&Text::new("red: target; black: least to greatest process", (150, bottom), (FONT, 11)))?;
    canvas.present()
}

/// Every timed and judged column: each candidate's ratio to the best peer, on a logarithmic axis; red marks are targets.
pub(super) fn overview(tables: &[Table<'_>], path: &Path) -> Result<(), String> {
    let timed = |table: &&Table<'_>| table.column.metric.is_compared() && !table.column.targets.is_empty();
    let tables: Vec<&Table<'_>> = tables
        .iter()
        .filter(timed)
        .filter(|table| table.entries.iter().any(|series| table.ratio(series).is_some()))
        .collect();
    if tables.is_empty() {
        return Ok(());
    }
    let height = 128 + 22 * u32::try_from(tables.len()).expect("some tables");
    let canvas = SVGBackend::new(path, (1000, height)).into_drawing_area();
    draw_overview(&tables, &canvas).map_err(describe(path))
}

/// The axis ends here; what is slower is drawn at its end.
const AXIS: (f64, f64) = (0.25, 8.0);

fn draw_overview(tables: &[&Table<'_>], canvas: &Canvas<'_>) -> Result<(), Failure> {
    canvas.fill(&WHITE)?;
    canvas.draw(&Text::new("time / best peer (left is better; red: target)", (10, 8), (FONT, 17)))?;
    let x = |ratio: f64| {
        let place = (ratio.clamp(AXIS.0, AXIS.1) / AXIS.0).ln() / (AXIS.1 / AXIS.0).ln();
        200 + (place * 770.0) as i32
    };
    legend(tables, canvas)?;
    let bottom = 104 + 22 * i32::try_from(tables.len()).expect("some tables");
    for ratio in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let line = if ratio == 1.0 { BLACK.mix(0.8) } else { BLACK.mix(0.2) };
        canvas.draw(&PathElement::new([(x(ratio), 98), (x(ratio), bottom)], line))?;
        canvas.draw(&Text::new(ratio.to_string(), (x(ratio) - 6, bottom + 4), (FONT, 12)))?;
    }
    for (place, table) in tables.iter().enumerate() {
        let y = 110 + 22 * i32::try_from(place).expect("some tables");
        canvas.draw(&Text::new(
            format!("{} {}", table.row.name, table.column.metric.word()),
            (10, y - 7),
            (FONT, 13),
        ))?;
        for series in &table.entries {
            let size = if series.entry.kind == Kind::Ours { 6 } else { 4 };
            let ratio = table.ratio(series).map_or(1.0, |ratio| ratio.median);
            canvas.draw(&Circle::new((x(ratio), y), size, colour(series.entry, &table.entries).filled()))?;
        }
        for verdict in table.verdicts() {
            if let Target::OfBest(ratio) = verdict.target {
                canvas.draw(&PathElement::new([(x(ratio), y - 8), (x(ratio), y + 8)], RED.stroke_width(2)))?;
            }
        }
    }
    canvas.present()
}

/// Each candidate once: those of blocks, then those of buffers, which have colours of their own order.
fn legend(tables: &[&Table<'_>], canvas: &Canvas<'_>) -> Result<(), Failure> {
    let mut named: Vec<&str> = Vec::new();
    for table in tables {
        for Series { entry, .. } in &table.entries {
            if named.contains(&entry.name.as_str()) {
                continue;
            }
            let place = i32::try_from(named.len()).expect("a few candidates");
            named.push(&entry.name);
            let (x, y) = (14 + 160 * (place % 6), 40 + 18 * (place / 6));
            canvas.draw(&Circle::new((x, y), 5, colour(entry, &table.entries).filled()))?;
            canvas.draw(&Text::new(entry.name.clone(), (x + 10, y - 7), (FONT, 13)))?;
        }
    }
    Ok(())
}
