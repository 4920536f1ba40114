use super::*;

/// A query for `www.Example.com`, type A, with EDNS.
const QUERY: &[u8] = b"\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x03www\x07Example\x03com\0\0\x01\0\x01\
    \0\0\x29\x10\0\0\0\0\0\0\0";

/// Its answer: an alias and two addresses, and EDNS.
const ANSWER: &[u8] = b"\x12\x34\x81\xa0\0\x01\0\x03\0\0\0\x01\x03www\x07example\x03com\0\0\x01\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x10\
    \xc0\x2d\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x01\
    \xc0\x2d\0\x01\0\x01\0\0\0\x1e\0\x04\x0a\0\0\x02\
    \0\0\x29\x10\0\x01\0\0\0\0\0";

fn name(message: &Message<'_>) -> String {
    let name = message.question.unwrap().name;
    String::from_utf8(NameText::from(&name).as_bytes().to_vec()).unwrap()
}

/// A query with this for a name.
fn query(name: &[u8]) -> Vec<u8> {
    [b"\0\x01\0\0\0\x01\0\0\0\0\0\0", name, b"\0\x01\0\x01"].concat()
}

#[test]
fn a_query_is_read() {
    let message = Message::read(QUERY).unwrap();
    assert_eq!((message.id, message.is_response, message.opcode, message.is_truncated), (0x1234, false, 0, false));
    assert_eq!(name(&message), "www.example.com");
    let question = message.question.unwrap();
    assert_eq!((question.kind, question.class, message.rcode()), (1, 1, 0));
    assert_eq!(message.answers().count(), 0);
}

#[test]
fn an_answer_is_read_with_its_records() {
    let message = Message::read(ANSWER).unwrap();
    assert!(message.is_response);
    let records: Vec<_> = message.answers().map(|record| (record.kind, record.ttl, record.address())).collect();
    let address = |last| Some(std::net::IpAddr::from([10, 0, 0, last]));
    assert_eq!(records, [(5, 60, None), (1, 30, address(1)), (1, 30, address(2))]);
    // EDNS has the upper bits of the code.
    assert_eq!(message.rcode(), 16);
}

#[test]
fn a_message_cut_anywhere_is_short_or_has_fewer_records() {
    let question_ends = 12 + 17 + 4;
    for end in 0..ANSWER.len() {
        match Message::read(&ANSWER[..end]) {
            None => assert!(end < question_ends, "{end}"),
            Some(message) => {
                assert!(end >= question_ends && message.answers().count() <= 3);
                assert_eq!(message.rcode(), 0, "EDNS is not whole");
            }
        }
    }
}

#[test]
fn pointers_that_do_not_lead_back_are_refused() {
    // To itself, to each other, forward, and into what was read of the same name.
    for hostile in
        [&b"\xc0\x0c"[..], b"\x01a\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\xc0\xff", b"\xff\xff", b"\x01a\x01b\xc0\x0e"]
    {
        assert!(Message::read(&query(hostile)).is_none(), "{}", hostile.escape_ascii());
    }
    // The other two kinds of labels are not in use (RFC 6891 section 5, RFC 2673 is historic).
    for unknown in [&b"\x40a\0"[..], b"\x80a\0"] {
        assert!(Message::read(&query(unknown)).is_none());
    }
}

#[test]
fn the_longest_name_is_read_and_a_longer_one_is_not() {
    let label = [&[63][..], &[b'x'; 63]].concat();
    let longest = [&label.repeat(3)[..], &[61], &[b'y'; 61], b"\0"].concat();
    assert_eq!(longest.len(), 255);
    assert_eq!(name(&Message::read(&query(&longest)).unwrap()).len(), 253);
    let longer = [&label.repeat(3)[..], &[62], &[b'y'; 62], b"\0"].concat();
    assert!(Message::read(&query(&longer)).is_none());
}

#[test]
fn odd_bytes_of_names_are_masked() {
    let odd = b"\x08a.b\\c\"\0\xff\0";
    assert_eq!(name(&Message::read(&query(odd)).unwrap()), "a?b?c???");
    assert_eq!(name(&Message::read(&query(b"\0")).unwrap()), "");
}

#[test]
fn names_are_compared_label_by_label_whatever_their_case() {
    let names = [
        &b"\0"[..],
        b"\x01a\0",
        b"\x01b\0",
        b"\x01a\x01b\0",
        b"\x02ab\0",
        b"\x02aB\x01c\0",
        b"\x01a\x02bc\0",
        b"\x03a.b\0",
    ];
    let queries = names.map(|name| (name, query(name), query(&name.to_ascii_uppercase())));
    for (name, one, _) in &queries {
        let one = Message::read(one).unwrap().question.unwrap().name;
        let mut kept = KeptName::ROOT;
        kept.set(&one);
        for (other_name, _, other) in &queries {
            let other = Message::read(other).unwrap().question.unwrap().name;
            assert_eq!(one == other, name == other_name, "{one:?} {other:?}");
            assert_eq!(kept.name() == other, name == other_name, "{one:?} {other:?}");
        }
    }
}

#[test]
fn a_name_that_is_kept_is_the_same_without_its_pointers() {
    // In two pieces: a label, and the end of another name.
    let message = [&query(b"\x03www\x01a\0")[..], b"\x02xy\xc0\x10"].concat();
    let mut cursor = Cursor::new(&message).jump(query(b"\x03www\x01a\0").len());
    let name = Name::read(&mut cursor).unwrap();
    assert_eq!(name.whole(), None);
    let mut kept = KeptName::ROOT;
    kept.set(&name);
    assert_eq!((kept.name(), kept.name().whole()), (name, Some(&b"\x02xy\x01a\0"[..])));
    // What was kept before is gone.
    kept.set(&KeptName::ROOT.name());
    assert_eq!((kept.name(), kept.name().whole()), (KeptName::ROOT.name(), Some(&b"\0"[..])));
}

#[test]
fn counts_that_lie_cost_nothing() {
    let mut header = b"\0\x01\x80\0\0\0\xff\xff\xff\xff\xff\xff".to_vec();
    let message = Message::read(&header).unwrap();
    assert_eq!((message.question, message.answers().count(), message.rcode()), (None, 0, 0));
    // Records whose data reach beyond the message.
    header.extend_from_slice(b"\0\0\x01\0\x01\0\0\0\0\xff\xff");
    assert_eq!(Message::read(&header).unwrap().answers().count(), 0);
}

/// The messages of a stream, fed in these pieces.
fn read_stream<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<(Vec<u8>, u64)>, bool) {
    let mut decoder = StreamDecoder::default();
    let mut messages = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            let step = decoder.advance(piece);
            let consumed = step.consumed;
            messages.extend(step.event.map(|framed| (framed.bytes.to_vec(), framed.wire_bytes)));
            piece = &piece[consumed..];
        }
        assert!(decoder.advance(b"").needs_more() || decoder.is_idle());
    }
    (messages, decoder.is_idle())
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

#[test]
fn a_stream_cut_anywhere_holds_the_same_messages() {
    let stream = [framed(QUERY), framed(ANSWER), framed(QUERY)].concat();
    let expected: Vec<_> =
        [QUERY, ANSWER, QUERY].iter().map(|message| (message.to_vec(), message.len() as u64 + 2)).collect();
    assert_eq!(read_stream(std::iter::once(&stream[..])), (expected.clone(), true));
    assert_eq!(read_stream(stream.chunks(1)), (expected.clone(), true));
    for at in 0..stream.len() {
        let (before, behind) = stream.split_at(at);
        assert_eq!(read_stream([before, behind].into_iter()), (expected.clone(), true), "cut at {at}");
        let (_, is_idle) = read_stream(std::iter::once(before));
        assert_eq!(is_idle, [0, 2 + QUERY.len(), 4 + QUERY.len() + ANSWER.len()].contains(&at), "ends at {at}");
    }
}

#[test]
fn of_a_long_message_in_pieces_the_beginning_is_kept() {
    let long = [ANSWER, &vec![7; 60_000]].concat();
    let (messages, _) = read_stream(framed(&long).chunks(1000));
    let [(kept, wire_bytes)] = &messages[..] else { panic!("{} messages", messages.len()) };
    assert_eq!((kept.len(), *wire_bytes), (crate::limits::DNS_HELD_BYTES, long.len() as u64 + 2));
    assert_eq!(Message::read(kept).unwrap().answers().count(), 3);
}
