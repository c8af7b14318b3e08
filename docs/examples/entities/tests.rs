//! The game is one that despawns and hands slots out again, and it replays.

use std::ffi::OsString;

use crate::ending::Ending;
use crate::{World, program, run};

#[test]
fn a_game_that_is_loaded_or_rolled_back_goes_on_as_the_one_that_was_played() {
    for (ticks, population) in [(1, 1), (10, 1000), (200, 7), (500, 300)] {
        let ending = run(ticks, population).unwrap();
        assert!(matches!(&ending, Ending::Good(report) if report.contains("entities left")), "{ticks} {population}");
    }
}

#[test]
fn components_go_with_their_entities_and_slots_are_used_again() {
    let mut world = World { random: 1, ..World::default() };
    for _ in 0..300 {
        world.tick(100);
        assert_eq!(world.entities.len(), world.places.len());
        assert!(world.speeds.keys().chain(world.prey.keys()).all(|entity| world.entities.contains(entity)));
    }
    assert!(world.despawned > 200 && world.entities.keys().all(|entity| entity.slot() < 100));
    let before = world.checksum();
    let entity = world.entities.keys().next().unwrap();
    world.entities[entity].health += 1;
    assert_ne!(world.checksum(), before);
}

#[test]
fn arguments_are_checked() {
    let program = |words: &str| program(words.split(' ').map(OsString::from).collect());
    assert!(matches!(program("entities --ticks=3"), Ending::Good(_)));
    for (words, complaint) in [
        ("entities --ticks 0", "--ticks: \"0\" is not a number from 1 to 1000000"),
        ("entities --ticks", "--ticks needs a value"),
        ("entities --tick 7", "invalid option '--tick'"),
    ] {
        assert!(matches!(program(words), Ending::Misused(error) if error == complaint), "{words}");
    }
}
