//! What a decoder may keep, and where it gives up.

use flowfold_wire::http1::{End, Http1Error, RequestDecoder, RequestEvent, ResponseDecoder, ResponseEvent, ResponseTo};
use flowfold_wire::limits;

/// Feeds pieces; returns how many requests ended.
fn requests<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<usize, Http1Error> {
    let mut decoder = RequestDecoder::new();
    let mut ended = 0;
    for mut input in pieces {
        loop {
            let step = decoder.advance(input)?;
            if step.needs_more() {
                break;
            }
            ended += usize::from(matches!(step.event, Some(RequestEvent::End)));
            input = &input[step.consumed..];
        }
    }
    Ok(ended)
}

/// The same stream whole, in two pieces around `at`, and in small ones.
fn cut_anyhow(stream: &[u8], at: usize) -> Result<usize, Http1Error> {
    let whole = requests([stream]);
    let (front, back) = stream.split_at(at);
    assert_eq!(whole, requests([front, back]));
    assert_eq!(whole, requests(stream.chunks(7)));
    whole
}

#[test]
fn a_decoder_is_small() {
    // Thousands of idle connections have two of these each.
    assert!(size_of::<RequestDecoder>() <= 96, "{}", size_of::<RequestDecoder>());
    assert!(size_of::<ResponseDecoder>() <= 96, "{}", size_of::<ResponseDecoder>());
}

#[test]
fn a_head_has_a_longest_length() {
    let head = |length: usize| {
        let mut head = b"GET / HTTP/1.1\r\nX: ".to_vec();
        head.resize(length - 4, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    assert_eq!(cut_anyhow(&head(limits::HEAD_BYTES), limits::HEAD_BYTES - 1), Ok(1));
    assert_eq!(cut_anyhow(&head(limits::HEAD_BYTES + 1), limits::HEAD_BYTES), Err(Http1Error::HeadTooLarge));
    let endless = &head(limits::HEAD_BYTES + 1)[..limits::HEAD_BYTES];
    assert_eq!(cut_anyhow(endless, 100), Err(Http1Error::HeadTooLarge));
}

#[test]
fn a_head_has_a_largest_number_of_fields() {
    let head = |fields: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(fields));
    assert_eq!(cut_anyhow(head(limits::FIELDS).as_bytes(), 50), Ok(1));
    assert_eq!(cut_anyhow(head(limits::FIELDS + 1).as_bytes(), 50), Err(Http1Error::HeadTooLarge));
}

#[test]
fn a_chunk_line_has_a_longest_length() {
    let line_bytes = usize::try_from(limits::CHUNK_LINE_BYTES).expect("fits");
    let message = |line: &str| format!("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{line}\r\nx\r\n0\r\n\r\n");
    let extended = |length: usize| message(&format!("1;{}", "e".repeat(length - 4)));
    assert_eq!(cut_anyhow(extended(line_bytes).as_bytes(), 60), Ok(1));
    assert_eq!(cut_anyhow(extended(line_bytes + 1).as_bytes(), 60), Err(Http1Error::MalformedChunk));
    let zeros = |length: usize| message(&format!("{}1", "0".repeat(length - 3)));
    assert_eq!(cut_anyhow(zeros(line_bytes).as_bytes(), 60), Ok(1));
    assert_eq!(cut_anyhow(zeros(line_bytes + 1).as_bytes(), 60), Err(Http1Error::MalformedChunk));
    // Each chunk has a line of its own.
    let many = message(&format!("1;{0}\r\nx\r\n1;{0}\r\nx\r\n1;{0}", "e".repeat(line_bytes - 4)));
    assert_eq!(cut_anyhow(many.as_bytes(), 60), Ok(1));
}

#[test]
fn trailers_have_a_longest_length() {
    let message = |length: usize| {
        let value = "x".repeat(length - "X: \r\n\r\n".len());
        format!("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: {value}\r\n\r\n")
    };
    // At the cap with its end, and at the cap without.
    assert_eq!(cut_anyhow(message(limits::TRAILER_BYTES).as_bytes(), 90), Ok(1));
    assert_eq!(cut_anyhow(message(limits::TRAILER_BYTES + 1).as_bytes(), 90), Err(Http1Error::HeadTooLarge));
}

#[test]
fn held_bytes_are_bounded() {
    let ask = b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n";
    let stream = |held: usize| [&ask[..], &vec![b'h'; held]].concat();
    assert_eq!(cut_anyhow(&stream(limits::HELD_BYTES), 100), Ok(1));
    assert_eq!(cut_anyhow(&stream(limits::HELD_BYTES + 1), 100), Err(Http1Error::AmbiguousLength));
}

#[test]
fn empty_lines_are_skipped_without_end_and_without_memory() {
    let mut decoder = RequestDecoder::new();
    let lines = b"\r\n".repeat(1 << 16);
    let step = decoder.advance(&lines).expect("skipped");
    assert_eq!(step.consumed, lines.len());
    assert!(decoder.is_idle());
}

#[test]
fn a_content_length_may_be_as_large_as_it_gets() {
    let mut decoder = ResponseDecoder::new();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX);
    let step = decoder.advance(head.as_bytes(), Some(ResponseTo::Other)).expect("valid");
    assert!(matches!(step.event, Some(ResponseEvent::Head(_))));
    let content = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        let step = decoder.advance(&content, Some(ResponseTo::Other)).expect("content");
        assert_eq!((step.consumed, step.event), (content.len(), None));
    }
    assert_eq!(decoder.finish(), End::Truncated);
}

#[test]
fn a_head_in_pieces_costs_memory_only_until_it_is_told() {
    let mut decoder = RequestDecoder::new();
    assert!(decoder.is_idle());
    let front = decoder.advance(b"PUT / HTTP/1.1\r\nContent-Le").expect("the front of a head");
    assert!(front.event.is_none());
    assert!(!decoder.is_idle());
    let back = decoder.advance(b"ngth: 2\r\n\r\n").expect("its rest");
    assert!(matches!(back.event, Some(RequestEvent::Head(_))));
    let last = decoder.advance(b"ok").expect("its content");
    assert_eq!((last.consumed, last.event), (2, Some(RequestEvent::End)));
    assert!(decoder.is_idle());
}
