//! `Uring`: what came in arrives once and whole, what was sent comes back, and every buffer is in one place; whatever ends first.
#![cfg(all(feature = "io-uring", target_os = "linux", target_pointer_width = "64", not(miri)))]
#![cfg(not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "tsan", smarena_tool = "valgrind")))]
#![expect(unsafe_code, reason = "forks, and filters of system calls")]

mod child;
#[path = "child/sandbox.rs"]
mod sandbox;

use std::collections::HashSet;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use smarena::{BufPool, Event, Exhausted, Heap, Lease, Linear, Operation, Payload, SmBytes, Uring, UringError};

type Net = Arc<Heap<Linear<64>>>;

/// A heap of its own, whose blocks are counted.
fn heap() -> Net {
    Arc::new(Heap::<Linear<64>>::new(1 << 20).unwrap())
}

fn pool_in(heap: &Net, limit: usize) -> BufPool<Net> {
    BufPool::builder().buf_size(512).limit(limit).build_in(Arc::clone(heap)).unwrap()
}

/// A ring, or nothing where the kernel has none, which is said.
fn ring(pool: &BufPool<Net>, buffers: usize) -> Option<Uring<Net>> {
    match Uring::builder().buffers(buffers).operations(16).build(pool.clone()) {
        Err(error @ UringError::Unsupported { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        other => Some(other.unwrap()),
    }
}

fn udp() -> (UdpSocket, UdpSocket, SocketAddr) {
    let (peer, ours) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = ours.local_addr().unwrap();
    (peer, ours, address)
}

/// Waits for the next event. One that does not come is a failure, and not a test without end.
#[track_caller]
fn event(ring: &mut Uring<Net>) -> Event<Net> {
    if let Some(event) = ring.next() {
        return event;
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        ring.wait(Some(deadline.saturating_duration_since(Instant::now()))).unwrap();
        if let Some(event) = ring.next() {
            return event;
        }
        assert!(Instant::now() < deadline, "nothing happens");
    }
}

#[track_caller]
fn received(ring: &mut Uring<Net>) -> Lease<Net> {
    match event(ring) {
        Event::Received { lease, .. } => lease,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_cancelled(event: Event<Net>, of: Operation) {
    match event {
        Event::Ended { operation, result: Err(error), .. } => {
            assert_eq!((operation, error.raw_os_error()), (of, Some(libc::ECANCELED)));
        }
        other => panic!("{other:?}"),
    }
}

/// Nothing happens any more.
#[track_caller]
fn is_quiet(ring: &mut Uring<Net>) {
    ring.wait(Some(Duration::ZERO)).unwrap();
    assert!(ring.next().is_none());
}

#[test]
fn datagrams_arrive_in_leases_with_their_sender_and_go_back() {
    let heap = heap();
    let pool = pool_in(&heap, 16);
    let Some(mut ring) = ring(&pool, 4) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    let receiving = ring.receive(socket).unwrap();
    for text in [&b"one"[..], b"", b"three", &[9; 468]] {
        peer.send_to(text, address).unwrap();
        let Event::Received { operation, socket: on, mut lease, from, truncated } = event(&mut ring) else { panic!() };
        assert_eq!((operation, on, from, truncated), (receiving, socket, Some(peer.local_addr().unwrap()), false));
        assert_eq!(lease[..], *text);
        // A header goes where the kernel has told of the sender.
        assert_eq!((lease.headroom(), lease.capacity()), (44, 512 - 44));
        lease.prepend(b"> ");
        let sending = ring.send_to(socket, lease, from.unwrap()).unwrap();
        let Event::Sent { operation, payload: Payload::Lease(lease), result, .. } = event(&mut ring) else { panic!() };
        assert_eq!((operation, result.unwrap(), lease.len()), (sending, text.len() + 2, text.len() + 2));
        let mut echo = [0; 600];
        let len = peer.recv(&mut echo).unwrap();
        assert_eq!(echo[..len], [b"> ", text].concat());
    }
    peer.send_to(&[7; 500], address).unwrap();
    let Event::Received { lease, truncated, .. } = event(&mut ring) else { panic!() };
    assert_eq!((lease.len(), truncated), (512 - 44, true));
    drop(lease);
    assert_eq!((ring.stats().received, ring.stats().sent, ring.operations()), (5, 4, 1));
    drop(ring);
    assert_eq!((pool.in_flight(), heap.stats().live()), (0, 0));
}

#[test]
fn datagrams_that_are_sent_as_one_arrive_one_by_one() {
    let heap = heap();
    let pool = pool_in(&heap, 8);
    // Copied, and read in place.
    for zero_copy in [usize::MAX, 0] {
        let builder = Uring::builder().buffers(2).zero_copy(zero_copy);
        let Ok(mut ring) = builder.build(pool.clone()) else { return eprintln!("SKIPPED: no io_uring") };
        let (peer, ours, _) = udp();
        let (socket, to) = (ring.attach(ours).unwrap(), peer.local_addr().unwrap());
        let contents = [[1; 100], [2; 100], [3; 100]].concat();
        // Whole ones, a short one at the end, one alone, and all in one.
        for (len, segment) in [(300, 100), (250, 100), (100, 100), (70, 100), (300, 0)] {
            let bytes = SmBytes::copy_from_slice_in(&contents[..len], Arc::clone(&heap));
            let sending = ring.send_segments(socket, bytes, segment, to).unwrap();
            let Event::Sent { operation, result, payload, .. } = event(&mut ring) else { panic!() };
            assert_eq!((operation, result.unwrap(), &payload[..]), (sending, len, &contents[..len]));
            for expected in contents[..len].chunks(if segment == 0 { len } else { segment.into() }) {
                let mut datagram = [0; 301];
                let got = peer.recv(&mut datagram).unwrap();
                assert_eq!(datagram[..got], *expected);
            }
        }
        // More than the system takes.
        let many = SmBytes::copy_from_slice_in(&[0; 200], Arc::clone(&heap));
        ring.send_segments(socket, many, 1, to).unwrap();
        assert!(matches!(event(&mut ring), Event::Sent { result: Err(_), .. }));
    }
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn six_byte_addresses_of_the_other_family_are_told_too() {
    let pool = pool_in(&heap(), 4);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (Ok(peer), Ok(ours)) = (UdpSocket::bind("[::1]:0"), UdpSocket::bind("[::1]:0")) else {
        return eprintln!("SKIPPED: no IPv6");
    };
    peer.send_to(b"six", ours.local_addr().unwrap()).unwrap();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    let Event::Received { lease, from, .. } = event(&mut ring) else { panic!() };
    assert_eq!((&lease[..], from), (&b"six"[..], Some(peer.local_addr().unwrap())));
    ring.send_to(socket, lease.freeze().slice(1..), from.unwrap()).unwrap();
    assert!(matches!(event(&mut ring), Event::Sent { result: Ok(2), .. }));
    assert_eq!(peer.recv(&mut [0; 9]).unwrap(), 2);
}

#[test]
fn nothing_is_lost_when_the_buffers_run_out() {
    let pool = pool_in(&heap(), 3);
    let Some(mut ring) = ring(&pool, 3) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    for number in 0..8 {
        peer.send_to(&[number], address).unwrap();
    }
    let first: Vec<_> = (0..3).map(|_| received(&mut ring)).collect();
    assert_eq!(first.iter().map(|lease| lease[0]).collect::<Vec<_>>(), [0, 1, 2]);
    is_quiet(&mut ring);
    is_quiet(&mut ring);
    assert_eq!((ring.stats().ran_out, ring.operations(), pool.in_flight()), (1, 1, 3));
    // That a ring takes what it can get is nobody's refusal.
    assert_eq!(pool.stats().refusals, 0);
    // They come back from another thread while this one waits.
    let giving = std::thread::spawn(move || drop(first));
    for number in 3..8 {
        assert_eq!(received(&mut ring)[..], [number]);
    }
    giving.join().unwrap();
}

#[test]
fn a_stream_arrives_in_order_to_its_end_and_is_sent_in_order() {
    let pool = pool_in(&heap(), 64);
    let Some(mut ring) = ring(&pool, 8) else { return };
    let (mut peer, ours) = UnixStream::pair().unwrap();
    let socket = ring.attach(ours).unwrap();
    let receiving = ring.receive(socket).unwrap();
    // More than a socket takes at once, in pieces of which only one can be under way.
    let pieces: Vec<Vec<u8>> = (0..8).map(|number| vec![number; 100_000]).collect();
    let heap = pool.try_acquire().unwrap().into_buf().heap().clone();
    for piece in &pieces {
        ring.send(socket, SmBytes::copy_from_slice_in(piece, Arc::clone(&heap))).unwrap();
    }
    let reading = std::thread::spawn(move || {
        let mut all = vec![0; 800_000];
        peer.read_exact(&mut all).unwrap();
        for number in 0..200_u32 {
            peer.write_all(&number.to_be_bytes().repeat(25)).unwrap();
        }
        all
    });
    let (mut sent, mut came) = (0, Vec::new());
    let ended = loop {
        match event(&mut ring) {
            Event::Sent { result, payload, .. } => {
                assert_eq!((result.unwrap(), payload[0]), (100_000, sent));
                sent += 1;
            }
            Event::Received { lease, from: None, .. } => came.extend_from_slice(&lease),
            Event::Ended { operation, result, .. } => break (operation, result.is_ok()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((reading.join().unwrap(), sent, ended), (pieces.concat(), 8, (receiving, true)));
    assert_eq!(came, (0..200_u32).flat_map(|number| number.to_be_bytes().repeat(25)).collect::<Vec<_>>());
}

/// A ring whose buffers are filled piece by piece, or nothing where the kernel has none, which is said.
fn incremental_ring(pool: &BufPool<Net>, buffers: usize) -> Option<Uring<Net>> {
    match Uring::builder().buffers(buffers).operations(16).incremental(true).build(pool.clone()) {
        Err(error @ UringError::Unsupported { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        other => Some(other.unwrap()),
    }
}

#[test]
fn pieces_of_an_incremental_buffer_lie_side_by_side_and_keep_it_together() {
    let heap = heap();
    let pool = pool_in(&heap, 1);
    let Some(mut ring) = incremental_ring(&pool, 1) else { return };
    let (_, datagrams, _) = udp();
    let datagrams = ring.attach(datagrams).unwrap();
    assert!(matches!(ring.receive(datagrams), Err(UringError::StreamsAlone)));

    let (mut peer, ours) = UnixStream::pair().unwrap();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    let mut pieces = Vec::new();
    for number in 0..5 {
        peer.write_all(&[number; 100]).unwrap();
        pieces.push(received(&mut ring));
    }
    // The last has the rest of the room, and then there is no buffer until all parts of this one have gone.
    peer.write_all(&[5; 100]).unwrap();
    let (end, room) = (received(&mut ring), 512 - 500);
    is_quiet(&mut ring);
    assert_eq!((pool.in_flight(), end[..] == [5; 12], end.room(), ring.stats().ran_out), (1, true, 0, 1));
    for (number, piece) in (0..).zip(&pieces) {
        assert_eq!((piece[..] == [number; 100], piece.room()), (true, 0));
        assert_eq!(piece.as_ptr(), pieces[0].as_ptr().wrapping_add(100 * usize::from(number)));
    }
    drop(end);
    pieces.drain(1..);
    is_quiet(&mut ring);
    pieces.clear();
    assert_eq!(received(&mut ring)[..], vec![5; 100 - room]);

    // What is in use when the ring goes stays.
    peer.write_all(b"in use").unwrap();
    let kept = received(&mut ring);
    drop(ring);
    assert_eq!((&kept[..], pool.in_flight(), heap.stats().live()), (&b"in use"[..], 1, 1));
    drop(kept);
    assert_eq!((pool.in_flight(), heap.stats().live()), (0, 0));
}

#[test]
fn connections_are_accepted_and_closed() {
    let pool = pool_in(&heap(), 16);
    let Some(mut ring) = ring(&pool, 4) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = ring.attach(listener).unwrap();
    let accepting = ring.accept(listener).unwrap();
    for _ in 0..3 {
        let mut peer = TcpStream::connect(address).unwrap();
        let Event::Accepted { operation, listener: on, socket } = event(&mut ring) else { panic!() };
        assert_eq!((operation, on), (accepting, listener));
        let receiving = ring.receive(socket).unwrap();
        peer.write_all(b"hello").unwrap();
        let lease = received(&mut ring);
        ring.send(socket, lease).unwrap();
        assert!(matches!(event(&mut ring), Event::Sent { result: Ok(5), .. }));
        ring.close(socket);
        assert!(matches!(
            ring.send(socket, SmBytes::from_static_in(b"late", pool_heap(&pool))),
            Err(UringError::NoSocket)
        ));
        is_cancelled(event(&mut ring), receiving);
        assert!(ring.socket(socket).is_none());
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"hello");
    }
    ring.cancel(accepting);
    is_cancelled(event(&mut ring), accepting);
    assert_eq!(ring.operations(), 0);
}

#[test]
fn no_connection_is_lost_that_came_before_its_accepting_was_cancelled() {
    let pool = pool_in(&heap(), 16);
    if ring(&pool, 4).is_none() {
        return;
    }
    let mut ring = Uring::builder().buffers(1).operations(1).build(pool).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = ring.attach(listener).unwrap();
    // More than there is room for completions, so the kernel ends the accepting with the last that has room.
    let peers: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let accepting = ring.accept(listener).unwrap();
    ring.wait(Some(Duration::from_secs(60))).unwrap();
    ring.cancel(accepting);
    while ring.operations() > 0 {
        drop(event(&mut ring));
    }
    drop(ring);
    for mut peer in peers {
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // All are closed, this way or that.
        let error = peer.read_exact(&mut [0]).unwrap_err();
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

fn pool_heap(pool: &BufPool<Net>) -> Net {
    Arc::clone(pool.try_acquire().unwrap().into_buf().heap())
}

#[test]
fn what_is_cancelled_ends_once_wherever_it_is() {
    let pool = pool_in(&heap(), 2);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    // Not submitted yet.
    let early = ring.receive(socket).unwrap();
    ring.cancel(early);
    is_cancelled(event(&mut ring), early);
    // The kernel's, with something in the completion queue.
    let receiving = ring.receive(socket).unwrap();
    peer.send_to(b"in time", address).unwrap();
    ring.wait(None).unwrap();
    ring.cancel(receiving);
    ring.cancel(receiving);
    assert_eq!(received(&mut ring)[..], *b"in time");
    is_cancelled(event(&mut ring), receiving);
    // Without a buffer.
    let starving = ring.receive(socket).unwrap();
    for _ in 0..3 {
        peer.send_to(b"many", address).unwrap();
    }
    let held = (received(&mut ring), received(&mut ring));
    is_quiet(&mut ring);
    ring.cancel(starving);
    is_cancelled(event(&mut ring), starving);
    drop(held);
    // Behind another on a stream that nobody reads.
    let (mut reader, ours) = UnixStream::pair().unwrap();
    let stream = ring.attach(ours).unwrap();
    let heap = Arc::clone(&pool_heap(&pool));
    let large = SmBytes::copy_from_slice_in(&vec![1; 1 << 20], Arc::clone(&heap));
    let first = ring.send(stream, large.clone()).unwrap();
    let second = ring.send(stream, large).unwrap();
    let third = ring.send(stream, SmBytes::from_static_in(b"third", heap)).unwrap();
    is_quiet(&mut ring);
    ring.cancel(second);
    is_quiet(&mut ring);
    let mut all = vec![0; (1 << 20) + 5];
    let reading = std::thread::spawn(move || reader.read_exact(&mut all).map(|()| all));
    let ends: Vec<_> = (0..3)
        .map(|_| match event(&mut ring) {
            Event::Sent { operation, result, .. } => (operation, result.map_err(|error| error.raw_os_error())),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ends, [(first, Ok(1 << 20)), (second, Err(Some(libc::ECANCELED))), (third, Ok(5))]);
    assert!(reading.join().unwrap().unwrap().ends_with(b"\x01third"));
    ring.cancel(first);
    is_quiet(&mut ring);
    assert_eq!(ring.operations(), 0);
}

#[test]
fn behind_half_of_something_nothing_follows() {
    let heap = heap();
    let pool = pool_in(&heap, 4);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (mut reader, ours) = UnixStream::pair().unwrap();
    let stream = ring.attach(ours).unwrap();
    let large = SmBytes::copy_from_slice_in(&vec![1; 4 << 20], Arc::clone(&heap));
    let first = ring.send(stream, large).unwrap();
    let all = [(); 3].map(|()| ring.send(stream, SmBytes::from_static_in(b"whole", Arc::clone(&heap))).unwrap());
    is_quiet(&mut ring);
    ring.cancel(first);
    let Event::Sent { operation, result: Ok(some), .. } = event(&mut ring) else { panic!() };
    assert!(operation == first && some > 0 && some < 4 << 20);
    reader.read_exact(&mut vec![0; some]).unwrap(); // so that there is room again
    for whole in all {
        let Event::Sent { operation, result: Err(error), .. } = event(&mut ring) else { panic!("it was sent") };
        assert_eq!((operation, error.raw_os_error()), (whole, Some(libc::ECANCELED)));
    }
    // What is sent when all of that is known goes out.
    ring.send(stream, SmBytes::from_static_in(b"anew", heap)).unwrap();
    assert!(matches!(event(&mut ring), Event::Sent { result: Ok(4), .. }));
}

/// Whether a thread of this process sleeps; also if there is none.
fn sleeps(thread: libc::pid_t) -> bool {
    let state = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    state.map_or(true, |state| state.contains(") S "))
}

#[test]
fn the_longest_time_is_waited_for() {
    let pool = pool_in(&heap(), 2);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    // SAFETY: no precondition.
    let this = unsafe { libc::gettid() };
    let sending = std::thread::spawn(move || {
        while !sleeps(this) {
            std::thread::yield_now();
        }
        peer.send_to(b"late", address).unwrap()
    });
    ring.wait(Some(Duration::MAX)).unwrap();
    assert!(ring.next().is_some(), "the time was over before anything came");
    sending.join().unwrap();
}

/// Sockets of other families cannot send in place.
#[test]
fn what_cannot_be_sent_in_place_is_copied() {
    let pool = pool_in(&heap(), 4);
    let Ok(mut ring) = Uring::builder().buffers(1).zero_copy(0).build(pool.clone()) else { return };
    let (mut peer, ours) = UnixStream::pair().unwrap();
    let socket = ring.attach(ours).unwrap();
    let heap = pool_heap(&pool);
    for text in [&b"in place"[..], b"", b"or not"] {
        ring.send(socket, SmBytes::copy_from_slice_in(text, Arc::clone(&heap))).unwrap();
        let Event::Sent { result, .. } = event(&mut ring) else { panic!() };
        assert_eq!(result.unwrap(), text.len());
    }
    let mut all = [0; 14];
    peer.read_exact(&mut all).unwrap();
    assert_eq!(all, *b"in placeor not");
}

#[test]
fn a_payload_sent_in_place_comes_back_when_the_kernel_has_done_with_it() {
    let heap = heap();
    let pool = pool_in(&heap, 4);
    let builder = Uring::builder().buffers(2).zero_copy(0);
    let Ok(mut ring) = builder.build(pool.clone()) else { return eprintln!("SKIPPED: no io_uring") };
    let (peer, ours, _) = udp();
    ours.connect(peer.local_addr().unwrap()).unwrap();
    let socket = ring.attach(ours).unwrap();
    let bytes = SmBytes::copy_from_slice_in(&[5; 2000], heap);
    ring.send(socket, bytes.clone()).unwrap();
    ring.send_to(socket, bytes.clone(), peer.local_addr().unwrap()).unwrap();
    let mut got = [0; 2001];
    for _ in 0..2 {
        let Event::Sent { payload, result, .. } = event(&mut ring) else { panic!() };
        assert_eq!((result.unwrap(), payload.as_ptr()), (2000, bytes.as_ptr()));
        assert_eq!((peer.recv(&mut got).unwrap(), got[..2000].iter().all(|byte| *byte == 5)), (2000, true));
    }
    assert!(bytes.is_unique());
}

#[test]
fn a_ring_that_goes_takes_nothing_along() {
    let heap = heap();
    let pool = pool_in(&heap, 16);
    let Some(mut first) = ring(&pool, 8) else { return };
    let (peer, ours, address) = udp();
    let datagrams = first.attach(ours).unwrap();
    let (silent, ours) = UnixStream::pair().unwrap();
    let stream = first.attach(ours).unwrap();
    first.receive(datagrams).unwrap();
    first.receive(stream).unwrap();
    let large = SmBytes::copy_from_slice_in(&vec![1; 4 << 20], Arc::clone(&heap));
    for _ in 0..3 {
        first.send(stream, large.clone()).unwrap();
    }
    peer.send_to(b"seen", address).unwrap();
    let kept = received(&mut first);
    peer.send_to(b"not seen", address).unwrap();
    first.wait(Some(Duration::ZERO)).unwrap();
    // Not submitted.
    first.send(datagrams, large.clone()).unwrap();
    drop(first);
    assert!(large.is_unique());
    assert_eq!((&kept[..], pool.in_flight()), (&b"seen"[..], 1));
    drop((kept, silent, large));
    assert_eq!((pool.in_flight(), heap.stats().live()), (0, 0));
    // Never used, and used no more.
    drop(ring(&pool, 8));
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn a_ring_that_goes_takes_nothing_along_when_a_payload_panics() {
    struct Owner(bool);

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            &[1; 10]
        }
    }

    impl Drop for Owner {
        fn drop(&mut self) {
            assert!(!self.0, "a payload's owner panics");
        }
    }

    // Known to the kernel, and not; the first, which it may have sent, and those behind.
    for (waits, which) in [(true, 0), (true, 1), (false, 0), (false, 2)] {
        let heap = heap();
        let pool = pool_in(&heap, 16);
        let Some(mut ring) = ring(&pool, 8) else { return };
        let (mut peer, ours) = UnixStream::pair().unwrap();
        let stream = ring.attach(ours).unwrap();
        ring.receive(stream).unwrap();
        for number in 0..3 {
            ring.send(stream, SmBytes::from_owner_in(Owner(number == which), Arc::clone(&heap))).unwrap();
        }
        if waits {
            ring.wait(Some(Duration::ZERO)).unwrap();
        }
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(ring)));
        assert!(dropped.is_err());
        assert_eq!((pool.in_flight(), heap.stats().live()), (0, 0));
        peer.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn a_ring_of_very_many_operations_takes_memory_for_those_there_are() {
    let pool = pool_in(&heap(), 16);
    match Uring::builder().buffers(4).operations(usize::MAX).build(pool) {
        Err(UringError::Unsupported { .. }) => eprintln!("SKIPPED"),
        other => assert_eq!(other.unwrap().operations(), 0),
    }
}

#[test]
fn a_forgotten_ring_keeps_its_heap_and_its_buffers() {
    let heap = heap();
    let pool = pool_in(&heap, 4);
    let Some(mut ring) = ring(&pool, 3) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    ring.wait(Some(Duration::ZERO)).unwrap();
    let _forgotten = std::mem::ManuallyDrop::new(ring);
    peer.send_to(b"to nobody", address).unwrap();
    assert_eq!((pool.in_flight(), heap.stats().live()), (3, 3));
    drop(pool);
    let weak = Arc::downgrade(&heap);
    drop(heap);
    assert!(weak.upgrade().is_some());
}

#[test]
fn a_forks_child_is_refused_and_the_parents_ring_goes_on() {
    let pool = pool_in(&heap(), 8);
    let Some(mut ring) = ring(&pool, 4) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    let receiving = ring.receive(socket).unwrap();
    ring.wait(Some(Duration::ZERO)).unwrap();
    // SAFETY: the child makes calls that refuse, and ends by `_exit`.
    match unsafe { libc::fork() } {
        0 => {
            let refused = matches!(ring.receive(socket), Err(UringError::Forked))
                && matches!(ring.wait(None), Err(UringError::Forked))
                && matches!(ring.attach(peer), Err(UringError::Forked))
                && ring.next().is_none()
                && ring.socket(socket).is_none();
            ring.cancel(receiving);
            ring.close(socket);
            drop(ring);
            // SAFETY: no precondition.
            unsafe { libc::_exit(if refused { 7 } else { 8 }) }
        }
        child => {
            let mut status = 0;
            // SAFETY: our own child, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!((libc::WIFEXITED(status), libc::WEXITSTATUS(status)), (true, 7));
        }
    }
    peer.send_to(b"still here", address).unwrap();
    assert_eq!(received(&mut ring)[..], *b"still here");
    assert_eq!(ring.operations(), 1);
}

#[test]
fn a_socket_that_is_neither_a_stream_nor_one_of_datagrams_is_refused() {
    let pool = pool_in(&heap(), 16);
    let Some(mut ring) = ring(&pool, 4) else { return };
    for (kind, is_taken) in [(libc::SOCK_STREAM, true), (libc::SOCK_DGRAM, true), (libc::SOCK_SEQPACKET, false)] {
        // SAFETY: plain numbers.
        let socket = unsafe { libc::socket(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0) };
        assert!(socket >= 0);
        // SAFETY: just opened, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        assert_eq!(ring.attach(socket).is_ok(), is_taken);
    }
}

#[test]
fn a_full_ring_says_so_and_goes_on() {
    let pool = pool_in(&heap(), 4);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    for _ in 0..16 {
        ring.send_to(socket, SmBytes::from_static_in(b"x", pool_heap(&pool)), address).unwrap();
    }
    assert!(matches!(ring.receive(socket), Err(UringError::Full { limit: 16 })));
    for _ in 0..16 {
        assert!(matches!(event(&mut ring), Event::Sent { result: Ok(1), .. }));
    }
    ring.receive(socket).unwrap();
    for _ in 0..16 {
        assert_eq!(received(&mut ring)[..], *b"x");
    }
    drop(peer);
}

#[test]
fn the_rings_file_becomes_readable_when_something_has_come_in() {
    let pool = pool_in(&heap(), 4);
    let Some(mut ring) = ring(&pool, 2) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let file = ring.as_fd().try_clone_to_owned().unwrap();
        // SAFETY: an owned file, which is open until it is dropped.
        let watched = unsafe { tokio::io::unix::AsyncFd::register(file) }.unwrap();
        for number in 0..3 {
            ring.wait(Some(Duration::ZERO)).unwrap();
            assert!(ring.next().is_none());
            peer.send_to(&[number], address).unwrap();
            let mut ready = watched.readable().await.unwrap();
            ready.clear_ready();
            ring.wait(Some(Duration::ZERO)).unwrap();
            assert_eq!(received(&mut ring)[..], [number]);
        }
    });
}

#[test]
fn where_a_filter_forbids_it_the_error_says_so() {
    let name = "where_a_filter_forbids_it_the_error_says_so";
    let output = child::in_child(name, || {
        let pool = pool_in(&heap(), 4);
        sandbox::refuse(libc::SYS_io_uring_setup);
        let error = Uring::builder().buffers(2).build(pool.clone()).unwrap_err();
        assert!(matches!(error, UringError::Unsupported { .. }));
        assert_eq!(
            error.to_string(),
            "io_uring is not to be had here: a ring of one thread (Operation not permitted (os error 1)). \
             A sandbox, or the setting kernel.io_uring_disabled, forbids it"
        );
        assert_eq!(pool.in_flight(), 0);
    });
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_ring_that_gets_no_file_to_be_told_by_leaves_nothing_behind() {
    let name = "a_ring_that_gets_no_file_to_be_told_by_leaves_nothing_behind";
    let output = child::in_child(name, || {
        let heap = heap();
        let pool = pool_in(&heap, 4);
        if ring(&pool, 2).is_none() {
            return;
        }
        sandbox::refuse(libc::SYS_eventfd2);
        let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = files();
        let error = Uring::builder().buffers(2).build(pool).unwrap_err();
        assert!(matches!(error, UringError::System(_)));
        assert_eq!((files(), Arc::strong_count(&heap)), (before, 1));
    });
    assert!(output.status.success(), "{output:?}");
}

smarena::size_classes! {
    Few: [1024]
}

/// All the heap's blocks are on their way out, and the ring has none left to receive by.
#[test]
fn what_needs_no_buffer_goes_on_when_the_heap_has_no_block() {
    let builder = Heap::<Few>::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse).no_thread_cache();
    let pool = BufPool::builder().buf_size(1000).limit(100).build_in(Arc::new(builder.build().unwrap())).unwrap();
    let mut ring = match Uring::builder().buffers(1).build(pool.clone()) {
        Err(error @ UringError::Unsupported { .. }) => return eprintln!("SKIPPED: {error}"),
        other => other.unwrap(),
    };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    let receiving = ring.receive(socket).unwrap();
    peer.send_to(&[0], address).unwrap();
    ring.wait(None).unwrap();
    let Some(Event::Received { lease, .. }) = ring.next() else { panic!() };
    let mut leases = vec![lease];
    leases.extend(std::iter::from_fn(|| pool.try_acquire().ok()));
    peer.send_to(&[0], address).unwrap();
    // Now the kernel finds that it has no buffer, and then the ring that there is none.
    while ring.stats().ran_out == 0 {
        ring.wait(None).unwrap();
        let event = ring.next();
        assert!(event.is_none(), "{event:?}");
    }
    let sent = leases.len();
    for mut lease in leases {
        lease.resize(1, 1);
        ring.send_to(socket, lease, peer.local_addr().unwrap()).unwrap();
    }
    assert!(matches!(ring.wait(None), Err(UringError::Alloc(_))));
    for _ in 0..sent {
        assert!(matches!(ring.next(), Some(Event::Sent { result: Ok(1), .. })));
    }
    ring.wait(None).unwrap();
    assert!(matches!(ring.next(), Some(Event::Received { operation, .. }) if operation == receiving));
}

#[test]
fn leases_of_a_ring_are_different_blocks_that_nothing_is_written_to() {
    let pool = pool_in(&heap(), 64);
    let Some(mut ring) = ring(&pool, 8) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    let mut held = Vec::new();
    for number in 0..50_u8 {
        peer.send_to(&[number; 400], address).unwrap();
        held.push(received(&mut ring));
    }
    assert_eq!(held.iter().map(|lease| lease.as_ptr()).collect::<HashSet<_>>().len(), 50);
    for (number, lease) in held.iter().enumerate() {
        assert!(lease.len() == 400 && lease.iter().all(|byte| usize::from(*byte) == number));
    }
}

/// All that has happened, as who watches the ring's file asks for it.
fn turns(ring: &mut Uring<Net>) -> Vec<Event<Net>> {
    let mut events = Vec::new();
    loop {
        ring.wait(Some(Duration::ZERO)).unwrap();
        match ring.next() {
            Some(event) => events.push(event),
            None => return events,
        }
    }
}

#[test]
fn who_sleeps_until_the_rings_file_is_readable_is_woken() {
    let pool = pool_in(&heap(), 1);
    let Some(mut ring) = ring(&pool, 1) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    // SAFETY: no precondition.
    let this = unsafe { libc::gettid() };
    let when_asleep = |work: Box<dyn FnOnce() + Send>| {
        std::thread::spawn(move || {
            while !sleeps(this) {
                std::thread::yield_now();
            }
            work();
        })
    };
    while is_readable(&ring) {
        assert!(turns(&mut ring).is_empty());
    }
    let sending = when_asleep(Box::new(move || {
        for number in 1..4 {
            peer.send_to(&[number], address).unwrap();
        }
    }));
    let mut received = |number: u8| loop {
        assert!(becomes_readable(&ring, 60_000), "it sleeps on");
        if let Some(Event::Received { lease, .. }) = turns(&mut ring).pop() {
            assert_eq!(lease[..], [number]);
            break lease;
        }
    };
    let mut lease = received(1);
    sending.join().unwrap();
    // A buffer that comes back, of which the ring has to make something; more than once.
    for number in 2..4 {
        let returning = when_asleep(Box::new(move || drop(lease)));
        lease = received(number);
        returning.join().unwrap();
    }
}

/// Whether who watches the ring's file would be told now.
fn is_readable(ring: &Uring<Net>) -> bool {
    becomes_readable(ring, 0)
}

fn becomes_readable(ring: &Uring<Net>, milliseconds: libc::c_int) -> bool {
    let mut watched = libc::pollfd { fd: ring.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one such structure, for as long as the call takes.
    let answer = unsafe { libc::poll(&raw mut watched, 1, milliseconds) };
    answer == 1 && watched.revents & libc::POLLIN != 0
}

/// A ring on a socket, whose only buffer is in use, and which wants another.
fn starving(pool: &BufPool<Net>) -> Option<(Uring<Net>, Operation, Lease<Net>)> {
    let mut ring = ring(pool, 1)?;
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    let receiving = ring.receive(socket).unwrap();
    peer.send_to(&[1], address).unwrap();
    let lease = received(&mut ring);
    peer.send_to(&[2], address).unwrap();
    // The kernel has no buffer, and the pool none either.
    is_quiet(&mut ring);
    is_quiet(&mut ring);
    assert_eq!((ring.stats().ran_out, pool.stats().waiting), (1, 1));
    Some((ring, receiving, lease))
}

#[test]
fn a_ring_without_buffers_has_its_turn_among_those_who_wait() {
    let pool = pool_in(&heap(), 1);
    let Some(mut ring) = ring(&pool, 1) else { return };
    let (peer, ours, address) = udp();
    let socket = ring.attach(ours).unwrap();
    ring.receive(socket).unwrap();
    peer.send_to(&[0], address).unwrap();
    let mut lease = received(&mut ring);
    let mut context = Context::from_waker(Waker::noop());
    let [mut first, mut next] = [(); 2].map(|()| Box::pin(pool.acquire()));
    assert!(first.as_mut().poll(&mut context).is_pending());
    // Somebody always waits.
    for number in 1..5 {
        peer.send_to(&[number], address).unwrap();
        is_quiet(&mut ring);
        is_quiet(&mut ring);
        assert!(next.as_mut().poll(&mut context).is_pending());
        drop(lease);
        is_quiet(&mut ring);
        let Poll::Ready(Ok(theirs)) = first.as_mut().poll(&mut context) else { panic!("who waits longer is first") };
        drop(theirs);
        lease = received(&mut ring);
        assert_eq!((&lease[..], next.as_mut().poll(&mut context).is_pending()), (&[number][..], true));
        first = std::mem::replace(&mut next, Box::pin(pool.acquire()));
    }
}

#[test]
fn a_watched_file_tells_of_a_buffer_that_came_back() {
    let pool = pool_in(&heap(), 1);
    let Some((mut ring, _, lease)) = starving(&pool) else { return };
    assert!(is_readable(&ring), "who begins to watch looks once");
    is_quiet(&mut ring);
    assert!(!is_readable(&ring));
    std::thread::spawn(move || drop(lease)).join().unwrap();
    assert!(is_readable(&ring));
    assert_eq!(received(&mut ring)[..], [2]);
}

#[test]
fn a_ring_that_wants_no_buffer_any_more_leaves_the_queue() {
    let heap = heap();
    let pool = pool_in(&heap, 1);
    let mut context = Context::from_waker(Waker::noop());
    // On its way, or not yet; what wants it is cancelled, or the ring goes.
    for (is_handed_over, goes) in [(false, false), (true, false), (false, true), (true, true)] {
        let Some((mut ring, receiving, lease)) = starving(&pool) else { return };
        let mut behind = Box::pin(pool.acquire());
        assert!(behind.as_mut().poll(&mut context).is_pending());
        let mut lease = Some(lease);
        if is_handed_over {
            lease = None;
        }
        assert!(behind.as_mut().poll(&mut context).is_pending());
        if goes {
            drop(ring);
        } else {
            ring.cancel(receiving);
            is_cancelled(event(&mut ring), receiving);
        }
        drop(lease);
        assert!(behind.as_mut().poll(&mut context).is_ready());
        assert_eq!((pool.in_flight(), pool.stats().waiting, heap.stats().live()), (0, 0, 0));
    }
}

#[test]
fn what_is_another_rings_is_refused() {
    let pool = pool_in(&heap(), 8);
    let (Some(mut ours), Some(mut theirs)) = (ring(&pool, 1), ring(&pool, 1)) else { return };
    let [mine, other] = [&mut ours, &mut theirs].map(|ring| {
        let socket = ring.attach(udp().1).unwrap();
        (socket, ring.receive(socket).unwrap())
    });
    assert!(mine.0 != other.0 && mine.1 != other.1);
    ours.cancel(other.1);
    ours.close(other.0);
    is_quiet(&mut ours);
    assert!(matches!(ours.receive(other.0), Err(UringError::NoSocket)) && ours.socket(other.0).is_none());
    let bytes = SmBytes::from_static_in(b"x", pool_heap(&pool));
    assert!(matches!(ours.send(other.0, bytes), Err(UringError::NoSocket)));
    ours.cancel(mine.1);
    is_cancelled(event(&mut ours), mine.1);
    is_quiet(&mut theirs);
}
