//! `SmChain`: against the same bytes in one piece, with writers that take a part, nothing, or claim too much.

#![expect(unsafe_code, reason = "implements the heap the parts are in")]

mod common;

use std::io::{self, BufRead, IoSlice, Read, Write};

use common::{CountingHeap, panic_text};
use proptest::collection::vec;
use proptest::prelude::*;
use smarena::{SmBuf, SmBytes, SmChain};

/// Takes so many bytes at a time, across slices; then claims so many more.
struct Writer {
    takes: usize,
    claims: usize,
    written: Vec<u8>,
    /// The most slices it was given at once.
    slices: usize,
}

impl Writer {
    fn taking(takes: usize) -> Self {
        Writer { takes, claims: 0, written: Vec::new(), slices: 0 }
    }
}

impl Write for Writer {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("a chain is written by slices")
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.slices = self.slices.max(slices.len());
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(self.takes).collect();
        self.written.extend_from_slice(&all);
        Ok(all.len().saturating_add(self.claims))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn consumed_parts_give_up_their_blocks_at_once() {
    let heap = CountingHeap::new();
    let mut chain: SmChain<_> = (0..100).map(|_| SmBuf::copy_from_slice_in(b"abc", heap.clone())).collect();
    for left in (0..100).rev() {
        drop(chain.split_to(3).unwrap());
        assert_eq!((heap.live(), chain.parts().len(), chain.len()), (left, left, 3 * left));
    }
    // Read, they are given up as well, although the list has them for a while.
    chain.extend((0..100).map(|_| SmBuf::copy_from_slice_in(b"abc", heap.clone())));
    for left in (0..100).rev() {
        chain.consume(3);
        assert_eq!((heap.live(), chain.parts().len()), (left, left));
    }
    heap.settle();
}

#[test]
fn a_chain_that_never_ends_forgets_what_was_consumed() {
    let heap = CountingHeap::new();
    let mut chain = SmChain::new();
    for number in 0..1000 {
        chain.push(SmBuf::copy_from_slice_in(b"abc", heap.clone()));
        if number >= 10 {
            chain.consume(3);
        }
        // Each part in the list has a reference to the heap: at most ten are consumed, ten are not, and one is just being pushed.
        assert!(heap.references() <= 1 + 2 * 10 + 1, "{} parts in the list", heap.references() - 1);
    }
    drop(chain);
    heap.settle();
}

#[test]
fn parts_are_taken_out_whole_and_copied_only_across_a_border() {
    let heap = CountingHeap::new();
    let part = SmBytes::copy_from_slice_in(b"abcdef", heap.clone());
    let mut chain = SmChain::from_iter([part.clone(), part.clone(), part.clone()]);
    let (asked, address) = (heap.asked(), part.as_ptr());
    let taken = [2, 0, 4, 6].map(|at| chain.split_to(at).unwrap());
    assert_eq!(taken.each_ref().map(|taken| &taken[..]), [&b"ab"[..], b"", b"cdef", b"abcdef"]);
    assert_eq!((heap.asked(), taken[2].as_ptr()), (asked, address.wrapping_add(2)));
    chain.push(part.clone());
    let across = chain.split_to(8).unwrap();
    assert_eq!((&across[..], heap.asked(), chain.len()), (&b"abcdefab"[..], asked + 1, 4));
    assert_eq!(panic_text(|| drop(chain.split_to(5))), "cannot advance by 5 bytes: the chain has 4");
    drop((chain, taken, across, part));
    heap.settle();
}

#[test]
fn writers_that_lie_or_stop_change_nothing() {
    let mut chain = SmChain::from(SmBytes::from_static(b"abc"));
    let mut liar = Writer { claims: 1, ..Writer::taking(3) };
    assert_eq!(chain.write_to(&mut liar).unwrap_err().kind(), io::ErrorKind::InvalidData);
    liar.claims = usize::MAX;
    assert_eq!(chain.write_to(&mut liar).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(chain.write_to(&mut Writer::taking(0)).unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert_eq!(chain.parts(), [b"abc"]);
    chain.clear();
    assert_eq!(chain.write_to(&mut Writer::taking(0)).unwrap(), 0);
}

#[test]
fn a_long_chain_is_written_many_slices_at_a_time() {
    let mut chain: SmChain = (0..200).map(|_| SmBytes::from_static(b"ab")).collect();
    let mut writer = Writer::taking(usize::MAX);
    while !chain.is_empty() {
        chain.write_to(&mut writer).unwrap();
    }
    assert_eq!((writer.written.len(), writer.slices), (400, 64));
}

#[cfg(feature = "bytes")]
#[test]
fn a_chain_is_one_buf() {
    use bytes::{Buf, BufMut};
    let mut chain: SmChain = ["ab", "cde", "f"].into_iter().map(SmBytes::from).collect();
    let mut slices = [IoSlice::new(&[]); 2];
    assert_eq!((chain.remaining(), chain.chunk(), chain.chunks_vectored(&mut slices)), (6, &b"ab"[..], 2));
    assert_eq!(&*slices[1], b"cde");
    let mut buf = SmBuf::new();
    buf.put(chain.clone());
    assert_eq!(buf, b"abcdef");
    chain.advance(3);
    assert_eq!(chain.copy_to_bytes(3), &b"def"[..]);
    assert_eq!((chain.remaining(), chain.chunk()), (0, &b""[..]));
    assert!(panic_text(|| chain.advance(1)).contains("cannot advance by 1 bytes"));
}

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<u8>),
    SplitTo(usize),
    Write(usize),
    Read(usize),
    Consume(usize),
    Clone,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_is_its_bytes_in_one_piece(steps in vec(prop_oneof![
        3 => vec(any::<u8>(), 0..20).prop_map(Step::Push),
        1 => any::<usize>().prop_map(Step::SplitTo),
        1 => (1..60usize).prop_map(Step::Write),
        1 => (0..60usize).prop_map(Step::Read),
        1 => any::<usize>().prop_map(Step::Consume),
        1 => Just(Step::Clone),
    ], 1..100)) {
        let heap = CountingHeap::new();
        let (mut chain, mut model) = (SmChain::new(), Vec::<u8>::new());
        for step in steps {
            match step {
                Step::Push(bytes) => {
                    chain.push(SmBuf::copy_from_slice_in(&bytes, heap.clone()));
                    model.extend(bytes);
                }
                Step::SplitTo(at) => {
                    let at = at % (model.len() + 1);
                    let taken = chain.split_to(at).map_or(Vec::new(), |taken| taken.to_vec());
                    prop_assert_eq!(taken, model.drain(..at).collect::<Vec<_>>());
                }
                Step::Write(takes) => {
                    let mut writer = Writer::taking(takes);
                    let count = chain.write_to(&mut writer).unwrap();
                    prop_assert_eq!(count, takes.min(model.len()));
                    prop_assert_eq!(writer.written, model.drain(..count).collect::<Vec<_>>());
                }
                Step::Read(wanted) => {
                    let mut read = vec![0; wanted];
                    let count = chain.read(&mut read).unwrap();
                    prop_assert_eq!(count, wanted.min(model.len()));
                    prop_assert_eq!(&read[..count], model.drain(..count).collect::<Vec<_>>());
                }
                Step::Consume(count) => {
                    let first = chain.fill_buf().unwrap().to_vec();
                    prop_assert!(model.starts_with(&first) && first.is_empty() == model.is_empty());
                    let count = count % (model.len() + 1);
                    chain.consume(count);
                    model.drain(..count);
                }
                Step::Clone => chain = chain.clone(),
            }
            prop_assert_eq!(chain.parts().iter().flat_map(|part| part.to_vec()).collect::<Vec<_>>(), &model[..]);
            prop_assert!(chain.parts().iter().all(|part| !part.is_empty()));
            prop_assert_eq!(chain.len(), model.len());
        }
        drop(chain);
        heap.settle();
    }
}

#[test]
fn a_chain_becomes_a_vector_without_what_was_consumed() {
    let mut chain = SmChain::from_iter([SmBytes::from(b"ab"), SmBytes::from(b"cd"), SmBytes::from(b"ef")]);
    chain.read_exact(&mut [0; 3]).unwrap();
    assert_eq!(Vec::from(chain), b"def");
}
