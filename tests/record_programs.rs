//! Recordings of programs that allocate as real ones do, what is recommended for them, and whether it comes true.
#![cfg(feature = "record")]
#![expect(unsafe_code, reason = "raw calls, to replay what was recorded")]
#![expect(clippy::cast_possible_truncation, reason = "small counts")]

use std::alloc::Layout;
use std::collections::HashMap;
use std::sync::Arc;

use programs::{KEPT_ASIDE, TRIED, recordings, tables};
use replay::comes_true;
use smarena::record::{Event, Forecast, Goal, Log, Recorder, Recording};
use smarena::{Geometric, Global, HeapRef, Linear, Piecewise};

#[path = "common/programs.rs"]
mod programs;
#[path = "common/replay.rs"]
mod replay;

#[test]
fn programs_get_tables_that_waste_less_and_forecasts_that_come_true() {
    let test = "programs_get_tables_that_waste_less_and_forecasts_that_come_true";
    recordings(test, &TRIED).iter().for_each(judge);
}

/// Neither was looked at while the way to choose block sizes was chosen.
#[test]
fn programs_that_were_kept_aside_do_so_too() {
    recordings("programs_that_were_kept_aside_do_so_too", &KEPT_ASIDE).iter().for_each(judge);
}

#[expect(clippy::print_stdout, reason = "the figures are asked for")]
fn judge((which, recording): &(usize, Recording)) {
    let (geometric, tuned) = tables(recording);
    // Of what a table can avoid.
    let avoidable = |forecast: &Forecast| forecast.waste - forecast.grain_waste;
    assert!(
        avoidable(tuned.forecast()) <= avoidable(&geometric) * 2.0 / 3.0,
        "program {which}: {geometric:?}\n{tuned}"
    );
    // With `--nocapture`, the tables in docs/BENCHMARKS.md. Twice the sizes in grains of 16 are the sizes in grains of 8.
    let goal = Goal { classes: geometric.classes.len(), waste: 0.0, ..Goal::default() };
    let finer = again(recording, 2, recording.events().len()).recommend(&goal);
    let at_peak = |forecast: &Forecast| forecast.peak_bytes as f64 / recording.peak_bytes() as f64 - 1.0;
    let both = [&geometric, tuned.forecast()];
    let percent = |shares: &[f64]| shares.iter().map(|share| format!(" {:5.1}", share * 100.0)).collect::<String>();
    println!(
        "{which}: {:2} block sizes. General and tuned, in %: all{}, avoidable{}, at the peak{}. Tuned in grains of 8:{}",
        geometric.classes.len(),
        percent(&both.map(|forecast| forecast.waste)),
        percent(&both.map(avoidable)),
        percent(&both.map(at_peak)),
        percent(&[finer.forecast().waste])
    );
    assert_eq!((tuned.forecast().overflow, tuned.forecast().too_large), (0.0, geometric.too_large));
    comes_true::<Geometric<40>>(recording);
    comes_true::<Linear<64>>(recording);
    comes_true::<Piecewise<40>>(recording);
    a_sample_tells_nearly_as_much(recording, tuned.block_sizes());
}

/// The same events again, of blocks that are so many times as large, to a log with room for so many.
fn again(recording: &Recording, times: usize, room: usize) -> Recording {
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(room)));
    let mut live = HashMap::new();
    for &Event { block, size, align, freed, .. } in recording.events() {
        if freed {
            if let Some((block, layout)) = live.remove(&block) {
                // SAFETY: live, of this recorder's heap, with its layout; it is gone from the table.
                unsafe { recorder.deallocate(block, layout) };
            }
            continue;
        }
        let layout = Layout::from_size_align(size * times, align).unwrap();
        live.insert(block, (recorder.allocate(layout).unwrap(), layout));
    }
    let again = recorder.recording();
    // SAFETY: as above; the table ends here.
    live.into_values().for_each(|(block, layout)| unsafe { recorder.deallocate(block, layout) });
    again
}

/// What is said of a sample, of which a log with room for a quarter of the events keeps the blocks.
fn a_sample_tells_nearly_as_much(recording: &Recording, block_sizes: &[usize]) {
    let sample = again(recording, 1, recording.events().len() / 4);
    let plenty = vec![usize::MAX; block_sizes.len()];
    let [all, some] = [recording, &sample].map(|recording| recording.forecast(block_sizes, &plenty));
    let one_in = sample.one_in() as f64;
    assert!(one_in >= 4.0);
    let counts = |forecast: &Forecast| forecast.classes.iter().map(|class| class.allocations).collect::<Vec<_>>();
    assert_eq!((some.waste, some.too_large, counts(&some)), (all.waste, all.too_large, counts(&all)));
    // Of classes of which many are in the sample: five times the deviation.
    for (all, some) in all.classes.iter().zip(&some.classes).filter(|(all, _)| all.peak as f64 >= 50.0 * one_in) {
        let most = 5.0 * (all.peak as f64 * (one_in - 1.0)).sqrt();
        let off = (all.peak as f64 - some.peak as f64).abs();
        assert!(off <= most, "{some:?}, but {all:?}: more than {most} off");
    }
}
