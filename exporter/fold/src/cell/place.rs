//! From a duration to its buckets, the exponential and the classic one, with a few loads and no search.

use crate::buckets::{HTTP_BOUNDS, HTTP_NANOS};
use crate::snapshot::MAX_SCALE;

/// Where a duration belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The index of its exponential bucket at [`MAX_SCALE`].
    pub(super) finest: i16,
    /// The position of its classic bucket.
    pub(crate) classic: usize,
}

/// How many exponential buckets a doubling has.
const STEPS: u8 = 1 << MAX_SCALE;

/// Their bounds between 1 and 2, and behind them some that nothing is above.
static BOUNDS: [f64; 16] = [
    1.0,
    1.090_507_732_665_257_7,
    1.189_207_115_002_721,
    1.296_839_554_651_009_6,
    std::f64::consts::SQRT_2,
    1.542_210_825_407_940_7,
    1.681_792_830_507_429,
    1.834_008_086_409_342_4,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
    f64::INFINITY,
];

/// The bits of a fraction that choose its first guess. There are more guesses than steps, so none has two bounds in it.
const GUESS_BITS: u32 = 5;

/// For each first guess, the number of bounds below it.
static BELOW: [u8; 1 << GUESS_BITS] = below();

/// The indexes of a nanosecond and of the longest duration.
const LOWEST: i16 = -240;
const HIGHEST: i16 = 264;

/// For each exponential bucket, the first classic bucket that a value of it can be in. The next one is the last: no
/// exponential bucket is so wide that it has two classic bounds in it.
static CLASSIC: [u8; CLASSIC_ROOM] = classic();

/// A power of two that has room for all exponential buckets, so that a position is made safe by its bits.
const CLASSIC_ROOM: usize = 1024;

/// The classic bounds, and behind them some that nothing is above.
static CLASSIC_BOUNDS: [u64; 16] = classic_bounds();

const fn classic_bounds() -> [u64; 16] {
    let mut bounds = [u64::MAX; 16];
    let mut at = 0;
    while at < HTTP_BOUNDS {
        bounds[at] = HTTP_NANOS[at];
        at += 1;
    }
    bounds
}

impl Place {
    #[inline]
    pub(crate) fn of(nanos: u64) -> Self {
        let finest = finest(nanos.max(1));
        let at = usize::from((finest - LOWEST).cast_unsigned()) % CLASSIC.len();
        let first = usize::from(CLASSIC[at]) % CLASSIC_BOUNDS.len();
        // No branch: which side of a bound a value is on can't be foretold.
        Self { finest, classic: first + usize::from(CLASSIC_BOUNDS[first] < nanos) }
    }
}

/// A number of nanoseconds as a float. Beyond 292 years it is that long: signed numbers convert in one instruction.
#[inline]
pub(super) fn as_float(nanos: u64) -> f64 {
    i64::try_from(nanos).unwrap_or(i64::MAX) as f64
}

#[inline]
fn finest(nanos: u64) -> i16 {
    // Powers of two of seconds, the only bounds that a float hits, stay exact.
    let seconds = (as_float(nanos) * 1e-9).to_bits();
    let [.., low, high] = seconds.to_le_bytes();
    // The sign is plus, so these are 11 bits of exponent and 4 of fraction.
    let exponent = (u16::from_le_bytes([low, high]) >> 4).cast_signed() - 1023;
    let fraction = f64::from_bits(seconds & ((1 << 52) - 1) | 1023 << 52);
    let [guess, ..] = (seconds >> (52 - GUESS_BITS)).to_le_bytes();
    let below = BELOW[usize::from(guess) % BELOW.len()];
    let bound = BOUNDS[usize::from(below) % BOUNDS.len()];
    // A bound belongs to the bucket below it.
    let within = i16::from(below) + i16::from(bound < fraction);
    exponent * (1 << MAX_SCALE) + within - 1
}

const fn below() -> [u8; 1 << GUESS_BITS] {
    let mut table = [0; 1 << GUESS_BITS];
    let mut guess = 0;
    while guess < table.len() {
        let from = 1.0 + guess as f64 / table.len() as f64;
        while BOUNDS[table[guess] as usize] < from {
            table[guess] += 1;
        }
        guess += 1;
    }
    table
}

const fn classic() -> [u8; CLASSIC_ROOM] {
    let mut table = [0; CLASSIC_ROOM];
    let mut at = 0;
    let mut index = LOWEST as i32;
    while index <= HIGHEST as i32 {
        let doublings = (1023 + index.div_euclid(STEPS as i32)).cast_unsigned() as u64;
        // What the bucket's values are above.
        let above =
            BOUNDS[index.rem_euclid(STEPS as i32).cast_unsigned() as usize] * f64::from_bits(doublings << 52) * 1e9;
        while (table[at] as usize) < HTTP_BOUNDS && HTTP_NANOS[table[at] as usize] as f64 <= above {
            table[at] += 1;
        }
        at += 1;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buckets;

    /// Values of every size, and those around each bound.
    fn values() -> impl Iterator<Item = u64> {
        let around = |value: u64| [value.saturating_sub(1), value, value.saturating_add(1)];
        let sizes =
            (0..64).flat_map(move |power| (0..32).flat_map(move |part| around((1 << power) + (part << power >> 5))));
        (0..5000).chain(sizes).chain(HTTP_NANOS.into_iter().flat_map(around)).chain([u64::MAX])
    }

    #[test]
    fn a_value_lies_within_the_bounds_of_its_exponential_bucket() {
        let base = 2_f64.powf(0.125);
        for nanos in values().filter(|nanos| (1..=i64::MAX.cast_unsigned()).contains(nanos)) {
            let (seconds, index) = (nanos as f64 / 1e9, f64::from(Place::of(nanos).finest));
            let (above, upto) = (base.powf(index), base.powf(index + 1.0));
            assert!(
                above < seconds * (1.0 + 1e-13) && seconds <= upto * (1.0 + 1e-13),
                "{nanos} ns in {above}..{upto}"
            );
        }
        // Bounds that can be told exactly belong below.
        let exact = [1_000_000_000, 1_000_000_001, 2_000_000_000, 500_000_000, 250_000_000, 4_000_000_000];
        assert_eq!(exact.map(|nanos| Place::of(nanos).finest), [-1, 0, 7, -9, -17, 15]);
        assert_eq!((Place::of(1).finest, Place::of(u64::MAX).finest), (LOWEST, HIGHEST));
    }

    #[test]
    fn the_classic_bucket_is_that_of_a_search() {
        for nanos in values() {
            assert_eq!(Place::of(nanos).classic, buckets::index(&HTTP_NANOS, nanos), "{nanos}");
        }
    }
}
