//! `list-build`, `list-traverse`: a linked list of 1 M nodes of 32 bytes, after 1 M blocks of that size were replaced at random
//! 2 M times and freed in random order; then the list is walked four times. It shows how scattered an allocator's blocks become.

use std::hint::black_box;
use std::ptr::null_mut;

use super::replace::written;
use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup, block};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::random::Random;

const BUILD: Targets = &[(MAIN, of_best(0.85))];
const TRAVERSE: Targets = &[(MAIN, of_best(1.00))];
const WALKS: usize = 4;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let work =
        List { nodes: plan.pick(plan.count(1_000_000, 100_000), plan.count(500_000, 50_000)), size: plan.pick(32, 48) };
    vec![Case::new("list", vec![Row::timed("list-build", BUILD), Row::timed("list-traverse", TRAVERSE)], work)]
}

struct List {
    nodes: usize,
    size: usize,
}

/// The used part of a node.
struct Node {
    next: *mut Node,
    value: u64,
}

impl List {
    /// Leaves the allocator's free blocks in random order.
    fn churn<C: Calls>(&self, calls: C) {
        let mut random = Random::new(0);
        let mut blocks: Vec<*mut u8> = (0..self.nodes).map(|_| written(calls, self.size)).collect();
        for _ in 0..2 * self.nodes {
            let slot = &mut blocks[random.below(self.nodes)];
            // SAFETY: every slot holds a live block, which the next line replaces.
            unsafe { calls.free(*slot) };
            *slot = written(calls, self.size);
        }
        random.shuffle(&mut blocks);
        for block in blocks {
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        }
    }

    fn build<C: Calls>(&self, calls: C) -> *mut Node {
        let mut head = null_mut();
        let mut end: *mut *mut Node = &mut head;
        for value in 0..self.nodes as u64 {
            let node: *mut Node = black_box(block(calls, self.size)).cast();
            // SAFETY: the block holds a `Node` and is aligned to 16.
            unsafe { node.write(Node { next: null_mut(), value }) };
            // SAFETY: `end` is `head` or the last node's link; no reference to either exists.
            unsafe { end.write(node) };
            // SAFETY: the node was initialised above.
            end = unsafe { &raw mut (*node).next };
        }
        head
    }
}

/// The sum of the list's values.
fn walk(mut node: *const Node) -> u64 {
    let mut sum = 0;
    while !node.is_null() {
        // SAFETY: a node of the list, live and initialised.
        let here = unsafe { &*node };
        sum += here.value;
        node = here.next;
    }
    sum
}

impl Work for List {
    fn setup(&self) -> Setup {
        Setup { live_bytes: 2 * self.nodes * self.size, ..Setup::default() }
    }

    fn threads(&self) -> usize {
        1
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.nodes, WALKS * self.nodes]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.churn(calls);
        let head = clock.time(|| self.build(calls));
        clock.time(|| {
            for _ in 0..WALKS {
                black_box(walk(black_box(head)));
            }
        });
        let mut node = head;
        while !node.is_null() {
            // SAFETY: a node of the list, live and initialised.
            let next = unsafe { (*node).next };
            // SAFETY: live, and freed here only.
            unsafe { calls.free(node.cast()) };
            node = next;
        }
    }
}
