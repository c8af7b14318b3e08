//! Documents go through threads, each of which frees what another allocated: text in lines, parsed values, changed values, text again. The last
//! one keeps the newest version of each.
//!
//! `pipeline ROUNDS FILE`, of one JSON object a line, prints how many bytes came out.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{env, fs, thread};

use serde_json::{Map, Value};

#[global_allocator]
static GLOBAL: allocator::MiMalloc = allocator::MiMalloc;

/// Documents that are handed on at once.
const BATCH: usize = 64;
/// Batches that wait between two threads at most.
const WAITING: usize = 8;

fn main() {
    let mut arguments = env::args().skip(1);
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).expect("how many rounds");
    let file = fs::read_to_string(arguments.next().expect("a file")).expect("a readable file");
    let (lines, to_parse) = sync_channel::<Vec<String>>(WAITING);
    let (parsed, to_change) = sync_channel(WAITING);
    let (changed, to_print) = sync_channel(WAITING);
    let written: usize = thread::scope(|scope| {
        scope.spawn(|| pass(to_parse, parsed, |line| serde_json::from_str::<Value>(&line).expect("a document a line")));
        scope.spawn(|| pass(to_change, changed, change));
        let printer = scope.spawn(|| keep(to_print));
        let all: Vec<&str> = file.lines().collect();
        for _ in 0..rounds {
            for batch in all.chunks(BATCH) {
                lines.send(batch.iter().map(|line| line.to_string()).collect()).expect("somebody parses");
            }
        }
        drop(lines);
        printer.join().expect("a printer that ends")
    });
    println!("{written}");
}

/// Hands on what `step` makes of each thing that comes.
fn pass<T, U>(from: Receiver<Vec<T>>, to: SyncSender<Vec<U>>, step: impl Fn(T) -> U) {
    for batch in from {
        to.send(batch.into_iter().map(&step).collect()).expect("somebody listens");
    }
}

/// Prints each document, and keeps it until another version of it comes. How many bytes were printed.
fn keep(from: Receiver<Vec<Value>>) -> usize {
    let mut printed = 0;
    let mut newest = BTreeMap::new();
    for document in from.into_iter().flatten() {
        printed += document.to_string().len();
        newest.insert(document["item.id"].as_u64(), document);
    }
    printed
}

/// Every member of an object moves under a longer name, and every text becomes another one.
fn change(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let renamed = members.into_iter().map(|(name, value)| (format!("item.{name}"), change(value)));
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(change).collect(),
        Value::String(text) => Value::String(text.to_uppercase()),
        other => other,
    }
}
