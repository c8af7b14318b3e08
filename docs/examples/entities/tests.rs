//! The program does what it says. One test alone uses the world: the blocks it counts are the whole process's.

use std::ffi::OsString;
use std::thread;

use crate::world::{Battle, Found};
use crate::{Options, Parsed, parse, run};

#[test]
fn no_handle_is_mistaken_and_nothing_is_lost() {
    #[cfg(target_os = "linux")]
    {
        crate::trouble::threads_that_cannot_be_started(
            "tests::no_handle_is_mistaken_and_nothing_is_lost",
            "entities",
            3,
            || crate::program(words("entities --threads 3 --population 10 --ticks 10")),
        );
        crate::trouble::results_that_cannot_be_written("entities");
    }
    for (threads, population, ticks) in [(1, 1, 1000), (2, 100, 50_000), (4, 3, 50_000)] {
        let report = run(Options { threads, population, ticks }).unwrap();
        assert!(report.is_flawless(), "{report}");
        let tally = report.tally;
        assert_eq!(tally.attacks, (threads * ticks) as u64);
        // There was a churn to speak of, seen from both sides.
        assert!(tally.despawned > tally.attacks / 10 && tally.stale > 0, "{report}");
        assert!(report.to_string().contains(", 0 mistaken\n"), "{report}");
    }
    only_one_of_several_threads_despawns_an_entity();
}

fn only_one_of_several_threads_despawns_an_entity() {
    let battle = Battle::new();
    let reference = battle.spawn(1);
    let despawned = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| usize::from(battle.despawn(reference)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(despawned, 1);
    let again = battle.spawn(1);
    assert!(matches!(battle.look(reference, |_| ()), Found::Stale));
    assert!(matches!(battle.look(again, |entity| entity.serial), Found::Right(1)));
}

#[test]
fn arguments_are_checked() {
    let parse = |words: &str| parse(words.split(' ').map(Into::into).collect::<Vec<_>>());
    let expected = Options { threads: 3, population: 7, ticks: 9 };
    assert_eq!(parse("entities --threads 3 --population=7 --ticks 9"), Ok(Parsed::Run(expected)));
    assert_eq!(parse("entities -h"), Ok(Parsed::Help));
    assert_eq!(parse("entities --threads 0"), Err("--threads: \"0\" is not a number from 1 to 64".into()));
    assert_eq!(parse("entities --ticks"), Err("--ticks needs a value".into()));
    assert_eq!(parse("entities --tick 7"), Err("invalid option '--tick'".into()));
}

/// Arguments of a program.
fn words(words: &str) -> Vec<OsString> {
    words.split(' ').map(Into::into).collect()
}
