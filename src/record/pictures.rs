//! Recordings to look at: as SVG, and for a terminal.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Recording, SizeCount};
use crate::look::{self, Colour};

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

const SIZE: (u32, u32) = (900, 360);
const TITLE: (&str, i32) = ("sans-serif", 18);
const FONT: (&str, i32) = ("sans-serif", 15);
const BARS: RGBColor = RGBColor(44, 110, 190);
const LINES: RGBColor = RGBColor(200, 80, 20);
/// The same as they stand in the SVG.
const COLOURS: [Colour; 2] = [("#2C6EBE", "#6CA8EC"), ("#C85014", "#FF9A5C")];

/// Draws into a string, which cannot fail: nothing is written anywhere, and all coordinates are finite.
#[track_caller]
fn picture(draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let drawn = canvas.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&canvas));
        drawn.and_then(|()| Ok(canvas.present()?)).expect("a string takes every picture");
    }
    let inside = svg.find('>').map_or(0, |end| end + 1);
    svg.insert_str(inside, &look::style(&COLOURS));
    svg
}

/// The most columns and rows of a chart: no terminal has more.
const MOST_CELLS: usize = 1 << 12;

impl Recording {
    /// How often each size was asked for, as bars over the logarithm of the size, and the given block sizes as lines: an SVG file.
    ///
    /// A bar's height is the logarithm of the count. What lies between two lines is served by the right one.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::{Goal, Recorder}};
    /// let recorder = Recorder::new(Global);
    /// drop(SmBox::new_in([0_u8; 100], recorder.clone()));
    /// let recording = recorder.recording();
    /// let tuned = recording.recommend(&Goal::default());
    /// assert!(recording.picture_of_sizes(tuned.block_sizes()).starts_with("<svg"));
    /// ```
    ///
    /// # Panics
    /// If no picture can be drawn, which is a bug here.
    #[must_use]
    #[track_caller]
    pub fn picture_of_sizes(&self, block_sizes: &[usize]) -> String {
        let cells: Vec<SizeCount> = self.sizes().iter().filter(|cell| cell.most < usize::MAX).copied().collect();
        let largest = cells.iter().map(|cell| cell.most).chain(block_sizes.iter().copied()).max().unwrap_or(16);
        let most = cells.iter().map(|cell| cell.count).max().unwrap_or(1);
        picture(|canvas| {
            let x = (8_f64..largest as f64 * 1.3).log_scale();
            let y = (0.5_f64..most as f64 * 2.0).log_scale();
            let mut chart = ChartBuilder::on(canvas)
                .caption("Sizes asked for (bars), and the block sizes that serve them (lines)", TITLE)
                .margin(14)
                .x_label_area_size(46)
                .y_label_area_size(84)
                .build_cartesian_2d(x, y)?;
            let bytes = |size: &f64| format!("{size:.0}");
            let mesh = &mut chart.configure_mesh();
            mesh.disable_mesh()
                .label_style(FONT)
                .x_desc("bytes")
                .y_desc("times")
                .x_label_formatter(&bytes)
                .y_label_formatter(&bytes)
                .draw()?;
            let bar = |cell: &SizeCount| {
                // Of the grain that it stands for; where that is narrow, enough to be seen.
                let right = cell.most as f64;
                let left = (right - 15.0).clamp(right * 0.7, right * 0.985);
                Rectangle::new([(left, 0.5), (right, cell.count as f64)], BARS.filled())
            };
            chart.draw_series(cells.iter().map(bar))?;
            let line = |&size: &usize| {
                PathElement::new([(size as f64, 0.5), (size as f64, most as f64 * 2.0)], LINES.stroke_width(2))
            };
            chart.draw_series(block_sizes.iter().map(line))?;
            Ok(())
        })
    }

    /// The bytes live over time, estimated from the sample: an SVG file.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::Recorder};
    /// let recorder = Recorder::new(Global);
    /// drop(SmBox::new_in([0_u8; 100], recorder.clone()));
    /// assert!(recorder.recording().picture_of_memory().contains("KiB"));
    /// ```
    ///
    /// # Panics
    /// If no picture can be drawn, which is a bug here.
    #[must_use]
    #[track_caller]
    pub fn picture_of_memory(&self) -> String {
        /// More points than the picture has columns would not be seen.
        const POINTS: usize = 1500;
        let (stretch, peaks) = self.peaks(POINTS);
        let points = peaks.iter().enumerate();
        let points: Vec<_> =
            points.map(|(number, &bytes)| ((number * stretch) as f64, bytes as f64 / 1024.0)).collect();
        let most = points.iter().map(|&(_, kib)| kib).fold(10.0, f64::max);
        let caption = format!("Bytes live over {} events, {:.3} s", self.events().len(), self.micros() as f64 / 1e6);
        picture(|canvas| {
            let mut chart = ChartBuilder::on(canvas)
                .caption(caption, TITLE)
                .margin(14)
                .x_label_area_size(46)
                .y_label_area_size(84)
                .build_cartesian_2d(0.0..self.events().len().max(10) as f64, 0.0..most * 1.05)?;
            let number = |n: &f64| format!("{n:.0}");
            let mesh = &mut chart.configure_mesh();
            mesh.light_line_style(TRANSPARENT)
                .label_style(FONT)
                .x_desc("events")
                .y_desc("KiB")
                .x_label_formatter(&number)
                .y_label_formatter(&number)
                .draw()?;
            chart.draw_series(LineSeries::new(points, BARS.stroke_width(2)))?;
            Ok(())
        })
    }

    /// How often sizes were asked for, one line for each block size, for a terminal of so many columns, 4096 at most.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::Recorder};
    /// let recorder = Recorder::new(Global);
    /// let boxes: Vec<_> = (0..8_u64).map(|n| SmBox::new_in(n, recorder.clone())).collect();
    /// drop(SmBox::new_in([0_u8; 40], recorder.clone()));
    /// let chart = recorder.recording().chart_of_sizes(&[16, 48], 40);
    /// assert_eq!(chart.lines().next(), Some("        16 ████████████████████ 8"));
    /// # drop(boxes);
    /// ```
    #[must_use]
    pub fn chart_of_sizes(&self, block_sizes: &[usize], columns: usize) -> String {
        let forecast = self.forecast(block_sizes, &vec![usize::MAX; block_sizes.len()]);
        let most = forecast.classes.iter().map(|class| class.allocations).max().unwrap_or(0).max(1);
        let room = columns.min(MOST_CELLS).saturating_sub(20).max(8) as u64;
        let line = |class: &super::ClassForecast| {
            let eighths = u128::from(class.allocations) * u128::from(room) * 8 / u128::from(most);
            let full = "█".repeat((eighths / 8) as usize);
            let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][(eighths % 8) as usize];
            format!("{:>10} {full}{rest} {}\n", class.block_size, class.allocations)
        };
        forecast.classes.iter().map(line).collect()
    }

    /// The bytes live over time, for a terminal of so many columns and rows, 4096 at most: time is counted in events, since many share one note of the time.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::Recorder};
    /// let recorder = Recorder::new(Global);
    /// let boxes: Vec<_> = (0..4_u8).map(|n| SmBox::new_in([n; 1024], recorder.clone())).collect();
    /// let chart = recorder.recording().chart_of_memory(40, 2);
    /// let lines: Vec<&str> = chart.lines().collect();
    /// assert_eq!(lines[..2], ["     4 KiB |  ▄█", "         0 |▄███"]);
    /// assert!(lines[2].starts_with("            4 events, 0.")); // and how many seconds
    /// # drop(boxes);
    /// ```
    #[must_use]
    pub fn chart_of_memory(&self, columns: usize, rows: usize) -> String {
        let (_, peaks) = self.peaks(columns.min(MOST_CELLS).saturating_sub(12).max(8));
        let (most, rows) = (peaks.iter().copied().max().unwrap_or(0).max(1), rows.clamp(1, MOST_CELLS));
        let eighths = |bytes: u64| (u128::from(bytes) * rows as u128 * 8 / u128::from(most)) as usize;
        let mut chart = String::new();
        for row in (0..rows).rev() {
            let axis = match row {
                _ if row + 1 == rows => format!("{} KiB", most.div_ceil(1024)),
                0 => "0".to_owned(),
                _ => String::new(),
            };
            let cell = |&bytes: &u64| {
                [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths(bytes).saturating_sub(row * 8).min(8)]
            };
            let line: String = peaks.iter().map(cell).collect();
            chart += &format!("{axis:>10} |{}\n", line.trim_end());
        }
        chart + &format!("{:>12}{} events, {:.3} s\n", "", self.events().len(), self.micros() as f64 / 1e6)
    }

    /// Divides the events into at most `most` stretches of one length: that, and the most bytes that are live in each.
    fn peaks(&self, most: usize) -> (usize, Vec<u64>) {
        let live: Vec<u64> = self.live_bytes().map(|(_, bytes)| bytes).collect();
        let stretch = live.len().div_ceil(most).max(1);
        (stretch, live.chunks(stretch).map(|live| live.iter().copied().max().unwrap_or(0)).collect())
    }
}
