//! `SmBox`, `SmBuf-push`: a 64-byte value boxed and dropped; 1 KiB pushed byte by byte into an empty buffer, which is then dropped.
//! The peers' rows are `Box` and `Vec<u8>`: in `SmBuf-push` the standard library's, which the peer is the global allocator of; in
//! `SmBuf-push/inlined`, and of the boxes, those of `allocator-api2` over its calls, all inlined.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::Calls;
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::owners::{Owners, Value};
use crate::place::{TightLoop, place};

const BOXED: Targets = &[(MAIN, of_best(0.50))];
const PUSHED: Targets = &[(MAIN, of_best(0.60))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let bufs = Bufs { bufs: plan.count(40_000, 4_000), bytes: plan.pick(1024, 300) };
    vec![
        Case::new("SmBox", vec![Row::timed("SmBox", BOXED)], Boxes { boxes: plan.count(4_000_000, 400_000) }),
        Case::new("SmBuf-push", vec![Row::timed("SmBuf-push", PUSHED)], Globals(bufs)),
        Case::new("SmBuf-push/inlined", vec![Row::timed("SmBuf-push/inlined", &[])], bufs),
    ]
}

struct Boxes {
    boxes: usize,
}

impl TightLoop for Boxes {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, boxes: usize) {
        place::<PLACE>();
        for number in 0..boxes as u64 {
            let value: Value = [number; 8];
            drop(black_box(calls.owners().boxed(value)));
        }
    }
}

impl Work for Boxes {
    fn threads(&self) -> usize {
        1
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.boxes]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.everywhere(calls, self.boxes / 16);
        clock.time(|| self.everywhere(calls, self.boxes));
    }
}

#[derive(Clone, Copy)]
struct Bufs {
    bufs: usize,
    bytes: usize,
}

impl TightLoop for Bufs {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, bufs: usize) {
        for _ in 0..bufs {
            let mut buf = calls.owners().buf();
            place::<PLACE>();
            for byte in 0..self.bytes {
                C::Owners::push(&mut buf, byte as u8);
            }
            drop(black_box(buf));
        }
    }
}

impl Work for Bufs {
    fn threads(&self) -> usize {
        1
    }

    /// A buffer is an operation.
    fn operations(&self) -> Vec<usize> {
        vec![self.bufs]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.everywhere(calls, self.bufs / 16);
        clock.time(|| self.everywhere(calls, self.bufs));
    }
}

/// The same with the buffers that a program has.
struct Globals(Bufs);

impl TightLoop for Globals {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, bufs: usize) {
        calls.owners().as_global(|| {
            for _ in 0..bufs {
                let mut buf = calls.owners().global();
                place::<PLACE>();
                for byte in 0..self.0.bytes {
                    C::Owners::push_global(&mut buf, byte as u8);
                }
                drop(black_box(buf));
            }
        });
    }
}

impl Work for Globals {
    fn threads(&self) -> usize {
        1
    }

    /// A buffer is an operation.
    fn operations(&self) -> Vec<usize> {
        vec![self.0.bufs]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.everywhere(calls, self.0.bufs / 16);
        clock.time(|| self.everywhere(calls, self.0.bufs));
    }
}
