//! `SmBox` life cycles: random programs of everything that makes, moves and ends a box, with a heap that refuses now and then.

#![expect(unsafe_code, reason = "takes boxes apart, and implements the heap they are tested on")]

mod common;

use common::{Census, Counted, CountingHeap};
use proptest::prelude::*;
use smarena::SmBox;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    New(u64),
    /// Tries to, on a heap that refuses.
    NewRefused(u64),
    WriteLater(u64),
    /// The box at this place (modulo how many there are) ...
    Clone(usize),
    CloneRefused(usize),
    CloneFrom(usize, usize),
    Drop(usize),
    IntoInner(usize),
    ThroughRaw(usize),
    ThroughThread(usize),
    Replace(usize, u64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let place = any::<usize>;
    prop_oneof![
        4 => any::<u64>().prop_map(Step::New),
        1 => any::<u64>().prop_map(Step::NewRefused),
        1 => any::<u64>().prop_map(Step::WriteLater),
        2 => place().prop_map(Step::Clone),
        1 => place().prop_map(Step::CloneRefused),
        1 => (place(), place()).prop_map(|(to, from)| Step::CloneFrom(to, from)),
        2 => place().prop_map(Step::Drop),
        1 => place().prop_map(Step::IntoInner),
        1 => place().prop_map(Step::ThroughRaw),
        1 => place().prop_map(Step::ThroughThread),
        1 => (place(), any::<u64>()).prop_map(|(place, number)| Step::Replace(place, number)),
    ]
}

type Boxes = Vec<SmBox<Counted, CountingHeap>>;

fn run(step: &Step, boxes: &mut Boxes, model: &mut Vec<u64>, heap: &CountingHeap, census: &Census) {
    let place = |place: usize| place % model.len().max(1);
    match *step {
        Step::New(number) => {
            boxes.push(SmBox::new_in(census.value(number), heap.clone()));
            model.push(number);
        }
        Step::NewRefused(number) => {
            heap.refuse_after(0);
            let error = SmBox::try_new_in(census.value(number), heap.clone()).err().expect("the heap refuses");
            heap.refuse_nothing();
            assert_eq!(error.into_value().number(), number);
        }
        Step::WriteLater(number) => {
            boxes.push(SmBox::write(SmBox::<Counted, _>::new_uninit_in(heap.clone()), census.value(number)));
            model.push(number);
        }
        _ if model.is_empty() => {}
        Step::Clone(from) => {
            boxes.push(boxes[place(from)].clone());
            model.push(model[place(from)]);
        }
        Step::CloneRefused(from) => {
            heap.refuse_after(0);
            common::panic_text(|| drop(boxes[place(from)].clone()));
            heap.refuse_nothing();
        }
        Step::CloneFrom(to, from) => {
            let (to, from) = (place(to), place(from));
            let source = boxes[from].clone();
            boxes[to].clone_from(&source);
            model[to] = model[from];
        }
        Step::Drop(at) => {
            let at = place(at);
            drop(boxes.swap_remove(at));
            model.swap_remove(at);
        }
        Step::IntoInner(at) => {
            let at = place(at);
            assert_eq!(SmBox::into_inner(boxes.swap_remove(at)).number(), model.swap_remove(at));
        }
        Step::ThroughRaw(at) => {
            let at = place(at);
            let (ptr, reference) = SmBox::into_raw_with_heap(boxes.swap_remove(at));
            // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
            boxes.push(unsafe { SmBox::from_raw_in(ptr, reference) });
            let number = model.swap_remove(at);
            model.push(number);
        }
        Step::ThroughThread(at) => {
            let at = place(at);
            let boxed = boxes.swap_remove(at);
            boxes.push(std::thread::spawn(move || boxed).join().unwrap());
            let number = model.swap_remove(at);
            model.push(number);
        }
        Step::Replace(at, number) => {
            let at = place(at);
            *boxes[at] = census.value(number);
            model[at] = number;
        }
    }
}

/// Runs a program, and fails if boxes do anything that they must not.
pub(crate) fn check(steps: &[Step]) {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let (mut boxes, mut model) = (Boxes::new(), Vec::new());
    for step in steps {
        run(step, &mut boxes, &mut model, &heap, &census);
        assert_eq!(boxes.iter().map(|boxed| boxed.number()).collect::<Vec<_>>(), &model[..]);
        let there = model.len();
        assert_eq!((census.alive(), heap.live(), heap.references()), (there, there, 1 + there));
    }
    drop(boxes);
    assert_eq!(census.alive(), 0);
    heap.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_and_every_block_is_there_as_long_as_its_box(steps in prop::collection::vec(step(), 1..60)) {
        check(&steps);
    }
}
