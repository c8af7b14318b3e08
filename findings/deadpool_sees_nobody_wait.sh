#!/usr/bin/env bash
# deadpool 0.13.1: the status of an unmanaged pool says that nobody waits, however many do; that of a managed one counts them.
#
# A guess: `waiting` is the number of futures that wait for an object, as both types of pool have it in the one `Status` that they share.
# Seen: with one object on loan and ten futures pending, the unmanaged pool says 0, the managed one 10. (The unmanaged pool takes waiting for a negative number of available
# objects, and counts down only who has got one.) When the futures are dropped, or the object is back, both say what is so.
# Why it matters here: the pools of buffers among these are the unmanaged ones, made of objects that exist; that tasks queue for them is what their size is chosen
# by, and what an alarm would watch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[workspace]
[dependencies]
deadpool = { version = "=0.13.1", features = ["managed", "unmanaged"] }
T
cat >src/main.rs <<'R'
use deadpool::{managed, unmanaged};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

struct Buffers;
impl managed::Manager for Buffers {
    type Type = Vec<u8>;
    type Error = ();
    async fn create(&self) -> Result<Vec<u8>, ()> {
        Ok(Vec::with_capacity(4096))
    }
    async fn recycle(&self, buffer: &mut Vec<u8>, _: &managed::Metrics) -> managed::RecycleResult<()> {
        buffer.clear();
        Ok(())
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

macro_rules! show {
    ($name:literal, $pool:expr) => {
        let pool = $pool;
        let Poll::Ready(Ok(lent)) = poll(pin!(pool.get())) else { panic!("the first is there") };
        let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(pool.get())).collect();
        assert!(waiting.iter_mut().all(|future| poll(future.as_mut()).is_pending()));
        let status = pool.status();
        println!("{}: {} available, {} waiting", $name, status.available, status.waiting);
        drop(waiting);
        drop(lent);
        let status = pool.status();
        println!("  at the end {} available, {} waiting", status.available, status.waiting);
    };
}

fn main() {
    show!("unmanaged", unmanaged::Pool::from(vec![Vec::<u8>::with_capacity(4096)]));
    show!("managed", managed::Pool::<Buffers>::builder(Buffers).max_size(1).build().unwrap());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "unmanaged: 0 available, 0 waiting" "  at the end 1 available, 0 waiting" "managed: 0 available, 10 waiting" "  at the end 1 available, 0 waiting" |
    cmp -s - seen || { echo "changed"; exit 1; }
