//! What every client does: borrow a buffer, fill it, send it, compare what comes back, and give both buffers back.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::ending::Failure;
use crate::options::Options;
use crate::race::{Counter, Race, WARM_UP};
use crate::{Buffer, Pool, payload};

/// The protocol's part of a client.
pub(crate) trait Connection {
    /// Room to leave in front of the payload, in bytes.
    const PREFIX: usize;

    /// Where this protocol's packets are counted.
    fn counter(race: &Race) -> &Counter;

    /// Sends `packet` and waits for its echo, but not for ever: `None` if it was sent in vain, however often.
    /// Each time it is sent again counts in `resent`.
    fn exchange(
        &mut self,
        packet: &mut Buffer,
        pool: &Pool,
        race: &Race,
        resent: &mut u64,
    ) -> Result<Option<Buffer>, Failure>;
}

/// What one client saw, warm-up included except for the latencies.
pub(crate) struct Seen {
    /// Nanoseconds from before sending to after receiving, in the steady state.
    pub(crate) latency: Histogram<u64>,
    /// Echoes that differed from what was sent.
    pub(crate) differing: u64,
    /// Packets sent again because no answer came in time.
    pub(crate) resent: u64,
    /// Packets that were given up.
    pub(crate) lost: u64,
}

pub(crate) fn run<C: Connection>(
    mut connection: C,
    options: &Options,
    pool: &Pool,
    race: &Race,
) -> Result<Seen, Failure> {
    // Fixed bounds, 1 ns to 100 s: the histogram never grows while we count allocations.
    let latency = Histogram::new_with_bounds(1, 100_000_000_000, 3)?;
    let warm_up = options.sizes.len().max(WARM_UP) as u64;
    let mut seen = Seen { latency, differing: 0, resent: 0, lost: 0 };

    for (number, &size) in (0..).zip(options.sizes.iter().cycle()) {
        if race.is_over() {
            break;
        }
        let steady = race.is_steady();

        let mut packet = pool.try_acquire()?;
        packet.resize(C::PREFIX + size, 0);
        payload::fill(&mut packet[C::PREFIX..], number);

        let start = Instant::now();
        let echo = connection.exchange(&mut packet, pool, race, &mut seen.resent)?;
        let time = start.elapsed();
        match echo {
            None => seen.lost += 1,
            Some(echo) if echo[..] != packet[..] => seen.differing += 1,
            Some(_) if steady && race.is_steady() => {
                C::counter(race).add(size);
                seen.latency.saturating_record(u64::try_from(time.as_nanos())?);
            }
            Some(_) => {}
        }
        // Here both buffers go back to the pool.
        if number + 1 == warm_up {
            race.warm();
        }
    }
    Ok(seen)
}
