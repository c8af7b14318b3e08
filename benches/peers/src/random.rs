//! Random sequences, the same for every candidate and in every run.

/// A generator of a few instructions a number (xorshift), so that it may run inside a timed loop.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence number `seed`.
    pub fn new(seed: usize) -> Self {
        // Odd multiplier: distinct seeds stay distinct, and none becomes the generator's fixed point 0.
        Self((seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    #[inline(always)]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which is below 2^32.
    #[inline(always)]
    pub fn below(&mut self, limit: usize) -> usize {
        (((self.next() >> 32) * limit as u64) >> 32) as usize
    }

    /// Puts `items` into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// How sizes are spread over their range.
#[derive(Debug, Clone, Copy)]
pub enum Spread {
    /// All equally often.
    Even,
    /// Small ones more often: the square of an even number between 0 and 1.
    MostlySmall,
}

const SIZES: usize = 1 << 14;

/// Block sizes drawn before the clock runs.
#[derive(Debug)]
pub struct Sizes(Box<[u16; SIZES]>);

impl Sizes {
    /// Sizes `least..=most`.
    pub fn new(least: usize, most: usize, spread: Spread) -> Self {
        let mut random = Random::new(least);
        let mut sizes = Box::new([0; SIZES]);
        for size in sizes.iter_mut() {
            let range = most - least + 1;
            let offset = match spread {
                Spread::Even => random.below(range),
                Spread::MostlySmall => random.below(range) * random.below(range) / range,
            };
            *size = u16::try_from(least + offset).expect("sizes of the workloads are below 64 KiB");
        }
        Self(sizes)
    }

    /// The size number `index`; the table repeats.
    #[inline(always)]
    pub fn at(&self, index: usize) -> usize {
        usize::from(self.0[index % SIZES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        let mut random = Random::new(0);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
    }

    #[test]
    fn sizes_span_their_range() {
        for spread in [Spread::Even, Spread::MostlySmall] {
            let sizes = Sizes::new(16, 79, spread);
            assert!(sizes.0.iter().all(|size| (16..=79).contains(size)));
            assert!(sizes.0.contains(&16));
        }
        let mean = |sizes: &Sizes| sizes.0.iter().map(|&size| f64::from(size)).sum::<f64>() / SIZES as f64;
        assert!((mean(&Sizes::new(16, 79, Spread::Even)) - 47.5).abs() < 1.0);
        assert!(mean(&Sizes::new(16, 79, Spread::MostlySmall)) < 35.0);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(1).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
