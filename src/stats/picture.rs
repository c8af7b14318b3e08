//! A heap's map to look at, as SVG.

use core::fmt::{self, Write};

use super::map::HeapMap;
use crate::look::{self, Colour, GROUND, INK};

/// From none to all. Each is further from the ground than the one before, so that nobody needs to tell colours apart.
const COLOURS: [Colour; 8] = [
    GROUND,
    ("#DBE9F6", "#1C2C40"),
    ("#BAD6EB", "#20405F"),
    ("#89BEDC", "#2A5A86"),
    ("#539ECD", "#3F7DB2"),
    ("#2B7BBA", "#68A2D4"),
    ("#0B559F", "#9DC7EA"),
    ("#08306B", "#D8ECFC"),
];
const OUTLINE: Colour = ("#B0B8C0", "#5A646E");
const WIDTH: usize = 900;
/// Where the squares begin and end.
const LEFT: usize = 90;
const RIGHT: usize = 750;
const TOP: usize = 70;
/// From one row to the next; the squares are lower.
const ROW: usize = 22;
const SQUARE: usize = 16;

impl HeapMap {
    /// The map as an SVG file: a row for each bucket that was ever used, a square for each patch, darker the more of it is taken (where the
    /// surroundings are dark, lighter). Over a
    /// square, a browser says which blocks it is and how many are taken. There is room for some hundreds of columns.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// assert!(heap.map(100).picture().starts_with("<svg"));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn picture(&self) -> String {
        let mut svg = String::new();
        // Writing to a string does not fail.
        let _ = self.draw(&mut svg);
        svg
    }

    fn draw(&self, svg: &mut String) -> fmt::Result {
        let height = TOP + self.used().count() * ROW + 12;
        write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" "#
        )?;
        writeln!(svg, r#"font-family="sans-serif" font-size="13" fill="{}">"#, INK.0)?;
        svg.push_str(&look::style(&[&COLOURS[1..], &[OUTLINE]].concat()));
        writeln!(svg, r#"<rect width="{WIDTH}" height="{height}" fill="{}"/>"#, GROUND.0)?;
        writeln!(
            svg,
            r#"<text x="12" y="24">Blocks taken of heap “{}”, for each block size</text>"#,
            escaped(&self.name)
        )?;
        Self::draw_legend(svg)?;
        let widest = self.used().map(|bucket| bucket.patches().len()).max().unwrap_or(1);
        // All rows on one scale, with squares no wider than high.
        let width = ((RIGHT - LEFT) as f64 / widest as f64).min(SQUARE as f64);
        for (row, bucket) in self.used().enumerate() {
            let (top, base) = (TOP + row * ROW, TOP + row * ROW + 13);
            writeln!(svg, r#"<text x="{}" y="{base}" text-anchor="end">{}</text>"#, LEFT - 10, bucket.block_size)?;
            for (number, patch) in bucket.patches().iter().enumerate() {
                let (x, first) = (LEFT as f64 + number as f64 * width, number * bucket.patch_blocks);
                let last = first + patch.blocks - 1;
                square(svg, x, top, width, patch.shade(COLOURS.len() - 1))?;
                writeln!(
                    svg,
                    "<title>blocks {first} to {last}: {} of {} taken</title></rect>",
                    patch.taken, patch.blocks
                )?;
            }
            outline(svg, top, bucket.patches().len() as f64 * width)?;
            writeln!(svg, r#"<text x="{}" y="{base}">{}</text>"#, RIGHT + 10, bucket.unit())?;
        }
        writeln!(svg, "</svg>")
    }

    fn draw_legend(svg: &mut String) -> fmt::Result {
        /// What its words stand on.
        const BASE: usize = 48;
        writeln!(svg, r#"<text x="{}" y="{BASE}" text-anchor="end">none</text>"#, LEFT - 10)?;
        for shade in 0..COLOURS.len() {
            square(svg, (LEFT + shade * SQUARE) as f64, BASE - 13, SQUARE as f64, shade)?;
            writeln!(svg, "</rect>")?;
        }
        outline(svg, BASE - 13, (COLOURS.len() * SQUARE) as f64)?;
        writeln!(svg, r#"<text x="{}" y="{BASE}">all</text>"#, LEFT + COLOURS.len() * SQUARE + 10)
    }
}

/// Opens a square. Neighbours of one colour are one.
fn square(svg: &mut String, x: f64, top: usize, width: f64, shade: usize) -> fmt::Result {
    let (colour, _) = COLOURS[shade];
    write!(
        svg,
        r#"<rect x="{x:.2}" y="{top}" width="{width:.2}" height="{SQUARE}" fill="{colour}" shape-rendering="crispEdges">"#
    )
}

/// Goes round a row, so that empty squares are seen, too.
fn outline(svg: &mut String, top: usize, width: f64) -> fmt::Result {
    let (colour, _) = OUTLINE;
    writeln!(svg, r#"<rect x="{LEFT}" y="{top}" width="{width:.2}" height="{SQUARE}" fill="none" stroke="{colour}"/>"#)
}

/// A name as it may stand in XML.
fn escaped(name: &str) -> String {
    let allowed = |c: char| {
        if matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}') {
            '\u{fffd}'
        } else {
            c
        }
    };
    name.chars().map(allowed).collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
