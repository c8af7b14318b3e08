//! A ring's ownership of buffers under random programs, with a real kernel behind it; `.ci/bugs` plants what must be seen here.

use std::collections::VecDeque;
use std::future::Future;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;

use super::{Event, Operation, Socket, Uring, UringError};
use crate::bytes::SmBytes;
use crate::class::Linear;
use crate::heap::Heap;
use crate::pool::{BufPool, Lease};

type Net = Arc<Heap<Linear<64>>>;

/// Datagrams that a socket keeps, however small its buffer is.
const UNREAD: u32 = 60;
/// So many turns bring what is there, and an end where it never comes.
const PATIENCE: usize = 1000;

#[derive(Debug, Clone)]
enum Action {
    /// So many datagrams come in.
    Come(u32),
    Turn,
    /// Lets go of the lease that was held longest, or of the one held last.
    LetGo {
        last: bool,
    },
    Cancel,
    Receive,
    /// The ring goes with all that is under way; there is another.
    Anew {
        buffers: usize,
    },
}

/// A ring on a socket that numbered datagrams come in at.
struct Server {
    ring: Uring<Net>,
    socket: Socket,
    receiving: Option<Operation>,
}

struct World {
    heap: Net,
    pool: BufPool<Net>,
    peer: UdpSocket,
    /// The socket that all rings share.
    ours: UdpSocket,
    to: SocketAddr,
    server: Option<Server>,
    /// Leases, each with the number of what is in it.
    held: VecDeque<(u32, Lease<Net>)>,
    sent: u32,
    came: u32,
    /// How many may have come in to a ring that went before it told.
    lost: u32,
}

fn filled(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(50)
}

impl World {
    fn new(limit: usize) -> Result<Self, UringError> {
        let heap: Net = Arc::new(Heap::new(1 << 20).expect("a small heap"));
        let pool = BufPool::builder().buf_size(256).limit(limit).build_in(Arc::clone(&heap)).expect("a small pool");
        let (peer, ours) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let to = ours.local_addr()?;
        let held = VecDeque::new();
        let mut world = World { heap, pool, peer, ours, to, server: None, held, sent: 0, came: 0, lost: 0 };
        world.anew(2)?;
        Ok(world)
    }

    fn anew(&mut self, buffers: usize) -> Result<(), UringError> {
        // What its completions have not told yet goes with it, and nothing else.
        self.turn();
        drop(self.server.take());
        self.lost = self.sent - self.came;
        assert_eq!(self.pool.in_flight(), self.held.len());
        let buffers = buffers.min(self.pool.limit());
        let mut ring = Uring::builder().buffers(buffers).operations(8).build(self.pool.clone())?;
        let socket = ring.attach(self.ours.try_clone()?)?;
        let receiving = Some(ring.receive(socket)?);
        self.server = Some(Server { ring, socket, receiving });
        Ok(())
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("there is one between two")
    }

    fn run(&mut self, action: Action) {
        match action {
            Action::Come(count) => self.come(count),
            Action::Turn => self.turn(),
            Action::LetGo { last } => {
                let held = if last { self.held.pop_back() } else { self.held.pop_front() };
                self.check(held.as_ref());
            }
            Action::Cancel => {
                let server = self.server();
                if let Some(receiving) = server.receiving {
                    server.ring.cancel(receiving);
                }
            }
            Action::Receive => self.receive(),
            Action::Anew { buffers } => self.anew(buffers).expect("as the first time"),
        }
        self.held.iter().for_each(|held| self.check(Some(held)));
        let Server { ring, .. } = self.server();
        let standing = ring.buffers.standing();
        // A permit may be on its way: the ring is in the queue no more and has not looked yet. It has no block.
        let handed_over = usize::from(ring.pool.has_place()) - ring.pool.pool.stats().waiting;
        assert_eq!(self.pool.in_flight(), standing + handed_over + self.held.len());
        assert_eq!(self.heap.stats().live(), standing + self.held.len());
    }

    fn come(&mut self, count: u32) {
        for _ in 0..count.min(UNREAD - (self.sent - self.came)) {
            self.peer.send_to(&filled(self.sent), self.to).expect("loopback takes it");
            self.sent += 1;
        }
    }

    fn receive(&mut self) {
        let Server { ring, socket, receiving } = self.server();
        if receiving.is_none() {
            *receiving = Some(ring.receive(*socket).expect("one operation is not too many"));
        }
    }

    /// A lease has what came in it, whatever came since.
    fn check(&self, held: Option<&(u32, Lease<Net>)>) {
        if let Some((number, lease)) = held {
            assert!(lease[..] == filled(*number)[..], "number {number} was written over");
        }
    }

    fn turn(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        server.ring.wait(Some(Duration::ZERO)).expect("the kernel goes on");
        assert!(server.receiving.is_some() || !server.ring.pool.has_place(), "it waits for what it does not need");
        while let Some(event) = server.ring.next() {
            match event {
                Event::Received { lease, .. } => {
                    let number = lease.first_chunk().map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
                    let skipped = number.checked_sub(self.came);
                    assert!(
                        skipped.is_some_and(|skipped| skipped <= self.lost),
                        "number {number} instead of {}",
                        self.came
                    );
                    (self.came, self.lost) = (number + 1, 0);
                    self.held.push_back((number, lease));
                }
                Event::Ended { operation, .. } => {
                    assert_eq!(server.receiving.take(), Some(operation), "what ends was there, and ends once");
                }
                other => panic!("{other:?}"),
            }
        }
        self.server = Some(server);
    }

    /// Everything arrives, although others always wait for buffers too, and everything comes back.
    fn end(mut self) {
        let (pool, mut context) = (self.pool.clone(), Context::from_waker(Waker::noop()));
        let (mut waiting, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..PATIENCE {
            if self.came == self.sent {
                break;
            }
            theirs.clear();
            self.held.clear();
            waiting.resize_with(self.pool.limit() + 1, || Box::pin(pool.acquire()));
            waiting.retain_mut(|other| match other.as_mut().poll(&mut context) {
                Poll::Ready(lease) => {
                    theirs.push(lease.expect("the heap has blocks for all"));
                    false
                }
                Poll::Pending => true,
            });
            self.receive();
            self.turn();
            if self.lost > 0 {
                // Of what a ring took along nobody knows; one more shows.
                self.come(1);
            }
        }
        drop((waiting, theirs));
        assert_eq!(self.came, self.sent, "something never came");
        drop(self.server.take());
        assert_eq!(self.pool.in_flight(), self.held.len());
        self.held.clear();
        assert_eq!((self.pool.in_flight(), self.heap.stats().live()), (0, 0));
    }
}

/// A ring of buffers that are filled piece by piece, and a stream of numbered bytes.
struct Pieces {
    heap: Net,
    pool: BufPool<Net>,
    peer: UnixStream,
    ring: Uring<Net>,
    /// Leases, each with the number of its first byte.
    held: VecDeque<(usize, Lease<Net>)>,
    sent: usize,
    came: usize,
}

fn byte(number: usize) -> u8 {
    (number * 7 + number / 256).to_le_bytes()[0]
}

impl Pieces {
    /// Nothing where the kernel has no such ring, which is said.
    fn new(limit: usize) -> Option<Self> {
        let heap: Net = Arc::new(Heap::new(1 << 20).expect("a small heap"));
        let pool = BufPool::builder().buf_size(256).limit(limit).build_in(Arc::clone(&heap)).expect("a small pool");
        let mut ring = match Uring::builder().buffers(limit.div_ceil(2)).incremental(true).build(pool.clone()) {
            Err(error @ UringError::Unsupported { .. }) => {
                eprintln!("SKIPPED: {error}");
                return None;
            }
            other => other.expect("a ring"),
        };
        let (peer, ours) = UnixStream::pair().expect("two ends");
        let socket = ring.attach(ours).expect("a stream");
        ring.receive(socket).expect("one operation");
        Some(Pieces { heap, pool, peer, ring, held: VecDeque::new(), sent: 0, came: 0 })
    }

    fn come(&mut self, len: usize) {
        self.peer.write_all(&(self.sent..self.sent + len).map(byte).collect::<Vec<_>>()).expect("there is room");
        self.sent += len;
    }

    fn turn(&mut self) {
        self.ring.wait(Some(Duration::ZERO)).expect("the kernel goes on");
        while let Some(event) = self.ring.next() {
            let Event::Received { lease, .. } = event else { panic!("{event:?}") };
            self.came += lease.len();
            self.held.push_back((self.came - lease.len(), lease));
        }
        for (first, lease) in &self.held {
            assert!(lease.iter().copied().eq((*first..first + lease.len()).map(byte)), "bytes from {first} on");
        }
    }

    fn let_go(&mut self, count: usize, last: bool) {
        for _ in 0..count {
            drop(if last { self.held.pop_back() } else { self.held.pop_front() });
        }
    }

    fn end(mut self) {
        for _ in 0..PATIENCE {
            if self.came == self.sent {
                break;
            }
            self.held.clear();
            self.turn();
        }
        assert_eq!(self.came, self.sent, "something never came");
        drop(self.ring);
        self.held.clear();
        assert_eq!((self.pool.in_flight(), self.heap.stats().live()), (0, 0));
    }
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..12_u32).prop_map(Action::Come),
        6 => Just(Action::Turn),
        4 => any::<bool>().prop_map(|last| Action::LetGo { last }),
        1 => Just(Action::Cancel),
        2 => Just(Action::Receive),
        1 => (1..9_usize).prop_map(|buffers| Action::Anew { buffers }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn uring_pieces_of_a_buffer_lie_side_by_side_and_the_stream_is_whole(
        limit in 1..6_usize,
        steps in prop::collection::vec((0..300_usize, 0..4_usize, any::<bool>()), 1..100),
    ) {
        let Some(mut pieces) = Pieces::new(limit) else { return Ok(()) };
        for (len, count, last) in steps {
            pieces.come(len);
            pieces.turn();
            pieces.let_go(count, last);
        }
        pieces.end();
    }

    #[test]
    fn uring_every_buffer_is_in_one_place_and_no_datagram_is_lost(
        limit in 2..12_usize,
        actions in prop::collection::vec(action(), 1..120),
    ) {
        let mut world = match World::new(limit) {
            Err(error @ UringError::Unsupported { .. }) => {
                eprintln!("SKIPPED: {error}");
                return Ok(());
            }
            other => other.expect("a ring and its sockets"),
        };
        actions.into_iter().for_each(|action| world.run(action));
        world.end();
    }
}

#[test]
fn uring_a_buffer_that_comes_back_is_heard() {
    let heap: Net = Arc::new(Heap::new(1 << 20).expect("a small heap"));
    let pool = BufPool::builder().buf_size(256).limit(1).build_in(heap).expect("a small pool");
    let Ok(mut ring) = Uring::builder().buffers(1).build(pool.clone()) else {
        return eprintln!("SKIPPED: no io_uring");
    };
    let (mut peer, ours) = UnixStream::pair().expect("two ends");
    let socket = ring.attach(ours).expect("a stream");
    ring.receive(socket).expect("one operation");
    for _ in 0..3 {
        peer.write_all(b"one").expect("there is room");
        ring.wait(None).expect("the kernel goes on");
        let received = ring.next();
        assert!(matches!(received, Some(Event::Received { .. })), "{received:?}");
        peer.write_all(b"another").expect("there is room");
        // The kernel finds no buffer, the ring none in the pool.
        while !ring.pool.has_place() {
            ring.wait(Some(Duration::ZERO)).expect("the kernel goes on");
            assert!(ring.next().is_none());
        }
        drop(received);
        // As one that was waiting all the while.
        ring.enter(Some(Duration::ZERO)).expect("the kernel goes on");
        assert!(!ring.ring.completion().is_empty());
        let received = core::iter::repeat_with(|| {
            ring.wait(Some(Duration::ZERO)).expect("the kernel goes on");
            ring.next()
        });
        assert!(
            matches!(received.take(PATIENCE).flatten().next(), Some(Event::Received { lease, .. }) if lease[..] == *b"another")
        );
    }
}

/// A send that is not read stays with the kernel after the ring is gone, and so do its bytes.
#[test]
fn what_the_kernel_still_reads_in_place_is_not_given_up() {
    let heap: Net = Arc::new(Heap::new(1 << 20).expect("a small heap"));
    let pool = BufPool::builder().buf_size(256).limit(4).build_in(Arc::clone(&heap)).expect("a small pool");
    let Ok(mut ring) = Uring::builder().buffers(2).zero_copy(0).build(pool.clone()) else {
        return eprintln!("SKIPPED: no io_uring");
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let ours = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("loopback");
    let socket = ring.attach(ours).expect("a stream");
    let bytes = SmBytes::copy_from_slice_in(&vec![1; 16 << 20], Arc::clone(&heap));
    ring.send(socket, bytes.clone()).expect("one operation");
    ring.wait(Some(Duration::ZERO)).expect("the kernel goes on");
    let taken = ring.next();
    assert!(taken.is_none(), "nobody reads it: {taken:?}");
    drop(ring);
    // The peer's window is full: some of it waits for its turn in the kernel, in place.
    assert_eq!((pool.in_flight(), bytes.is_unique()), (0, false));
}
