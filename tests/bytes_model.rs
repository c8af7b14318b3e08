//! `SmBuf` against `BytesMut` and `SmBytes` against `Bytes`: random programs; where names are the same, so is what happens.
#![cfg(feature = "bytes")]
#![expect(unsafe_code, reason = "implements the heap the buffers are tested on")]

mod common;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::CountingHeap;
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::{SmBuf, SmBytes};

/// One owner of either kind, and its counterpart.
enum Pair {
    Mut(SmBuf<CountingHeap>, BytesMut),
    Shared(SmBytes<CountingHeap>, Bytes),
}

use Pair::{Mut, Shared};

impl Pair {
    fn check(&self) {
        match self {
            Mut(ours, theirs) => assert_eq!(ours, &theirs[..]),
            Shared(ours, theirs) => assert_eq!(ours, &theirs[..]),
        }
    }

    fn address(&self) -> *const u8 {
        match self {
            Mut(ours, _) => ours.as_ptr(),
            Shared(ours, _) => ours.as_ptr(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Mut(_, theirs) => theirs.len(),
            Shared(_, theirs) => theirs.len(),
        }
    }
}

/// What is done with the owner of a number (modulo how many there are); positions are modulo the length.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    New(Vec<u8>),
    Drop,
    Extend(Vec<u8>),
    PutBytes(u8, usize),
    Resize(usize, u8),
    Reserve(usize),
    Fill(u8),
    Truncate(usize),
    Clear,
    Advance(usize),
    SplitTo(usize),
    SplitOff(usize),
    SplitOffRoom,
    Split,
    /// With the owner of another number.
    Unsplit(usize),
    Freeze,
    TryIntoMut,
    Clone,
    Slice(usize, usize),
    SliceRef(usize, usize),
    CopyToBytes(usize),
    /// Not theirs, but must change nothing that can be seen.
    Compact,
    Shrink,
    Prepend(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || vec(any::<u8>(), 0..60);
    let at = any::<usize>;
    prop_oneof![
        bytes().prop_map(Step::New),
        Just(Step::Drop),
        bytes().prop_map(Step::Extend),
        (any::<u8>(), 0..60usize).prop_map(|(value, count)| Step::PutBytes(value, count)),
        (0..200usize, any::<u8>()).prop_map(|(len, value)| Step::Resize(len, value)),
        (0..200usize).prop_map(Step::Reserve),
        any::<u8>().prop_map(Step::Fill),
        at().prop_map(Step::Truncate),
        Just(Step::Clear),
        at().prop_map(Step::Advance),
        at().prop_map(Step::SplitTo),
        at().prop_map(Step::SplitOff),
        Just(Step::SplitOffRoom),
        Just(Step::Split),
        at().prop_map(Step::Unsplit),
        Just(Step::Freeze),
        Just(Step::TryIntoMut),
        Just(Step::Clone),
        (at(), at()).prop_map(|(from, to)| Step::Slice(from, to)),
        (at(), at()).prop_map(|(from, to)| Step::SliceRef(from, to)),
        at().prop_map(Step::CopyToBytes),
        Just(Step::Compact),
        Just(Step::Shrink),
        bytes().prop_map(Step::Prepend),
    ]
}

/// Both ends of a range in `len` bytes.
fn range(from: usize, to: usize, len: usize) -> std::ops::Range<usize> {
    let (from, to) = (from % (len + 1), to % (len + 1));
    from.min(to)..from.max(to)
}

/// Does the step with the owner; returns the owners there are afterwards.
fn run(step: &Step, pair: Pair, heap: &CountingHeap, others: &mut Vec<Pair>) -> Vec<Pair> {
    let len = pair.len();
    let at = |position: usize| position % (len + 1);
    match (step, pair) {
        (Step::New(bytes), pair) => {
            vec![pair, Mut(SmBuf::copy_from_slice_in(bytes, heap.clone()), BytesMut::from(&bytes[..]))]
        }
        (Step::Drop, _) => vec![],
        (Step::Extend(bytes), Mut(mut ours, mut theirs)) => {
            ours.extend_from_slice(bytes);
            theirs.extend_from_slice(bytes);
            vec![Mut(ours, theirs)]
        }
        (Step::PutBytes(value, count), Mut(mut ours, mut theirs)) => {
            ours.put_bytes(*value, *count);
            theirs.put_bytes(*value, *count);
            vec![Mut(ours, theirs)]
        }
        (Step::Resize(len, value), Mut(mut ours, mut theirs)) => {
            ours.resize(*len, *value);
            theirs.resize(*len, *value);
            vec![Mut(ours, theirs)]
        }
        (Step::Reserve(additional), Mut(mut ours, mut theirs)) => {
            ours.reserve(*additional);
            theirs.reserve(*additional);
            assert!(ours.capacity() - ours.len() >= *additional);
            vec![Mut(ours, theirs)]
        }
        (Step::Fill(value), Mut(mut ours, mut theirs)) => {
            ours.fill(*value);
            theirs.fill(*value);
            vec![Mut(ours, theirs)]
        }
        (Step::Truncate(position), Mut(mut ours, mut theirs)) => {
            ours.truncate(*position);
            theirs.truncate(*position);
            ours.truncate(at(*position));
            theirs.truncate(at(*position));
            vec![Mut(ours, theirs)]
        }
        (Step::Truncate(position), Shared(mut ours, mut theirs)) => {
            ours.truncate(*position);
            theirs.truncate(*position);
            ours.truncate(at(*position));
            theirs.truncate(at(*position));
            vec![Shared(ours, theirs)]
        }
        (Step::Clear, Mut(mut ours, mut theirs)) => {
            ours.clear();
            theirs.clear();
            vec![Mut(ours, theirs)]
        }
        (Step::Clear, Shared(mut ours, mut theirs)) => {
            ours.clear();
            theirs.clear();
            vec![Shared(ours, theirs)]
        }
        (Step::Advance(position), Mut(mut ours, mut theirs)) => {
            ours.advance(at(*position));
            theirs.advance(at(*position));
            vec![Mut(ours, theirs)]
        }
        (Step::Advance(position), Shared(mut ours, mut theirs)) => {
            ours.advance(at(*position));
            theirs.advance(at(*position));
            vec![Shared(ours, theirs)]
        }
        (Step::SplitTo(position), Mut(mut ours, mut theirs)) => {
            let front = Mut(ours.split_to(at(*position)), theirs.split_to(at(*position)));
            vec![front, Mut(ours, theirs)]
        }
        (Step::SplitTo(position), Shared(mut ours, mut theirs)) => {
            let front = Shared(ours.split_to(at(*position)), theirs.split_to(at(*position)));
            vec![front, Shared(ours, theirs)]
        }
        (Step::SplitOff(position), Mut(mut ours, mut theirs)) => {
            let rear = Mut(ours.split_off(at(*position)), theirs.split_off(at(*position)));
            vec![Mut(ours, theirs), rear]
        }
        (Step::SplitOff(position), Shared(mut ours, mut theirs)) => {
            let rear = Shared(ours.split_off(at(*position)), theirs.split_off(at(*position)));
            vec![Shared(ours, theirs), rear]
        }
        (Step::SplitOffRoom, Mut(mut ours, mut theirs)) => {
            let room = (ours.capacity() - len).min(theirs.capacity() - len) / 2;
            let rear = Mut(ours.split_off(len + room), theirs.split_off(len + room));
            vec![Mut(ours, theirs), rear]
        }
        (Step::Split, Mut(mut ours, mut theirs)) => {
            let front = Mut(ours.split(), theirs.split());
            vec![front, Mut(ours, theirs)]
        }
        (Step::Unsplit(number), Mut(mut ours, mut theirs)) if !others.is_empty() => {
            match others.remove(number % others.len()) {
                Mut(our_rear, their_rear) => {
                    ours.unsplit(our_rear);
                    theirs.unsplit(their_rear);
                    vec![Mut(ours, theirs)]
                }
                shared => vec![Mut(ours, theirs), shared],
            }
        }
        (Step::Freeze, Mut(ours, theirs)) => vec![Shared(ours.freeze(), theirs.freeze())],
        (Step::TryIntoMut, Shared(ours, theirs)) => {
            // When parts come to share a block depends on how each side grows, so each goes its own way here.
            let unique = ours.is_unique();
            let block = heap.block_around(ours.as_ptr());
            let beside = |pair: &&Pair| block.is_some() && heap.block_around(pair.address()) == block;
            if unique {
                assert!(!others.iter().filter(|pair| pair.len() > 0).any(|pair| beside(&pair)), "unique beside others");
            } else if len > 0 {
                assert!(others.iter().any(|pair| beside(&pair)), "not unique, but nobody is there");
            }
            match ours.try_into_mut() {
                Ok(ours) => {
                    assert!(unique || len == 0);
                    vec![Mut(ours, BytesMut::from(theirs))]
                }
                Err(ours) => {
                    assert!(!unique);
                    vec![Shared(ours, theirs)]
                }
            }
        }
        (Step::Clone, Mut(ours, theirs)) => vec![Mut(ours.clone(), theirs.clone()), Mut(ours, theirs)],
        (Step::Clone, Shared(ours, theirs)) => vec![Shared(ours.clone(), theirs.clone()), Shared(ours, theirs)],
        (Step::Slice(from, to), Shared(ours, theirs)) => {
            let range = range(*from, *to, len);
            vec![Shared(ours.slice(range.clone()), theirs.slice(range)), Shared(ours, theirs)]
        }
        (Step::SliceRef(from, to), Shared(ours, theirs)) => {
            let range = range(*from, *to, len);
            let part = (ours.slice_ref(&ours[range.clone()]), theirs.slice_ref(&theirs[range]));
            vec![Shared(part.0, part.1), Shared(ours, theirs)]
        }
        (Step::CopyToBytes(position), Mut(mut ours, mut theirs)) => {
            assert_eq!(ours.copy_to_bytes(at(*position)), theirs.copy_to_bytes(at(*position)));
            vec![Mut(ours, theirs)]
        }
        (Step::CopyToBytes(position), Shared(mut ours, mut theirs)) => {
            assert_eq!(ours.copy_to_bytes(at(*position)), theirs.copy_to_bytes(at(*position)));
            vec![Shared(ours, theirs)]
        }
        (Step::Compact, Shared(mut ours, theirs)) => {
            ours.compact();
            vec![Shared(ours, theirs)]
        }
        (Step::Shrink, Mut(mut ours, theirs)) => {
            ours.shrink_to_fit();
            vec![Mut(ours, theirs)]
        }
        (Step::Prepend(bytes), Mut(mut ours, theirs)) => {
            ours.prepend(bytes);
            let mut longer = BytesMut::from(&bytes[..]);
            longer.extend_from_slice(&theirs);
            vec![Mut(ours, longer)]
        }
        (_, pair) => vec![pair],
    }
}

/// A step, and who does it.
pub(crate) fn numbered_step() -> impl Strategy<Value = (usize, Step)> {
    (any::<usize>(), step())
}

/// Runs a program, and fails if buffers or bytes do anything that they must not.
pub(crate) fn check(steps: &[(usize, Step)]) {
    let heap = CountingHeap::new();
    let mut pairs = vec![Mut(SmBuf::new_in(heap.clone()), BytesMut::new())];
    for (number, step) in steps {
        if pairs.is_empty() || pairs.len() > 12 {
            pairs.truncate(1);
            pairs.push(Mut(SmBuf::with_capacity_in(100, heap.clone()), BytesMut::with_capacity(100)));
        }
        let pair = pairs.swap_remove(number % pairs.len());
        let now = run(step, pair, &heap, &mut pairs);
        pairs.extend(now);
        // All of them: what one owner does must not be seen by another.
        pairs.iter().for_each(Pair::check);
    }
    drop(pairs);
    heap.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buffers_and_bytes_do_what_those_of_the_bytes_crate_do(steps in vec(numbered_step(), 1..120)) {
        check(&steps);
    }
}
