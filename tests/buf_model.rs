//! `SmBuf` against a `Vec<u8>`: random programs, with a heap that refuses now and then.

#![expect(unsafe_code, reason = "implements the heap the buffers are tested on")]

mod common;

use std::io::{BufRead, Read, Write};

use common::CountingHeap;
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::SmBuf;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Push(u8),
    Pop,
    ExtendFromSlice(Vec<u8>),
    Extend(Vec<u8>),
    Resize(usize, u8),
    Truncate(usize),
    Clear,
    Reserve(usize),
    ShrinkToFit,
    Consume(usize),
    Read(usize),
    Clone,
    CloneFrom(Vec<u8>),
    Reverse,
    Insert(usize, u8),
    Remove(usize),
    ReplaceRange(usize, usize, Vec<u8>),
    Retain(u8),
    /// Writes through a heap that grants so many calls more.
    WriteRefused(usize, Vec<u8>),
    #[cfg(feature = "bytes")]
    Put(Vec<u8>),
    #[cfg(feature = "bytes")]
    Chunk(Vec<u8>),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let bytes = || vec(any::<u8>(), 0..100);
    let step = prop_oneof![
        any::<u8>().prop_map(Step::Push),
        Just(Step::Pop),
        bytes().prop_map(Step::ExtendFromSlice),
        bytes().prop_map(Step::Extend),
        (0..300usize, any::<u8>()).prop_map(|(len, value)| Step::Resize(len, value)),
        (0..300usize).prop_map(Step::Truncate),
        Just(Step::Clear),
        (0..300usize).prop_map(Step::Reserve),
        Just(Step::ShrinkToFit),
        any::<usize>().prop_map(Step::Consume),
        (0..100usize).prop_map(Step::Read),
        Just(Step::Clone),
        bytes().prop_map(Step::CloneFrom),
        Just(Step::Reverse),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Step::Insert(at, byte)),
        any::<usize>().prop_map(Step::Remove),
        (any::<usize>(), any::<usize>(), bytes()).prop_map(|(from, to, bytes)| Step::ReplaceRange(from, to, bytes)),
        any::<u8>().prop_map(Step::Retain),
        (0..2usize, vec(any::<u8>(), 0..1000)).prop_map(|(calls, bytes)| Step::WriteRefused(calls, bytes)),
    ];
    #[cfg(feature = "bytes")]
    let step = prop_oneof![
        19 => step,
        1 => bytes().prop_map(Step::Put),
        1 => bytes().prop_map(Step::Chunk),
    ];
    step
}

fn run(step: &Step, buf: &mut SmBuf<CountingHeap>, model: &mut Vec<u8>, heap: &CountingHeap) {
    match step {
        Step::Push(byte) => {
            buf.push(*byte);
            model.push(*byte);
        }
        Step::Pop => assert_eq!(buf.pop(), model.pop()),
        Step::ExtendFromSlice(bytes) => {
            buf.extend_from_slice(bytes);
            model.extend_from_slice(bytes);
        }
        Step::Extend(bytes) => {
            // Filtered, so that the hint is too low.
            buf.extend(bytes.iter().filter(|byte| **byte != 0));
            model.extend(bytes.iter().filter(|byte| **byte != 0));
        }
        Step::Resize(len, value) => {
            buf.resize(*len, *value);
            model.resize(*len, *value);
        }
        Step::Truncate(len) => {
            buf.truncate(*len);
            model.truncate(*len);
        }
        Step::Clear => {
            buf.clear();
            model.clear();
        }
        Step::Reserve(additional) => {
            buf.reserve(*additional);
            assert!(buf.capacity() - buf.len() >= *additional);
        }
        Step::ShrinkToFit => buf.shrink_to_fit(),
        Step::Consume(count) => {
            let count = count % (model.len() + 1);
            buf.consume(count);
            model.drain(..count);
        }
        Step::Read(count) => {
            let mut read = vec![0; *count];
            let count = buf.read(&mut read).unwrap();
            assert_eq!(&read[..count], model.drain(..count).as_slice());
        }
        Step::Clone => *buf = buf.clone(),
        Step::CloneFrom(bytes) => {
            buf.clone_from(&SmBuf::copy_from_slice_in(bytes, heap.clone()));
            model.clone_from(bytes);
        }
        Step::Reverse => {
            buf.reverse();
            model.reverse();
        }
        Step::Insert(at, byte) => {
            let at = at % (model.len() + 1);
            buf.insert(at, *byte);
            model.insert(at, *byte);
        }
        Step::Remove(at) => {
            if let Some(at) = at.checked_rem(model.len()) {
                assert_eq!(buf.remove(at), model.remove(at));
            }
        }
        Step::ReplaceRange(from, to, bytes) => {
            let from = from % (model.len() + 1);
            let to = from + to % (model.len() - from + 1);
            buf.replace_range(from..to, bytes);
            model.splice(from..to, bytes.iter().copied());
        }
        Step::Retain(bound) => {
            buf.retain(|byte| byte < bound);
            model.retain(|byte| byte < bound);
        }
        Step::WriteRefused(calls, bytes) => {
            heap.refuse_after(*calls);
            let written = buf.write(bytes);
            heap.refuse_nothing();
            if let Ok(count) = written {
                assert_eq!(count, bytes.len());
                model.extend_from_slice(bytes);
            }
        }
        #[cfg(feature = "bytes")]
        Step::Put(bytes) => {
            bytes::BufMut::put(buf, bytes::Buf::chain(&bytes[..bytes.len() / 3], &bytes[bytes.len() / 3..]));
            model.extend_from_slice(bytes);
        }
        #[cfg(feature = "bytes")]
        Step::Chunk(bytes) => {
            let chunk = bytes::BufMut::chunk_mut(buf);
            let count = chunk.len().min(bytes.len());
            chunk[..count].copy_from_slice(&bytes[..count]);
            // SAFETY: `count` bytes were just written.
            unsafe { bytes::BufMut::advance_mut(buf, count) };
            model.extend_from_slice(&bytes[..count]);
        }
    }
}

/// Runs a program, and fails if the buffer does anything that it must not.
pub(crate) fn check(steps: &[Step]) {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    let mut model = Vec::new();
    for step in steps {
        run(step, &mut buf, &mut model, &heap);
        assert_eq!(&buf, &model);
        assert!(buf.len() <= buf.capacity());
        assert_eq!(buf.spare_capacity_mut().len(), buf.capacity() - buf.len());
        assert_eq!(heap.live(), usize::from(buf.capacity() > 0));
    }
    drop(buf);
    heap.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_buffer_is_a_vector_in_one_block(steps in vec(step(), 1..80)) {
        check(&steps);
    }
}
