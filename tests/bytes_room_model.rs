//! What splitting leaves: room, addresses and sole ownership of `SmBuf` and `SmBytes` against `BytesMut` and `Bytes`, step by step.
//!
//! Both sides go in step: same capacity, same place in a block of the same size, same parts beside them. From there, one step leaves ours with at
//! least the room of theirs, or in its place where theirs moves. Where ours did better, both go on from new buffers; so no difference hides another.
#![cfg(feature = "bytes")]
#![expect(unsafe_code, reason = "implements the heap the buffers are tested on")]

mod common;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::CountingHeap;
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::{SmBuf, SmBytes};

type OurBuf = SmBuf<CountingHeap>;
type OurBytes = SmBytes<CountingHeap>;

/// Positions are modulo the length.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append(usize),
    /// As much as there is room for.
    Fill,
    Split,
    SplitTo(usize),
    SplitToEnd,
    SplitOff(usize),
    SplitOffEnd,
    /// Goes on with the part, and keeps what was left.
    Exchange,
    Advance(usize),
    Truncate(usize),
    Clear,
    Reserve(usize),
    TryReclaim(usize),
    UnsplitLast,
    TryUnsplitLast,
    FreezePart(usize),
    DropPart(usize),
    DropAllParts,
    PartToBuf(usize),
    SlicePart(usize, usize, usize),
    AdvancePart(usize, usize),
    CopyToBytes(usize),
    PutPart(usize),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let at = any::<usize>;
    let count = || prop_oneof![0..100usize, 1000..3000usize, Just(8192), Just(100_000)];
    prop_oneof![
        2 => count().prop_map(Step::Append),
        2 => Just(Step::Fill),
        2 => Just(Step::Split),
        1 => at().prop_map(Step::SplitTo),
        1 => Just(Step::SplitToEnd),
        1 => at().prop_map(Step::SplitOff),
        1 => Just(Step::SplitOffEnd),
        1 => Just(Step::Exchange),
        1 => at().prop_map(Step::Advance),
        1 => at().prop_map(Step::Truncate),
        1 => Just(Step::Clear),
        2 => count().prop_map(Step::Reserve),
        2 => count().prop_map(Step::TryReclaim),
        2 => Just(Step::UnsplitLast),
        1 => Just(Step::TryUnsplitLast),
        1 => at().prop_map(Step::FreezePart),
        2 => at().prop_map(Step::DropPart),
        1 => Just(Step::DropAllParts),
        1 => at().prop_map(Step::PartToBuf),
        1 => (at(), at(), at()).prop_map(|(part, from, to)| Step::SlicePart(part, from, to)),
        1 => (at(), at()).prop_map(|(part, count)| Step::AdvancePart(part, count)),
        1 => at().prop_map(Step::CopyToBytes),
        1 => at().prop_map(Step::PutPart),
    ]
}

enum Part {
    Mut(OurBuf, BytesMut),
    Shared(OurBytes, Bytes),
    /// What `copy_to_bytes` gave.
    Copied(Bytes, Bytes),
}

impl Part {
    fn check(&self) {
        match self {
            Part::Mut(ours, theirs) => {
                assert_eq!((&ours[..], ours.capacity()), (&theirs[..], theirs.capacity()));
                assert_eq!(text(ours), text(theirs));
            }
            Part::Shared(ours, theirs) => {
                assert_eq!(ours, theirs);
                assert_eq!(text(ours), text(theirs));
                // What is empty is nobody's; theirs may be an owner still, and keep others from being alone.
                assert!(!ours.is_empty() || !ours.is_unique());
                assert!(ours.is_unique() || ours.is_empty() || !theirs.is_unique(), "not alone, but theirs is");
            }
            Part::Copied(ours, theirs) => assert_eq!(ours, theirs),
        }
    }
}

struct Pair {
    heap: CountingHeap,
    ours: OurBuf,
    theirs: BytesMut,
    parts: Vec<Part>,
    /// What the heap had been asked for when this was new.
    asked: usize,
}

/// As it is shown, if that is short.
fn text(bytes: &(impl AsRef<[u8]> + std::fmt::Debug)) -> Option<String> {
    (bytes.as_ref().len() < 100).then(|| format!("{bytes:?}"))
}

/// How far apart two addresses are.
fn distance(from: *const u8, to: *const u8) -> usize {
    to.addr().wrapping_sub(from.addr())
}

impl Pair {
    fn new(heap: &CountingHeap, content: &[u8]) -> Self {
        // Of this size, a block is as large as a vector.
        let capacity = content.len().next_power_of_two().max(2048);
        let (mut ours, mut theirs) =
            (SmBuf::with_capacity_in(capacity, heap.clone()), BytesMut::with_capacity(capacity));
        ours.extend_from_slice(content);
        theirs.extend_from_slice(content);
        assert_eq!((ours.capacity(), theirs.capacity()), (capacity, capacity));
        Pair { heap: heap.clone(), ours, theirs, parts: Vec::new(), asked: heap.asked() }
    }

    fn at(&self, position: usize) -> usize {
        position % (self.ours.len() + 1)
    }

    /// Both parts are as far from the buffers' former first bytes.
    fn split(&mut self, split: impl Fn(&mut dyn Split)) {
        let before = (self.ours.as_ptr(), self.theirs.as_ptr(), self.ours.capacity());
        let (mut our_split, mut their_split) = (Ours(&mut self.ours, None), Theirs(&mut self.theirs, None));
        split(&mut our_split);
        split(&mut their_split);
        let (ours, theirs) = (our_split.1.unwrap(), their_split.1.unwrap());
        assert_eq!(distance(before.0, ours.as_ptr()), distance(before.1, theirs.as_ptr()));
        assert_eq!(distance(before.0, self.ours.as_ptr()), distance(before.1, self.theirs.as_ptr()));
        assert_eq!(ours.capacity() + self.ours.capacity(), before.2);
        assert_eq!((ours.capacity(), self.ours.capacity()), (theirs.capacity(), self.theirs.capacity()));
        self.parts.push(Part::Mut(ours, theirs));
    }

    fn take(&mut self, number: usize) -> Option<Part> {
        let number = number.checked_rem(self.parts.len())?;
        Some(self.parts.remove(number))
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Append(count) => {
                self.ours.put_bytes(7, count);
                self.theirs.put_bytes(7, count);
            }
            Step::Fill => {
                let room = self.ours.capacity() - self.ours.len();
                self.ours.put_bytes(b'f', room);
                self.theirs.put_bytes(b'f', room);
            }
            Step::Split => self.split(|buf| buf.split()),
            Step::SplitTo(position) => {
                let at = self.at(position);
                self.split(|buf| buf.split_to(at));
            }
            Step::SplitToEnd => {
                let len = self.ours.len();
                self.split(|buf| buf.split_to(len));
            }
            Step::SplitOff(position) => {
                let at = position % (self.ours.capacity() + 1);
                self.split(|buf| buf.split_off(at));
            }
            Step::SplitOffEnd => {
                let end = self.ours.capacity();
                self.split(|buf| buf.split_off(end));
            }
            Step::Exchange => match self.parts.pop() {
                Some(Part::Mut(ours, theirs)) => {
                    let left =
                        Part::Mut(std::mem::replace(&mut self.ours, ours), std::mem::replace(&mut self.theirs, theirs));
                    self.parts.push(left);
                }
                Some(part) => self.parts.push(part),
                None => {}
            },
            Step::Advance(position) => {
                let at = self.at(position);
                self.ours.advance(at);
                self.theirs.advance(at);
            }
            Step::Truncate(position) => {
                let at = self.at(position);
                self.ours.truncate(at);
                self.theirs.truncate(at);
            }
            Step::Clear => {
                self.ours.clear();
                self.theirs.clear();
            }
            Step::Reserve(additional) => {
                self.ours.reserve(additional);
                self.theirs.reserve(additional);
                assert!(self.ours.capacity() - self.ours.len() >= additional);
            }
            Step::TryReclaim(additional) => {
                let (ours, theirs) = (self.ours.try_reclaim(additional), self.theirs.try_reclaim(additional));
                assert!(ours || !theirs, "theirs found {additional} bytes");
                assert_eq!(ours, self.ours.capacity() - self.ours.len() >= additional);
                assert_eq!(self.heap.asked(), self.asked);
            }
            Step::UnsplitLast => match self.parts.pop() {
                Some(Part::Mut(ours, theirs)) => {
                    self.ours.unsplit(ours);
                    self.theirs.unsplit(theirs);
                }
                Some(part) => self.parts.push(part),
                None => {}
            },
            Step::TryUnsplitLast => match self.parts.pop() {
                Some(Part::Mut(ours, theirs)) => match (self.ours.try_unsplit(ours), self.theirs.try_unsplit(theirs)) {
                    (Ok(()), Ok(())) => {}
                    (Err(ours), Err(theirs)) => self.parts.push(Part::Mut(ours, theirs)),
                    (ours, theirs) => panic!("ours: {ours:?}, theirs: {theirs:?}"),
                },
                Some(part) => self.parts.push(part),
                None => {}
            },
            Step::FreezePart(number) => match self.take(number) {
                Some(Part::Mut(ours, theirs)) => self.parts.push(Part::Shared(ours.freeze(), theirs.freeze())),
                part => self.parts.extend(part),
            },
            Step::DropPart(number) => drop(self.take(number)),
            Step::DropAllParts => self.parts.clear(),
            Step::PartToBuf(number) => match self.take(number) {
                Some(Part::Shared(ours, theirs)) => match (ours.try_into_mut(), theirs.try_into_mut()) {
                    (Ok(ours), Ok(theirs)) => {
                        assert!(ours.capacity() >= theirs.capacity() || ours.is_empty());
                        self.parts.extend((ours.capacity() == theirs.capacity()).then(|| Part::Mut(ours, theirs)));
                    }
                    (Err(ours), Err(theirs)) => self.parts.push(Part::Shared(ours, theirs)),
                    // An empty one of theirs, which keeps a share that ours gave up.
                    (Ok(ours), Err(theirs)) => assert_eq!(ours, theirs),
                    (Err(ours), Ok(theirs)) => panic!("shared: {ours:?}, alone: {theirs:?}"),
                },
                part => self.parts.extend(part),
            },
            Step::SlicePart(number, from, to) => {
                let Some(part) = self.take(number) else { return };
                if let Part::Shared(ours, theirs) = &part {
                    let (from, to) = (from % (ours.len() + 1), to % (ours.len() + 1));
                    let range = from.min(to)..from.max(to);
                    let (our_part, their_part) = (ours.slice(range.clone()), theirs.slice(range));
                    assert_eq!(
                        distance(ours.as_ptr(), our_part.as_ptr()),
                        distance(theirs.as_ptr(), their_part.as_ptr())
                    );
                    self.parts.push(Part::Shared(our_part, their_part));
                }
                self.parts.push(part);
            }
            Step::AdvancePart(number, count) => {
                let Some(mut part) = self.take(number) else { return };
                if let Part::Shared(ours, theirs) = &mut part {
                    let (our_place, their_place) = (ours.as_ptr(), theirs.as_ptr());
                    let count = count % (ours.len() + 1);
                    ours.advance(count);
                    theirs.advance(count);
                    assert_eq!(distance(our_place, ours.as_ptr()), distance(their_place, theirs.as_ptr()));
                }
                self.parts.push(part);
            }
            Step::CopyToBytes(position) => {
                let at = self.at(position);
                let address = self.ours.as_ptr();
                let (ours, theirs) = (self.ours.copy_to_bytes(at), self.theirs.copy_to_bytes(at));
                assert_eq!(ours.as_ptr(), address);
                self.parts.push(Part::Copied(ours, theirs));
            }
            Step::PutPart(number) => match self.take(number) {
                Some(Part::Shared(ours, theirs)) => {
                    self.ours.put(ours);
                    self.theirs.put(theirs);
                }
                part => self.parts.extend(part),
            },
        }
    }

    /// Fails if theirs, which was at `their_place`, came off better; says whether both are in step still.
    fn in_step(&self, their_place: *const u8) -> bool {
        self.parts.iter().for_each(Part::check);
        assert_eq!((&self.ours[..], self.ours.len()), (&self.theirs[..], self.theirs.len()));
        let (ours, theirs) = (self.ours.capacity(), self.theirs.capacity());
        // The room that is there is better than more of it in another block.
        let stayed = self.heap.asked() == self.asked && self.theirs.as_ptr() != their_place;
        assert!(ours >= theirs || stayed, "ours has a capacity of {ours}, theirs of {theirs}");
        // After a move, the blocks are of different sizes behind equal capacities.
        ours == theirs && self.heap.asked() == self.asked && self.parts.len() < 12
    }
}

/// A part of each, by the same call.
trait Split {
    fn split(&mut self);
    fn split_to(&mut self, at: usize);
    fn split_off(&mut self, at: usize);
}

struct Ours<'b>(&'b mut OurBuf, Option<OurBuf>);
struct Theirs<'b>(&'b mut BytesMut, Option<BytesMut>);

macro_rules! splits {
    ($buf:ident) => {
        impl Split for $buf<'_> {
            fn split(&mut self) {
                self.1 = Some(self.0.split());
            }
            fn split_to(&mut self, at: usize) {
                self.1 = Some(self.0.split_to(at));
            }
            fn split_off(&mut self, at: usize) {
                self.1 = Some(self.0.split_off(at));
            }
        }
    };
}

splits!(Ours);
splits!(Theirs);

/// Runs a program, and fails if ours is worse than theirs in anything.
pub(crate) fn check(steps: &[Step]) {
    let heap = CountingHeap::new();
    let mut pair = Pair::new(&heap, b"");
    for step in steps {
        let their_place = pair.theirs.as_ptr();
        pair.run(step);
        if !pair.in_step(their_place) {
            let content: Vec<u8> = pair.theirs.iter().copied().take(100_000).collect();
            pair = Pair::new(&heap, &content);
        }
    }
    drop(pair);
    heap.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn splitting_leaves_at_least_what_the_bytes_crate_leaves(steps in vec(step(), 1..60)) {
        check(&steps);
    }
}
