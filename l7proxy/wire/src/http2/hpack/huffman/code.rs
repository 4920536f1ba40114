//! The tables of the code, made by the compiler.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "all but `search` runs at compile time alone, where it fails the build if it goes wrong"
)]

/// The symbol that no string contains.
pub(super) const END_OF_STRING: u16 = 256;

/// Bits of the longest code.
pub(super) const LONGEST: u32 = 30;

/// Bits that the first look-up sees. Letters, digits and most punctuation have at most eight.
const FIRST_BITS: u32 = 9;

/// Bits of the code of each byte, and of the end of a string (RFC 7541 appendix B).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, // 0x10
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, // 0x20
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, // 0x30
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, // 0x40
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, // 0x50
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, // 0x60
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, // 0x70
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, // 0xf0
    30, // the end of a string
];

/// A code, without its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) symbol: u16,
    pub(super) length: u8,
}

/// The symbols in the order of their codes.
const SYMBOLS: [u16; 257] = {
    let mut symbols = [0; 257];
    let mut at = 0;
    let mut length = 0;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol as usize] as u32 == length {
                symbols[at] = symbol;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
};

/// The codes of one length.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The first code, at the upper end of 32 bits.
    first: u32,
    /// The last possible bits that start with a code of this length or a shorter one.
    last: u32,
    /// Where the symbols of this length start.
    symbols: u16,
}

const ROWS: [Row; LONGEST as usize + 1] = {
    let mut rows = [Row { first: 0, last: 0, symbols: 0 }; LONGEST as usize + 1];
    let mut next = 0_u64;
    let mut symbols = 0;
    let mut length = 1;
    while length <= LONGEST {
        let mut count = 0;
        let mut symbol = 0;
        while symbol < 257 {
            count += (LENGTHS[symbol] as u32 == length) as u16;
            symbol += 1;
        }
        let behind = next + ((count as u64) << (32 - length));
        // Lengths below the shortest have no code: they match nothing, as 0 is the first code of five bits.
        let last = if behind == 0 { 0 } else { (behind - 1) as u32 };
        rows[length as usize] = Row { first: next as u32, last, symbols };
        next = behind;
        symbols += count;
        length += 1;
    }
    assert!(next == 1 << 32, "the code is complete");
    rows
};

/// The code of each byte, at the lower end, for writing the known names as they come on the wire.
#[derive(Clone, Copy, Debug)]
pub(in crate::http2::hpack) struct Written {
    pub(in crate::http2::hpack) code: u32,
    pub(in crate::http2::hpack) length: u32,
}

pub(in crate::http2::hpack) const fn written(byte: u8) -> Written {
    let length = LENGTHS[byte as usize] as u32;
    let row = ROWS[length as usize];
    let mut at = row.symbols;
    while SYMBOLS[at as usize] != byte as u16 {
        at += 1;
    }
    Written { code: (row.first >> (32 - length)) + (at - row.symbols) as u32, length }
}

/// A code of at most [`FIRST_BITS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) byte: u8,
    pub(super) length: u8,
}

/// The codes that the first bits decide; of length 0 where they do not.
static FIRST: [Short; 1 << FIRST_BITS] = {
    let mut first = [Short { byte: 0, length: 0 }; 1 << FIRST_BITS];
    let mut bits = 0;
    while bits < 1 << FIRST_BITS {
        let code = search((bits as u32) << (32 - FIRST_BITS));
        if code.length as u32 <= FIRST_BITS {
            first[bits] = Short { byte: code.symbol as u8, length: code.length };
        }
        bits += 1;
    }
    first
};

/// The short code that the highest bits start with. None where they start with a longer one.
pub(super) fn short_at(bits: u64) -> Option<Short> {
    let index = usize::try_from(bits.wrapping_shr(64 - FIRST_BITS)).unwrap_or(usize::MAX);
    FIRST.get(index).copied().filter(|short| short.length > 0)
}

/// The code that the highest bits start with. There is one: the code is complete.
pub(super) fn code_at(bits: u64) -> Code {
    search(u32::try_from(bits >> 32).unwrap_or(u32::MAX))
}

/// The code that these bits start with, whatever its length. Lengths stay at those that have a row, and the symbol is
/// looked up only where it is one.
const fn search(bits: u32) -> Code {
    let mut length = 5;
    while length < LONGEST && bits > ROWS[length as usize].last {
        length += 1;
    }
    let row = ROWS[length as usize];
    let at = row.symbols as usize + (bits.wrapping_sub(row.first) >> (32 - length)) as usize;
    Code { symbol: if at < SYMBOLS.len() { SYMBOLS[at] } else { END_OF_STRING }, length: length as u8 }
}
