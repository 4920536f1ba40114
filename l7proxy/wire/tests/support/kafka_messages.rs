//! Messages written out by hand: what no other implementation writes any more, and what none should.
#![allow(dead_code, reason = "not every test needs all of it")]

/// A number of four bytes.
pub(crate) fn int(number: i32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A number of two bytes.
pub(crate) fn short(number: i16) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A number of eight bytes.
pub(crate) fn long(number: i64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A text with its length in two bytes.
pub(crate) fn text(text: &str) -> Vec<u8> {
    [short(i16::try_from(text.len()).expect("short")), text.as_bytes().to_vec()].concat()
}

/// Bytes with their length in four.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    [int(i32::try_from(bytes.len()).expect("short")), bytes.to_vec()].concat()
}

/// An array with the number of its elements in four bytes.
pub(crate) fn array(elements: &[Vec<u8>]) -> Vec<u8> {
    [int(i32::try_from(elements.len()).expect("few")), elements.concat()].concat()
}

/// A request with the second kind of header, which most have.
pub(crate) fn request(api_key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    sized(&[short(api_key), short(version), int(correlation), text("client"), body.to_vec()].concat())
}

/// A response with the first kind of header.
pub(crate) fn response(correlation: i32, body: &[u8]) -> Vec<u8> {
    sized(&[int(correlation), body.to_vec()].concat())
}

/// An entry of a message set in format 0 or 1.
pub(crate) fn entry(magic: u8, value: &[u8]) -> Vec<u8> {
    let time = if magic == 1 { long(1_700_000_000_000) } else { Vec::new() };
    let entry = [int(0), vec![magic, 0], time, int(-1), sized(value)].concat();
    [long(0), sized(&entry)].concat()
}

/// A batch of format 2 that says to have so many records, in so many bytes.
pub(crate) fn batch(attributes: i16, records: i32, bytes: usize) -> Vec<u8> {
    let head = [int(0), vec![2], int(0), short(attributes), int(0), long(0), long(0), long(0), short(0), int(0)];
    [long(0), sized(&[head.concat(), int(records), vec![b'r'; bytes]].concat())].concat()
}

/// A batch of format 2 with so many records, of which the first has this offset.
pub(crate) fn batch_at(first: i64, records: i32) -> Vec<u8> {
    let mut batch = batch(0, records, 10);
    batch[..8].copy_from_slice(&first.to_be_bytes());
    batch[23..27].copy_from_slice(&(records - 1).to_be_bytes());
    batch
}

/// A Produce in version 2 of these records to partition 3 of `orders`.
pub(crate) fn produce(correlation: i32, acks: i16, records: &[u8]) -> Vec<u8> {
    let partition = [int(3), sized(records)].concat();
    let topic = [text("orders"), array(&[partition])].concat();
    request(0, 2, correlation, &[short(acks), int(1_000), array(&[topic])].concat())
}

/// A Fetch response in version 2, or in version 0 without throttling, of these records.
pub(crate) fn fetched(version: i16, correlation: i32, records: &[u8]) -> Vec<u8> {
    let partition = [int(3), short(0), long(42), sized(records)].concat();
    let topics = array(&[[text("orders"), array(&[partition])].concat()]);
    let throttle = if version > 0 { int(7) } else { Vec::new() };
    response(correlation, &[throttle, topics].concat())
}
