use std::fmt::Write as _;

use super::Coded;
use super::code::written;
use crate::http2::Http2Error;

/// The string in the code, with its padding.
fn coded(text: &[u8]) -> Vec<u8> {
    let mut bits = String::new();
    for byte in text {
        let code = written(*byte);
        write!(bits, "{:0length$b}", code.code, length = code.length as usize).expect("a string takes it");
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    packed(&bits)
}

fn packed(bits: &str) -> Vec<u8> {
    let bytes = bits.as_bytes().chunks(8).map(|byte| str::from_utf8(byte).expect("digits"));
    bytes.map(|byte| u8::from_str_radix(byte, 2).expect("binary")).collect()
}

fn decoded(coded: &[u8]) -> Result<Vec<u8>, Http2Error> {
    let mut out = b"kept".to_vec();
    let result = Coded(coded).decode_into(&mut out);
    assert_eq!(&out[..4], b"kept");
    assert_eq!(Coded(coded).decoded_length(), result.map(|()| out.len() - 4));
    result.map(|()| out.split_off(4))
}

#[test]
fn codes_of_rfc_7541_appendix_b() {
    for (symbol, code, length) in [
        (0, 0x1ff8, 13),
        (b'\n', 0x3fff_fffc, 30),
        (b' ', 0x14, 6),
        (b'0', 0x0, 5),
        (b'?', 0x3fc, 10),
        (b'\\', 0x7_fff0, 19),
        (b'z', 0x7b, 7),
        (0x7f, 0xfff_fffc, 28),
        (0xc8, 0x3ff_ffe2, 26),
        (0xf9, 0xfff_fffe, 28),
        (0xff, 0x3ff_ffee, 26),
    ] {
        let written = written(symbol);
        assert_eq!((written.code, written.length), (code, length), "{symbol}");
    }
}

#[test]
fn every_pair_of_bytes_comes_back() {
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            assert_eq!(decoded(&coded(&[first, second])), Ok(vec![first, second]));
        }
    }
}

#[test]
fn strings_of_any_length_come_back() {
    let text: Vec<u8> = b"/a~?Z".iter().copied().chain(0..=u8::MAX).cycle().take(700).collect();
    for length in 0..text.len() {
        assert_eq!(decoded(&coded(&text[..length])).as_deref(), Ok(&text[..length]));
    }
}

#[test]
fn padding_is_ones_and_less_than_a_byte() {
    let malformed = Err(Http2Error::MalformedHead);
    assert_eq!(decoded(&packed("00000111")), Ok(b"0".to_vec()));
    assert_eq!(decoded(&packed("00000110")), malformed);
    assert_eq!(decoded(&packed("00000000")), malformed);
    assert_eq!(decoded(&packed("0000011111111111")), malformed);
    assert_eq!(decoded(&packed("11111111")), malformed);
    // `!` has ten bits: six of padding follow, and seven can follow a letter of nine or one bits only.
    assert_eq!(decoded(&packed("1111111000111111")), Ok(b"!".to_vec()));
    assert_eq!(decoded(&packed("1111111000111110")), malformed);
    assert_eq!(decoded(&[]), Ok(Vec::new()));
}

#[test]
fn the_end_of_a_string_is_in_none() {
    let end = "1".repeat(30);
    for text in ["", "00000", "0000000001", "0".repeat(40).as_str()] {
        for behind in ["", "00000", "0".repeat(40).as_str()] {
            let mut bits = format!("{text}{end}{behind}");
            while !bits.len().is_multiple_of(8) {
                bits.push('1');
            }
            assert_eq!(decoded(&packed(&bits)), Err(Http2Error::MalformedHead), "{bits}");
        }
    }
}
