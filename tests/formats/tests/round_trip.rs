//! Arenas and handles through the formats that people use, in structs, flattened structs, tagged enums, and as keys of maps.
#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smarena::{DenseArena, Handle, SecondaryMap, SmArena, SparseSecondaryMap, TypedArena};

smarena::handle_type! { struct Enemy -> (u8, String); }

#[derive(Serialize, Deserialize)]
struct World {
    name: String,
    target: Handle<String>,
    nobody: Handle<String>,
    away: Handle<String>,
    entities: SmArena<String>,
    dense: DenseArena<String>,
    enemies: TypedArena<Enemy>,
    homes: BTreeMap<Handle<String>, u32>,
    places: SecondaryMap<String, (i8, i8)>,
    speeds: SparseSecondaryMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
struct Flattened {
    version: u32,
    #[serde(flatten)]
    world: World,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    World(World),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    World(World),
}

fn world() -> World {
    let mut entities: SmArena<String> = (0..300).map(|number| number.to_string()).collect();
    let handles: Vec<_> = entities.keys().collect();
    for number in [7, 3, 200, 100, 4] {
        entities.remove(handles[number]);
    }
    entities.insert("again".into());
    entities.detach(handles[20]);
    let mut dense: DenseArena<_> = (0..100).map(|number| number.to_string()).collect();
    let in_order = dense.keys().to_vec();
    [3, 99, 7].into_iter().for_each(|number| _ = dense.remove(in_order[number]));
    let mut enemies = TypedArena::new();
    let [wolf, _] = [(1, "wolf".into()), (2, "rat".into())].map(|enemy| enemies.insert(enemy));
    enemies.remove(wolf);
    let homes = handles.iter().zip(0..).step_by(50).map(|(handle, home)| (*handle, home)).collect();
    let places = handles.iter().step_by(3).map(|handle| (*handle, (-1, 1))).collect();
    let speeds = handles.iter().zip(1 << 40..).step_by(90).map(|(handle, speed)| (*handle, speed)).collect();
    World {
        name: "a".into(),
        target: handles[299],
        nobody: Handle::default(),
        away: handles[20],
        entities,
        dense,
        enemies,
        homes,
        places,
        speeds,
    }
}

/// Everything that was written last is there, and the next handles are the same.
fn check(mut read: World) {
    let mut written = WRITTEN.take().expect("a world was written");
    assert_eq!((read.name.as_str(), read.nobody), ("a", Handle::default()));
    assert_eq!((read.target, &read.homes), (written.target, &written.homes));
    assert_eq!((&read.places, &read.speeds), (&written.places, &written.speeds));
    assert!(read.entities.iter().eq(written.entities.iter()));
    assert!(read.dense.iter().eq(written.dense.iter()) && read.enemies.iter().eq(written.enemies.iter()));
    for _ in 0..100 {
        assert_eq!(read.entities.insert("new".into()), written.entities.insert("new".into()));
        assert_eq!(read.dense.insert("new".into()), written.dense.insert("new".into()));
        assert_eq!(read.enemies.insert((3, "bat".into())), written.enemies.insert((3, "bat".into())));
    }
    assert_eq!(read.entities.reattach(read.away, "back".into()), Ok(()));
}

thread_local! {
    static WRITTEN: std::cell::RefCell<Option<World>> = const { std::cell::RefCell::new(None) };
}

/// In a debug build each arena has handles of its own: the world that is compared is a copy of the one that is written.
fn written<T>(wrap: impl FnOnce(World) -> T) -> T {
    let world = world();
    let copy = World {
        name: world.name.clone(),
        target: world.target,
        nobody: world.nobody,
        away: world.away,
        entities: world.entities.clone(),
        dense: world.dense.clone(),
        enemies: world.enemies.clone(),
        homes: world.homes.clone(),
        places: world.places.clone(),
        speeds: world.speeds.clone(),
    };
    WRITTEN.set(Some(copy));
    wrap(world)
}

fn flattened(world: World) -> Flattened {
    Flattened { version: 3, world }
}

/// For a format that says what is in it: in every position.
macro_rules! says_what_is_in_it {
    ($name:ident, $through:path) => {
        #[test]
        fn $name() {
            check($through(&written(|world| world)));
            let flat: Flattened = $through(&written(flattened));
            check(flat.world);
            let Tagged::World(world) = $through(&written(Tagged::World));
            check(world);
            let Untagged::World(world) = $through(&written(Untagged::World));
            check(world);
        }
    };
}

/// For other formats: in a struct.
macro_rules! compact {
    ($name:ident, $through:path) => {
        #[test]
        fn $name() {
            check($through(&written(|world| world)));
        }
    };
}

fn through_json<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn through_toml<T: Serialize + DeserializeOwned>(value: &T) -> T {
    toml::from_str(&toml::to_string(value).unwrap()).unwrap()
}

fn through_yaml<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_yaml::from_str(&serde_yaml::to_string(value).unwrap()).unwrap()
}

fn through_ron<T: Serialize + DeserializeOwned>(value: &T) -> T {
    ron::from_str(&ron::to_string(value).unwrap()).unwrap()
}

fn through_cbor<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    ciborium::from_reader(&*bytes).unwrap()
}

fn through_message_pack<T: Serialize + DeserializeOwned>(value: &T) -> T {
    rmp_serde::from_slice(&rmp_serde::to_vec(value).unwrap()).unwrap()
}

fn through_message_pack_with_names<T: Serialize + DeserializeOwned>(value: &T) -> T {
    rmp_serde::from_slice(&rmp_serde::to_vec_named(value).unwrap()).unwrap()
}

fn through_bincode<T: Serialize + DeserializeOwned>(value: &T) -> T {
    bincode::deserialize(&bincode::serialize(value).unwrap()).unwrap()
}

fn through_postcard<T: Serialize + DeserializeOwned>(value: &T) -> T {
    postcard::from_bytes(&postcard::to_stdvec(value).unwrap()).unwrap()
}

says_what_is_in_it!(json, through_json);
says_what_is_in_it!(toml_, through_toml);
says_what_is_in_it!(yaml, through_yaml);
says_what_is_in_it!(cbor, through_cbor);
says_what_is_in_it!(message_pack_with_names, through_message_pack_with_names);
// RON does not read back what it writes of flattened structs, whatever is in them.
compact!(ron_, through_ron);
compact!(message_pack, through_message_pack);
compact!(bincode_, through_bincode);
compact!(postcard_, through_postcard);

/// What an earlier version wrote.
#[derive(Serialize)]
enum Slot {
    Occupied(u32, String),
    Vacant(u32),
}

#[derive(Serialize)]
struct SmArenaBefore {
    first_generation: u32,
    slots: Vec<Slot>,
}

#[test]
fn files_of_an_earlier_version_are_read() {
    let before = SmArenaBefore {
        first_generation: 4,
        slots: vec![Slot::Occupied(7, "a".into()), Slot::Vacant(6), Slot::Vacant(u32::MAX - 1), Slot::Vacant(8)],
    };
    let mut cbor = Vec::new();
    ciborium::into_writer(&before, &mut cbor).unwrap();
    let read: [SmArena<String>; 9] = [
        serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap(),
        toml::from_str(&toml::to_string(&before).unwrap()).unwrap(),
        serde_yaml::from_str(&serde_yaml::to_string(&before).unwrap()).unwrap(),
        ron::from_str(&ron::to_string(&before).unwrap()).unwrap(),
        ciborium::from_reader(&*cbor).unwrap(),
        rmp_serde::from_slice(&rmp_serde::to_vec(&before).unwrap()).unwrap(),
        rmp_serde::from_slice(&rmp_serde::to_vec_named(&before).unwrap()).unwrap(),
        bincode::deserialize(&bincode::serialize(&before).unwrap()).unwrap(),
        postcard::from_bytes(&postcard::to_stdvec(&before).unwrap()).unwrap(),
    ];
    for mut arena in read {
        assert_eq!(arena[Handle::from_bits(7).unwrap()], "a");
        assert_eq!([(); 3].map(|()| arena.insert("new".into()).slot()), [1, 3, 4]);
    }
}

/// JavaScript has no other numbers than those of 53 bits.
#[test]
fn no_handle_is_a_number_that_javascript_does_not_have() {
    let world = serde_json::to_value(world()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().is_some_and(|text| text.split_once('v').is_some());
    assert!(text(&world["target"]) && world["nobody"] == "dangling");
    assert!(world["homes"].as_object().unwrap().keys().all(|key| key.split_once('v').is_some()));
}
