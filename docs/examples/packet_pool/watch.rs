//! The live view: what heap and pool are doing while packets travel, until `q` is pressed.
//!
//! Everything here is a difference of two snapshots, or the later one: `HeapStats::since`, `HeapStats::cached_by_thread`, `BufPool::stats`.
//! The terminal's own colours are used throughout, so that it is readable on a light ground and on a dark one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Row, Sparkline, Table};
use smarena::{HeapStats, PoolStats, StaticHeap};

use crate::ending::Failure;
use crate::race::{Race, Traffic};
use crate::{Net, Pool};

/// From one snapshot to the next.
const STEP: Duration = Duration::from_millis(500);
/// How long a key may wait, and the end of the race.
const PATIENCE: Duration = Duration::from_millis(50);
/// Rates that are remembered: as many as a wide terminal shows.
const PAST: usize = 200;

/// Everything at one moment.
struct Snapshot {
    at: Instant,
    heap: HeapStats,
    pool: PoolStats,
    udp: Traffic,
    tcp: Traffic,
}

impl Snapshot {
    fn take(pool: &Pool, race: &Race) -> Self {
        Self {
            at: Instant::now(),
            heap: Net::HEAP.stats(),
            pool: pool.stats(),
            udp: race.udp.read(),
            tcp: race.tcp.read(),
        }
    }
}

/// Shows everything until the race is over, which it is when `q` is pressed.
pub(crate) fn show(pool: &Pool, race: &Race) -> Result<(), Failure> {
    let mut terminal = ratatui::try_init()?;
    let shown = (|| {
        let mut before = Snapshot::take(pool, race);
        let mut now = Snapshot::take(pool, race);
        let mut past = VecDeque::with_capacity(PAST);
        while !race.is_over() {
            terminal.draw(|frame| draw(frame, &before, &now, past.make_contiguous()))?;
            while now.at.elapsed() < STEP && !race.is_over() {
                if !event::poll(PATIENCE)? {
                    continue;
                }
                match event::read()? {
                    Event::Key(key) if key.kind == KeyEventKind::Press && key.code == KeyCode::Char('q') => {
                        race.finish()
                    }
                    // The terminal has another size.
                    Event::Resize(..) => break,
                    _ => {}
                }
            }
            if now.at.elapsed() >= STEP {
                before = std::mem::replace(&mut now, Snapshot::take(pool, race));
                past.truncate(PAST - 1);
                past.push_front(rate(&before, &now, packets));
            }
        }
        Ok(())
    })();
    ratatui::try_restore()?;
    shown
}

fn packets(snapshot: &Snapshot) -> u64 {
    snapshot.udp.packets + snapshot.tcp.packets
}

/// How much more a second.
fn rate(before: &Snapshot, now: &Snapshot, count: impl Fn(&Snapshot) -> u64) -> u64 {
    let nanos = now.at.duration_since(before.at).as_nanos().max(1);
    let more = u128::from(count(now).saturating_sub(count(before)));
    u64::try_from(more * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

fn draw(frame: &mut Frame<'_>, before: &Snapshot, now: &Snapshot, past: &[u64]) {
    let bucket_lines = u16::try_from(now.heap.buckets().len()).unwrap_or(u16::MAX);
    let [head, permits, rates, buckets, caches] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(3),
        Constraint::Length(5),
        Constraint::Length(bucket_lines.saturating_add(3)),
        Constraint::Min(3),
    ])
    .areas(frame.area());
    let title = format!("packet_pool: heap \"{}\" and a pool of {} buffers. q leaves.", now.heap.name, now.pool.limit);
    frame.render_widget(Line::from(title).style(Modifier::BOLD), head);
    draw_permits(frame, permits, &now.pool);
    draw_rates(frame, rates, before, now, past);
    draw_buckets(frame, buckets, before, now);
    draw_caches(frame, caches, &now.heap);
}

fn draw_permits(frame: &mut Frame<'_>, area: Rect, pool: &PoolStats) {
    let PoolStats { in_flight, limit, peak, waiting, refusals, .. } = *pool;
    let label = format!("{in_flight} of {limit} on loan, {peak} at most, {waiting} waiting, {refusals} refused");
    let share = in_flight as f64 / limit.max(1) as f64;
    let gauge = Gauge::default().block(Block::bordered().title("permits")).ratio(share.clamp(0.0, 1.0)).label(label);
    frame.render_widget(gauge, area);
}

fn draw_rates(frame: &mut Frame<'_>, area: Rect, before: &Snapshot, now: &Snapshot, past: &[u64]) {
    let [udp, tcp] = [rate(before, now, |at| at.udp.packets), rate(before, now, |at| at.tcp.packets)];
    let [refills, spills] =
        [rate(before, now, |at| at.heap.total().refills as u64), rate(before, now, |at| at.heap.total().spills as u64)];
    let title = format!("a second: {udp} packets over UDP, {tcp} over TCP, {refills} refills, {spills} spills");
    frame.render_widget(Sparkline::default().block(Block::bordered().title(title)).data(past), area);
}

fn draw_buckets(frame: &mut Frame<'_>, area: Rect, before: &Snapshot, now: &Snapshot) {
    let change = now.heap.since(&before.heap);
    let headings =
        ["block size", "live", "free", "cached", "peak", "watermark", "of", "refills", "spills", "overflowed"];
    let rows = now.heap.buckets().iter().zip(change.buckets()).map(|(bucket, change)| {
        let counts = [bucket.block_size, bucket.live, bucket.free, bucket.cached, bucket.peak, bucket.watermark];
        let counts = counts.into_iter().chain([bucket.capacity, change.refills, change.spills, bucket.overflowed]);
        right(counts.map(|count| count.to_string()))
    });
    table(frame, area, "buckets", right(headings.map(str::to_owned)), rows.collect(), headings.len());
}

fn draw_caches(frame: &mut Frame<'_>, area: Rect, heap: &HeapStats) {
    let sizes = heap.buckets().iter().map(|bucket| bucket.block_size.to_string());
    let headings = right(std::iter::once("thread".to_owned()).chain(sizes));
    let rows = heap.cached_by_thread().enumerate().map(|(thread, blocks)| {
        right(std::iter::once(thread + 1).chain(blocks.iter().copied()).map(|count| count.to_string()))
    });
    let title = format!("blocks in the caches of {} threads, by their size", heap.caches);
    table(frame, area, &title, headings, rows.collect(), heap.buckets().len() + 1);
}

/// Cells, each aligned to the right.
fn right(cells: impl IntoIterator<Item = String>) -> Row<'static> {
    Row::new(cells.into_iter().map(|cell| Line::from(cell).right_aligned()))
}

fn table(frame: &mut Frame<'_>, area: Rect, title: &str, headings: Row<'_>, rows: Vec<Row<'_>>, columns: usize) {
    let headings = headings.style(Style::new().add_modifier(Modifier::UNDERLINED));
    let table = Table::new(rows, vec![Constraint::Fill(1); columns]).header(headings);
    frame.render_widget(table.block(Block::bordered().title(title)), area);
}
