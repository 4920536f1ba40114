//! Header blocks of RFC 7541, of a published corpus, and random ones, beside an independent decoder.

#[path = "support/hpack_pair.rs"]
mod hpack_pair;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hpack_pair::{Field, Pair};
use httlib_hpack::Encoder;
use proptest::prelude::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("hex")).collect()
}

/// Reads the blocks of one direction: the fields of each, and the sizes of the table behind each.
fn read(blocks: &[&str]) -> (Vec<Vec<Field>>, Vec<usize>) {
    let mut pair = Pair::new();
    blocks
        .iter()
        .map(|block| {
            let fields = pair.read(&unhex(block)).expect("a block");
            pair.compare_tables();
            (fields, pair.table.size())
        })
        .unzip()
}

fn fields(lines: &[(&str, &str)]) -> Vec<Field> {
    lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

#[test]
fn rfc_7541_c_2() {
    let custom = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
    assert_eq!(read(&[custom]), (vec![fields(&[("custom-key", "custom-header")])], vec![55]));
    assert_eq!(read(&["040c 2f73 616d 706c 652f 7061 7468"]).1, [0]);
    let never = "1008 7061 7373 776f 7264 0673 6563 7265 74";
    assert_eq!(read(&[never]), (vec![fields(&[("password", "secret")])], vec![0]));
    assert_eq!(read(&["82"]), (vec![fields(&[(":method", "GET")])], vec![0]));
}

#[test]
fn rfc_7541_c_3_and_c_4() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let (told, sizes) = read(&plain);
    assert_eq!(sizes, [57, 110, 164]);
    assert_eq!(read(&coded), (told.clone(), sizes));
    let last = [(":method", "GET"), (":scheme", "https"), (":path", "/index.html"), (":authority", "www.example.com")];
    assert_eq!(told[2][..4], fields(&last));
}

#[test]
fn rfc_7541_c_5_and_c_6() {
    // The table of these has 256 bytes, which an encoder says at the start.
    let plain = [
        "3fe1 01 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f \
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b \
         2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
         1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 \
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    let (told, sizes) = read(&plain);
    assert_eq!(sizes, [222, 222, 215]);
    assert_eq!(read(&coded), (told, sizes));
}

/// Where the package of the other encoder keeps a copy of the `hpack-test-case` corpus: header lists as a dozen
/// encoders wrote them.
fn corpus() -> PathBuf {
    let told = Command::new(env!("CARGO")).args(["metadata", "--format-version=1", "--locked"]).output();
    let told: serde_json::Value = serde_json::from_slice(&told.expect("cargo runs").stdout).expect("metadata in JSON");
    let packages = told["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "httlib-hpack").expect("the encoder's package");
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).with_file_name("fixtures")
}

#[test]
fn the_corpus_is_read_as_it_says() {
    let (mut blocks, mut told) = (0, 0);
    for encoder in
        fs::read_dir(corpus()).expect("the corpus").filter_map(Result::ok).filter(|entry| entry.path().is_dir())
    {
        for story in fs::read_dir(encoder.path()).expect("stories").map(|entry| entry.expect("a story").path()) {
            let text = fs::read(&story).expect("a story");
            let story_told: serde_json::Value = serde_json::from_slice(&text).expect("a story in JSON");
            let mut pair = Pair::new();
            for case in story_told["cases"].as_array().expect("cases") {
                let expected: Vec<Field> = case["headers"]
                    .as_array()
                    .expect("headers")
                    .iter()
                    .flat_map(|header| header.as_object().expect("a header"))
                    .map(|(name, value)| (name.clone().into_bytes(), value.as_str().expect("text").into()))
                    .collect();
                let block = unhex(case["wire"].as_str().expect("a block"));
                assert_eq!(pair.read(&block).as_ref(), Some(&expected), "{}", story.display());
                blocks += 1;
                told += expected.len();
            }
            pair.compare_tables();
        }
    }
    assert!(blocks > 10_000 && told > 100_000, "only {blocks} blocks with {told} fields");
}

/// A header block to be.
#[derive(Clone, Debug)]
struct Sent {
    resize: Vec<u32>,
    fields: Vec<(Vec<u8>, Vec<u8>, u8)>,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        ":method",
        ":scheme",
        ":path",
        ":protocol",
        ":status",
        ":authority",
        "content-type",
        "grpc-status",
        "date",
        "grpc-timeout",
        "traceparent",
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-sampled",
        "x-b3-flags",
        "cookie",
    ]);
    prop_oneof![3 => known.prop_map(|name| name.as_bytes().to_vec()), 1 => "[a-z-]{1,20}".prop_map(String::into_bytes)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let known =
        prop::sample::select(vec!["GET", "https", "/", "200", "404", "application/grpc+proto", "0", "14", "1S"]);
    prop_oneof![
        3 => known.prop_map(|value| value.as_bytes().to_vec()),
        3 => "[a-z/0-9]{0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    // How a field is written is up to the encoder's flags: name and value coded or not, indexed, not or never.
    let how = prop::sample::select(vec![0_u8, 4, 4, 4, 8]);
    let field = (name(), value(), (0_u8..4, how)).prop_map(|(name, value, (coded, how))| (name, value, coded | how));
    let sizes = prop::sample::select(vec![0_u32, 50, 200, 1000, 4096, 65536]);
    let resize = prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(sizes, 1..3)];
    (resize, prop::collection::vec(field, 0..12)).prop_map(|(resize, fields)| Sent { resize, fields })
}

proptest! {
    #[test]
    fn random_headers_are_read_as_written(blocks in prop::collection::vec(sent(), 1..20)) {
        let mut encoder = Encoder::with_dynamic_size(4096);
        let mut pair = Pair::new();
        for Sent { resize, fields } in blocks {
            let mut block = Vec::new();
            // A block of size updates alone is none to the other decoder.
            for size in resize.into_iter().filter(|_| !fields.is_empty()) {
                encoder.update_max_dynamic_size(size, &mut block).expect("a size");
            }
            for (name, value, how) in &fields {
                let field = (name.clone(), value.clone(), *how | Encoder::BEST_FORMAT);
                encoder.encode(field, &mut block).expect("a field");
            }
            let expected: Vec<Field> = fields.into_iter().map(|(name, value, _)| (name, value)).collect();
            prop_assert_eq!(pair.read(&block), Some(expected));
            pair.compare_tables();
        }
    }
}
