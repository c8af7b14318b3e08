//! A queue that can be left in the middle: all in O(1), in memory that stays with it.
//!
//! Nodes in a vector, linked in both directions in the order of their coming. The first node is nobody's: it closes the ring, so
//! that no link is ever missing.

use core::mem;

/// Those who wait and what they left to be told by. One thread's at a time: it lies under a lock.
#[derive(Debug)]
pub(super) struct Queue<W> {
    nodes: Vec<Node<W>>,
    /// The first of the nodes that nobody has, linked by `next`; `RING` behind the last of them.
    vacant: usize,
    len: usize,
    /// How often a place was taken.
    tickets: u64,
}

#[derive(Debug)]
struct Node<W> {
    next: usize,
    previous: usize,
    /// Whose node it is, while somebody has it.
    held: Option<(u64, W)>,
}

/// A place in the queue, to be found by. It must not be dropped but left: it may stand for a permit (L3).
#[derive(Debug)]
pub(super) struct Place {
    node: usize,
    /// No other place ever has it.
    ticket: u64,
}

/// The node that is nobody's.
const RING: usize = 0;

impl<W> Queue<W> {
    pub(super) fn new() -> Self {
        let ring = Node { next: RING, previous: RING, held: None };
        Queue { nodes: vec![ring], vacant: RING, len: 0, tickets: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for one more; nothing has changed if that panics.
    pub(super) fn reserve(&mut self) {
        if self.vacant == RING {
            let node = self.nodes.len();
            self.nodes.push(Node { next: RING, previous: RING, held: None });
            self.vacant = node;
        }
    }

    /// Takes the last place. Room was made for it.
    pub(super) fn push(&mut self, waiting: W) -> Place {
        let (node, ticket) = (self.vacant, self.tickets);
        let last = self.nodes[RING].previous;
        self.vacant =
            mem::replace(&mut self.nodes[node], Node { next: RING, previous: last, held: Some((ticket, waiting)) })
                .next;
        self.nodes[last].next = node;
        self.nodes[RING].previous = node;
        self.len += 1;
        self.tickets += 1;
        Place { node, ticket }
    }

    /// What waits at this place, if it still does.
    pub(super) fn get(&mut self, place: &Place) -> Option<&mut W> {
        match &mut self.nodes[place.node].held {
            Some((ticket, waiting)) if *ticket == place.ticket => Some(waiting),
            _ => None,
        }
    }

    /// Leaves this place, if it is still waited there.
    pub(super) fn remove(&mut self, place: &Place) -> Option<W> {
        self.get(place)?;
        self.vacate(place.node)
    }

    /// Takes the first out.
    pub(super) fn pop(&mut self) -> Option<W> {
        self.vacate(self.nodes[RING].next)
    }

    /// Unlinks the node, if it is somebody's.
    fn vacate(&mut self, node: usize) -> Option<W> {
        let (_, waiting) = self.nodes[node].held.take()?;
        let Node { next, previous, .. } = self.nodes[node];
        self.nodes[previous].next = next;
        self.nodes[next].previous = previous;
        self.nodes[node].next = mem::replace(&mut self.vacant, node);
        self.len -= 1;
        Some(waiting)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a queue that is searched: who is first, who is still there, and no node more than were ever needed at once.
        #[test]
        fn all_are_served_in_the_order_of_their_coming_but_those_who_left(steps in prop::collection::vec((0..3, any::<prop::sample::Index>()), 0..200)) {
            let (mut queue, mut model, mut places, mut most) = (Queue::new(), VecDeque::new(), Vec::new(), 0);
            for (number, (step, which)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        queue.reserve();
                        places.push((number, queue.push(number)));
                        model.push_back(number);
                    }
                    1 => prop_assert_eq!(queue.pop(), model.pop_front()),
                    _ if places.is_empty() => {}
                    _ => {
                        let (number, place) = places.swap_remove(which.index(places.len()));
                        let waits = model.iter().position(|waiting| *waiting == number);
                        prop_assert_eq!(queue.get(&place).copied(), waits.map(|_| number));
                        prop_assert_eq!(queue.remove(&place), waits.and_then(|at| model.remove(at)));
                        prop_assert_eq!(queue.remove(&place), None);
                    }
                }
                most = most.max(model.len());
                prop_assert_eq!(queue.len(), model.len());
            }
            prop_assert_eq!(queue.nodes.len(), most + 1);
        }
    }
}
