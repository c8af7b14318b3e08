//! Frames over leases: what arrives is what was sent, however it is cut into pieces, and a pool bounds it.
#![cfg(not(loom))]

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::ParseIntError;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_sink::Sink;
use proptest::prelude::*;
use smarena::{BufPool, FrameError, Global, LeaseFramed, LengthPrefixed, PoolHeap, SmBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

type Framed = LeaseFramed<DuplexStream, LengthPrefixed, Global>;
type Frame = SmBytes<PoolHeap>;

fn pool(buf_size: usize, limit: usize) -> BufPool {
    BufPool::builder().buf_size(buf_size).limit(limit).build().unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

async fn next(framed: &mut Framed) -> Option<Result<Frame, FrameError>> {
    poll_fn(|context| Pin::new(&mut *framed).poll_next(context)).await
}

/// As `next`, once.
fn poll(framed: &mut Framed) -> Poll<Option<Result<Frame, FrameError>>> {
    Pin::new(framed).poll_next(&mut Context::from_waker(Waker::noop()))
}

async fn ready(framed: &mut Framed) -> Result<(), FrameError> {
    poll_fn(|context| Sink::<&[u8]>::poll_ready(Pin::new(&mut *framed), context)).await
}

/// Without flushing.
async fn feed(framed: &mut Framed, frame: &[u8]) -> Result<(), FrameError> {
    ready(framed).await?;
    Pin::new(framed).start_send(frame)
}

async fn flush(framed: &mut Framed) -> Result<(), FrameError> {
    poll_fn(|context| Sink::<&[u8]>::poll_flush(Pin::new(&mut *framed), context)).await
}

async fn close(framed: &mut Framed) -> Result<(), FrameError> {
    poll_fn(|context| Sink::<&[u8]>::poll_close(Pin::new(&mut *framed), context)).await
}

fn prefixed(frame: &[u8]) -> Vec<u8> {
    [&u32::try_from(frame.len()).unwrap().to_be_bytes(), frame].concat()
}

proptest! {
    /// Of any sizes, through a stream that passes on a few bytes at a time, in leases that hold one of them or several, with some of them kept.
    #[test]
    fn frames_arrive_as_they_were_sent(
        sizes in prop::collection::vec(0..=200_usize, 0..40),
        passed in 1..300_usize,
        buf_size in 204..1000_usize,
        kept in 0..5_usize,
    ) {
        let frames: Vec<Vec<u8>> = sizes.iter().zip(0..).map(|(size, number)| vec![number; *size]).collect();
        // Two to read with, one to write with.
        let pool = pool(buf_size, 3 + kept);
        let (here, there) = duplex(passed);
        let (mut sender, mut receiver) =
            (Framed::new(here, LengthPrefixed::new(200), pool.clone()), Framed::new(there, LengthPrefixed::new(200), pool.clone()));
        block_on(async {
            let mut sending = pin!(async {
                for frame in &frames {
                    feed(&mut sender, frame).await?;
                }
                close(&mut sender).await
            });
            let mut hand = std::collections::VecDeque::new();
            let mut expected = frames.iter();
            let mut sent = false;
            poll_fn(|context| {
                sent = sent || matches!(sending.as_mut().poll(context), Poll::Ready(Ok(())));
                loop {
                    match Pin::new(&mut receiver).poll_next(context) {
                        Poll::Ready(Some(frame)) => {
                            let frame = frame.unwrap();
                            assert_eq!(&frame[..], &expected.next().unwrap()[..]);
                            hand.push_back(frame);
                            hand.truncate(kept);
                        }
                        Poll::Ready(None) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await;
            assert!(sent && expected.next().is_none());
        });
        drop((sender, receiver));
        assert_eq!(pool.in_flight(), 0);
    }
}

#[test]
fn a_frame_that_is_too_large_is_named_and_ends_the_stream() {
    let pool = pool(1024, 4);
    block_on(async {
        // By the codec's limit, as soon as it is announced.
        let (mut here, there) = duplex(4096);
        let mut receiver = Framed::new(there, LengthPrefixed::new(1000), pool.clone());
        here.write_all(&[prefixed(b"fine"), u32::MAX.to_be_bytes().to_vec()].concat()).await.unwrap();
        assert_eq!(next(&mut receiver).await.unwrap().unwrap(), b"fine");
        let error = next(&mut receiver).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a frame of 4294967295 bytes or more; the limit is 1000");
        assert!(next(&mut receiver).await.is_none());
        assert_eq!(pool.in_flight(), 0);

        // By the lease, when it is full.
        let (mut here, there) = duplex(4096);
        let mut receiver = Framed::new(there, LengthPrefixed::new(2000), pool.clone());
        here.write_all(&prefixed(&[7; 1021])).await.unwrap();
        let error = next(&mut receiver).await.unwrap().unwrap_err();
        assert!(matches!(error, FrameError::TooLarge { bytes: 1025, limit: 1024 }), "{error}");

        // The largest that fits, twice.
        let (here, there) = duplex(64);
        let mut receiver = Framed::new(there, LengthPrefixed::new(1020), pool.clone());
        let mut sender = Framed::new(here, LengthPrefixed::new(1020), pool.clone());
        let sending = tokio::spawn(async move {
            feed(&mut sender, &[1; 1020]).await?;
            feed(&mut sender, &[2; 1020]).await?;
            let refused = feed(&mut sender, &[3; 1021]).await.unwrap_err();
            assert!(matches!(refused, FrameError::TooLarge { bytes: 1021, limit: 1020 }), "{refused}");
            close(&mut sender).await
        });
        for number in [1, 2] {
            assert_eq!(next(&mut receiver).await.unwrap().unwrap(), [number; 1020]);
        }
        assert!(next(&mut receiver).await.is_none());
        sending.await.unwrap().unwrap();

        // No lease has room for what a codec may write.
        let mut sender = Framed::new(duplex(64).0, LengthPrefixed::new(1021), pool.clone());
        let refused = feed(&mut sender, b"").await.unwrap_err();
        assert!(matches!(refused, FrameError::TooLarge { bytes: 1025, limit: 1024 }), "{refused}");
        let mut sender = Framed::new(duplex(64).0, LengthPrefixed::new(usize::MAX), pool.clone());
        let refused = feed(&mut sender, b"").await.unwrap_err();
        assert!(matches!(refused, FrameError::TooLarge { bytes: usize::MAX, limit: 1024 }), "{refused}");
    });
}

/// The text is the stream's own, so what comes next in the row of causes is what the stream's error was caused by.
#[test]
fn an_error_of_the_stream_leads_to_its_cause() {
    #[derive(Debug)]
    struct Cut(ParseIntError);
    impl fmt::Display for Cut {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the line was cut")
        }
    }
    impl Error for Cut {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = FrameError::from(std::io::Error::other(Cut("x".parse::<u8>().unwrap_err())));
    assert_eq!(error.to_string(), "the line was cut");
    assert!(error.source().is_some_and(|cause| cause.is::<ParseIntError>()));
}

#[test]
fn who_is_silent_between_two_frames_holds_no_lease() {
    let pool = pool(1024, 2);
    let (mut here, there) = duplex(4096);
    let mut receiver = Framed::new(there, LengthPrefixed::new(1000), pool.clone());
    block_on(async {
        assert!(poll(&mut receiver).is_pending());
        assert_eq!(pool.in_flight(), 0);
        here.write_all(&prefixed(b"a frame")).await.unwrap();
        let frame = next(&mut receiver).await.unwrap().unwrap();
        assert!(poll(&mut receiver).is_pending());
        assert_eq!((pool.in_flight(), &frame[..]), (1, &b"a frame"[..]));
        drop(frame);
        assert_eq!(pool.in_flight(), 0);
        // In the middle of one it holds what is there.
        here.write_all(&prefixed(b"another")[..6]).await.unwrap();
        assert!(poll(&mut receiver).is_pending());
        assert_eq!(pool.in_flight(), 1);
        drop(here);
        let error = next(&mut receiver).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the stream ended in a frame, of which 6 bytes are there");
        assert!(next(&mut receiver).await.is_none());
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn reading_waits_for_a_lease_in_the_pools_queue() {
    let pool = pool(64, 2);
    let (mut here, there) = duplex(4096);
    let mut receiver = Framed::new(there, LengthPrefixed::new(60), pool.clone());
    block_on(async {
        here.write_all(&[prefixed(&[1; 60]), prefixed(&[2; 60]), prefixed(&[3; 60])].concat()).await.unwrap();
        let first = next(&mut receiver).await.unwrap().unwrap();
        let second = next(&mut receiver).await.unwrap().unwrap();
        assert!(poll(&mut receiver).is_pending());
        // Who waits was not refused.
        assert_eq!((pool.stats().waiting, pool.in_flight(), pool.stats().refusals), (1, 2, 0));
        // It has its place: who comes later does not overtake it.
        drop(first);
        assert!(pool.try_acquire().is_err());
        let third = next(&mut receiver).await.unwrap().unwrap();
        assert_eq!((&second[..], &third[..]), (&[2; 60][..], &[3; 60][..]));
        // Whoever gives up loses nothing.
        here.write_all(&prefixed(&[4; 60])).await.unwrap();
        assert!(poll(&mut receiver).is_pending());
        assert_eq!(pool.stats().waiting, 1);
        drop(receiver);
        assert_eq!(pool.stats().waiting, 0);
        drop((second, third));
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn who_needs_no_lease_any_more_gives_up_its_place() {
    let pool = pool(64, 2);
    let (mut here, there) = duplex(4096);
    let mut receiver = Framed::new(there, LengthPrefixed::new(60), pool.clone());
    block_on(async {
        let other = pool.try_acquire().unwrap();
        here.write_all(&prefixed(&[1; 40])).await.unwrap();
        here.write_all(&prefixed(&[2; 30])[..20]).await.unwrap();
        let first = next(&mut receiver).await.unwrap().unwrap();
        assert!(poll(&mut receiver).is_pending());
        assert_eq!(pool.stats().waiting, 1);
        // The room is there again, so it goes on without another.
        drop(first);
        here.write_all(&prefixed(&[2; 30])[20..]).await.unwrap();
        assert_eq!(next(&mut receiver).await.unwrap().unwrap(), [2; 30]);
        assert!(poll(&mut receiver).is_pending());
        assert_eq!((pool.stats().waiting, pool.in_flight()), (0, 1));
        drop(other);
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn who_closes_gives_up_its_place() {
    let pool = pool(64, 1);
    let mut sender = Framed::new(duplex(64).0, LengthPrefixed::new(60), pool.clone());
    block_on(async {
        let other = pool.try_acquire().unwrap();
        assert!(feed(&mut sender, b"frame").now_or_never().is_none());
        assert_eq!(pool.stats().waiting, 1);
        close(&mut sender).await.unwrap();
        assert_eq!(pool.stats().waiting, 0);
        drop(other);
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn who_is_ready_stays_so_until_a_frame_is_sent() {
    let pool = pool(64, 1);
    let (here, mut there) = duplex(4096);
    let mut sender = Framed::new(here, LengthPrefixed::new(20), pool.clone());
    block_on(async {
        feed(&mut sender, &[1; 20]).await.unwrap();
        ready(&mut sender).await.unwrap();
        for _ in 0..2 {
            flush(&mut sender).await.unwrap();
            assert_eq!(pool.in_flight(), 1);
        }
        Pin::new(&mut sender).start_send(&[2; 20][..]).unwrap();
        flush(&mut sender).await.unwrap();
        assert_eq!(pool.in_flight(), 0);
        let mut bytes = [0; 48];
        there.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes[..], [prefixed(&[1; 20]), prefixed(&[2; 20])].concat());
        // Whoever closes wants to send no more.
        ready(&mut sender).await.unwrap();
        close(&mut sender).await.unwrap();
        assert_eq!(pool.in_flight(), 0);
    });
}

/// A server's task that is dropped at each of its awaits: reading, waiting for a lease, writing. It takes nothing along, and who waited behind it is served.
#[test]
fn a_task_that_is_dropped_at_any_await_leaves_everything_to_others() {
    const FRAMES: u8 = 6;
    let mut context = Context::from_waker(Waker::noop());
    let mut waited = 0;
    for awaits in 0.. {
        let pool = pool(64, 3);
        let (mut here, there) = duplex(16);
        let mut serving = Box::pin(async {
            let mut framed = Framed::new(there, LengthPrefixed::new(40), pool.clone());
            while let Some(frame) = next(&mut framed).await {
                let mut answer = pool.acquire().await.unwrap();
                answer.extend_from_slice(&frame.unwrap());
                feed(&mut framed, &answer).await.unwrap();
                flush(&mut framed).await.unwrap();
            }
        });
        let mut asking = Box::pin(async {
            for number in 0..FRAMES {
                let bytes = prefixed(&[number; 30]);
                here.write_all(&bytes).await.unwrap();
                let mut answer = vec![0; bytes.len()];
                here.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer, bytes);
            }
            here.shutdown().await.unwrap();
        });
        let mut has_asked = false;
        let mut others = Vec::new();
        let mut is_over = false;
        for step in 0..awaits {
            // Others take all there is in every second step, and give it back in the next.
            match step % 2 {
                0 => others.extend(std::iter::from_fn(|| pool.try_acquire().ok())),
                _ => others.clear(),
            }
            is_over = serving.as_mut().poll(&mut context).is_ready();
            waited += pool.stats().waiting;
            if is_over {
                break;
            }
            has_asked = has_asked || asking.as_mut().poll(&mut context).is_ready();
        }
        others.clear();
        let mut behind = Vec::from_iter((0..4).map(|_| Box::pin(pool.acquire())));
        let mut served = Vec::from_iter(behind.iter_mut().map(|other| other.as_mut().poll(&mut context)));
        drop(serving);
        for (other, lease) in behind.iter_mut().zip(&mut served).filter(|(_, lease)| lease.is_pending()) {
            *lease = other.as_mut().poll(&mut context);
        }
        // Of three leases.
        assert_eq!(
            (served.iter().filter(|lease| lease.is_ready()).count(), pool.stats().waiting),
            (3, 1),
            "after {awaits}"
        );
        drop((served, behind));
        assert_eq!((pool.in_flight(), pool.stats().waiting), (0, 0), "after {awaits}");
        if is_over {
            assert!(waited > 0 && awaits > 2 * usize::from(FRAMES), "it waited {waited} times in {awaits} steps");
            break;
        }
    }
}

#[test]
fn frames_are_written_together_when_they_are_flushed() {
    let pool = pool(1024, 2);
    let (here, mut there) = duplex(4096);
    let mut sender = Framed::new(here, LengthPrefixed::new(100), pool.clone());
    block_on(async {
        for number in 0..9 {
            feed(&mut sender, &[number; 100]).await.unwrap();
        }
        assert!(there.read(&mut [0; 1]).now_or_never().is_none(), "written before it was flushed");
        // There is no room for a tenth.
        feed(&mut sender, &[9; 100]).await.unwrap();
        let mut bytes = vec![0; 9 * 104];
        there.read_exact(&mut bytes).await.unwrap();
        assert!(bytes.chunks(104).zip(0..).all(|(frame, number)| *frame == prefixed(&[number; 100])));
        flush(&mut sender).await.unwrap();
        assert_eq!(pool.in_flight(), 0);
        there.read_exact(&mut bytes[..104]).await.unwrap();
        assert_eq!(bytes[..104], prefixed(&[9; 100]));

        // What was read behind the last frame is not lost.
        there.write_all(&[prefixed(b"frame"), b"\0\0rest".to_vec()].concat()).await.unwrap();
        assert_eq!(next(&mut sender).await.unwrap().unwrap(), b"frame");
        let (_, codec, rest) = sender.into_parts();
        assert_eq!((codec, &rest.unwrap()[..]), (LengthPrefixed::new(100), &b"\0\0rest"[..]));
    });
}

trait NowOrNever: Future + Sized {
    /// What the future comes to without waiting.
    fn now_or_never(self) -> Option<Self::Output> {
        match pin!(self).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<F: Future> NowOrNever for F {}

#[test]
fn one_lease_is_enough_to_read_frames_that_are_not_kept() {
    let pool = pool(64, 1);
    let (mut here, there) = duplex(4096);
    let mut receiver = Framed::new(there, LengthPrefixed::new(60), pool.clone());
    block_on(async {
        let sizes = || (0..50_u8).map(|number| usize::from(number % 30) + 31);
        here.write_all(&sizes().map(|size| prefixed(&vec![7; size])).collect::<Vec<_>>().concat()).await.unwrap();
        for size in sizes() {
            let Poll::Ready(Some(frame)) = poll(&mut receiver) else { panic!("it waits for another lease") };
            assert_eq!(frame.unwrap(), vec![7; size]);
        }
    });
}
