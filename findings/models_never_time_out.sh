#!/usr/bin/env bash
# loom 0.7.3 and shuttle 0.9.10: waiting on a condition variable with a timeout never times out, in any execution, so what a program does then is in no model.
#
# A guess: without a clock the timeout is one more thing that may happen at any moment, and is tried as such; shuttle says of one call, `park_timeout`, that
# it does not fire, and of a channel's `recv_timeout` that it fails when it waits too long.
# Seen: `wait_timeout` is `wait` in both, and `recv_timeout` is `recv` in shuttle: always notified, always received, though the other thread
# comes second in half of the executions. A branch for the timeout is built and never run; a panic in it passes.
# Why it matters here: that a permit is handed over and given up in the same moment is what a pool with timeouts must be tested for. Such a wait is to be put
# together in the model itself: a look without waiting, then withdrawing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
loom = "=0.7.3"
shuttle = "=0.9.10"
T
cat >src/main.rs <<'R'
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

const SHORT: Duration = Duration::from_nanos(1);
static WAITED: AtomicUsize = AtomicUsize::new(0);
static TIMED_OUT: AtomicUsize = AtomicUsize::new(0);

/// One thread waits for a flag, a nanosecond at a time; the other sets it.
macro_rules! model {
    ($checker:ident) => {
        || {
            use $checker::{sync::{Arc, Condvar, Mutex}, thread};
            let shared = Arc::new((Mutex::new(false), Condvar::new()));
            let setter = thread::spawn({
                let shared = shared.clone();
                move || {
                    *shared.0.lock().unwrap() = true;
                    shared.1.notify_one();
                }
            });
            let mut is_set = shared.0.lock().unwrap();
            while !*is_set {
                let (guard, result) = shared.1.wait_timeout(is_set, SHORT).unwrap();
                is_set = guard;
                WAITED.fetch_add(1, Relaxed);
                TIMED_OUT.fetch_add(result.timed_out().into(), Relaxed);
            }
            drop(is_set);
            setter.join().unwrap();
        }
    };
}

fn show(name: &str) {
    let (waited, timed_out) = (WAITED.swap(0, Relaxed), TIMED_OUT.swap(0, Relaxed));
    println!("{name}: {}, {timed_out} times out of time", if waited > 0 { "waited" } else { "never waited" });
}

fn main() {
    loom::model(model!(loom));
    show("loom's condition variable");
    shuttle::check_random(model!(shuttle), 1000);
    show("shuttle's condition variable");
    shuttle::check_random(|| {
        let (sender, receiver) = shuttle::sync::mpsc::channel();
        let sending = shuttle::thread::spawn(move || sender.send(()).unwrap());
        WAITED.fetch_add(1, Relaxed);
        TIMED_OUT.fetch_add(receiver.recv_timeout(SHORT).is_err().into(), Relaxed);
        sending.join().unwrap();
    }, 1000);
    show("shuttle's channel");
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "loom's condition variable: waited, 0 times out of time" "shuttle's condition variable: waited, 0 times out of time" \
    "shuttle's channel: waited, 0 times out of time" | cmp -s - seen || { echo "changed"; exit 1; }
