//! A heap's map to look at, as SVG. On white, so that it can be read in light and dark surroundings.

use core::fmt::{self, Write};

use super::map::HeapMap;

/// From none to all. Each is darker than the one before, so that nobody needs to tell colours apart.
const COLOURS: [&str; 8] = ["#ffffff", "#dbe9f6", "#bad6eb", "#89bedc", "#539ecd", "#2b7bba", "#0b559f", "#08306b"];
const WIDTH: usize = 900;
/// Where the squares begin and end.
const LEFT: usize = 90;
const RIGHT: usize = 750;
const TOP: usize = 70;
/// From one row to the next; the squares are lower.
const ROW: usize = 22;
const SQUARE: usize = 16;

impl HeapMap {
    /// The map as an SVG file: a row for each bucket that was ever used, a square for each patch, darker the more of it is taken. Over a
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
        writeln!(svg, r#"font-family="sans-serif" font-size="13" fill="black">"#)?;
        writeln!(svg, r#"<rect width="{WIDTH}" height="{height}" fill="white"/>"#)?;
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
        writeln!(svg, r#"<text x="{}" y="{BASE}">all</text>"#, LEFT + COLOURS.len() * SQUARE + 10)
    }
}

/// Opens a square. It is outlined, so that an empty one is seen, too.
fn square(svg: &mut String, x: f64, top: usize, width: f64, shade: usize) -> fmt::Result {
    let colour = COLOURS[shade];
    write!(
        svg,
        r##"<rect x="{x:.2}" y="{top}" width="{width:.2}" height="{SQUARE}" fill="{colour}" stroke="#b0b8c0" stroke-width="0.5">"##
    )
}

/// A name as it may stand in XML.
fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
