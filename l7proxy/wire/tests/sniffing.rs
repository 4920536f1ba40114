//! What the first bytes of a connection tell, at every length.

use std::fs;
use std::path::Path;

use flowfold_wire::limits;
use flowfold_wire::sniff::{TlsHello, Verdict, sniff_client, sniff_client_of_kafka, sniff_server};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).expect("the fixture is there")
}

/// The verdict, after checking that each shorter prefix asks for more up to some byte and says the same from there on.
/// Returns that byte's number, too.
fn verdict(stream: &[u8]) -> (Verdict, usize) {
    let last = sniff_client(stream);
    let decided = (0..=stream.len()).find(|&end| sniff_client(&stream[..end]) != Verdict::NeedMore);
    let decided = decided.unwrap_or(stream.len());
    for end in decided..=stream.len() {
        assert_eq!(sniff_client(&stream[..end]), last, "first {end} bytes of {}", stream.escape_ascii());
    }
    (last, decided)
}

fn hello(server_name: Option<&str>, alpn: &[&[u8]]) -> Verdict {
    Verdict::Tls(TlsHello {
        server_name: server_name.map(Box::from),
        alpn: alpn.iter().map(|&protocol| Box::from(protocol)).collect(),
    })
}

#[test]
fn known_methods_with_a_path_are_told_at_once() {
    for (stream, decided) in [
        (&b"GET / HTTP/1.1\r\n"[..], 5),
        (b"OPTIONS /x HTTP/1.1\r\n", 9),
        (b"POST /a?b HTTP/1.0\r\n", 6),
        (b"QUERY /a HTTP/1.1\r\n", 7),
        (b"\r\nGET / HTTP/1.1\r\n", 7),
        (b"\n\r\n\n\r\nGET / HTTP/1.1\r\n", 11),
    ] {
        assert_eq!(verdict(stream), (Verdict::Http1, decided), "{}", stream.escape_ascii());
    }
}

#[test]
fn other_request_lines_are_told_by_their_version() {
    for stream in [
        &b"OPTIONS * HTTP/1.1\r\n"[..],
        b"CONNECT db.example:5432 HTTP/1.1\r\n",
        b"CONNECT [2001:db8::1]:443 HTTP/1.0\r\n",
        b"GET http://a/ HTTP/1.1\r\n",
        b"PROPFIND /dav HTTP/1.1\r\n",
        b"PRI * HTTP/1.1\r\n",
        b"M-SEARCH * HTTP/1.1\r\n",
        b"get /caf\xc3\xa9 HTTP/1.1\r\n",
    ] {
        let (verdict, decided) = verdict(stream);
        assert_eq!(verdict, Verdict::Http1, "{}", stream.escape_ascii());
        assert_eq!(decided, stream.len() - 3, "{}", stream.escape_ascii());
    }
}

#[test]
fn other_protocols_are_opaque() {
    for (stream, decided) in [
        (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], 22),
        (b"EHLO mail.example\r\n", 18),
        (b"GET key\r\n", 8),
        (b"get key\r\n", 8),
        (b"set key 0 0 5\r\n", 9),
        (b"*1\r\n$4\r\nPING\r\n", 3),
        (b"INVITE sip:a@b SIP/2.0\r\n", 16),
        (b"OPTIONS * RTSP/1.0\r\n", 11),
        (b"CONNECT {\"verbose\":false}\r\n", 9),
        (b"GET  / HTTP/1.1\r\n", 5),
        (b"GET / HTTP/2.0\r\n", 5),
        (b" GET / HTTP/1.1\r\n", 1),
        (b"\rGET / HTTP/1.1\r\n", 2),
        (b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", 10),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\nx", 23),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", 5),
        (b"\x80\x2e\x01\x03\x01", 1),
    ] {
        let expected = if stream.starts_with(b"GET / ") { Verdict::Http1 } else { Verdict::Opaque };
        assert_eq!(verdict(stream), (expected, decided), "{}", stream.escape_ascii());
    }
}

#[test]
fn a_method_has_a_longest_name() {
    let line = |length: usize| [&vec![b'M'; length][..], b" /x HTTP/1.1\r\n"].concat();
    assert_eq!(verdict(&line(limits::SNIFF_METHOD_BYTES)).0, Verdict::Http1);
    assert_eq!(verdict(&line(limits::SNIFF_METHOD_BYTES + 1)), (Verdict::Opaque, limits::SNIFF_METHOD_BYTES + 1));
}

#[test]
fn what_does_not_tell_within_the_cap_is_opaque() {
    let endless = [b"FETCH /", &vec![b'x'; limits::SNIFF_BYTES][..]].concat();
    assert_eq!(sniff_client(&endless[..limits::SNIFF_BYTES - 1]), Verdict::NeedMore);
    assert_eq!(sniff_client(&endless[..limits::SNIFF_BYTES]), Verdict::Opaque);
    assert_eq!(sniff_client(&endless), Verdict::Opaque);
}

#[test]
fn the_http2_preface_is_told_by_its_last_byte() {
    let stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    assert_eq!(verdict(stream), (Verdict::Http2, 24));
}

#[test]
fn a_client_hello_tells_its_names() {
    let named = fixture("openssl.hello");
    assert_eq!(verdict(&named), (hello(Some("api.example.org"), &[b"h2", b"http/1.1"]), named.len()));
    let unnamed = fixture("openssl_no_names.hello");
    assert_eq!(verdict(&unnamed), (hello(None, &[]), unnamed.len()));
    assert_eq!(
        verdict(&[named, b"\x14\x03\x03\0\x01\x01".to_vec()].concat()).0,
        hello(Some("api.example.org"), &[b"h2", b"http/1.1"])
    );
}

/// The same handshake message in records of at most `length` bytes.
fn in_records(hello: &[u8], length: usize) -> Vec<u8> {
    let fragments = hello[5..].chunks(length);
    let length = |fragment: &[u8]| u16::try_from(fragment.len()).expect("fits").to_be_bytes();
    fragments.flat_map(|fragment| [&[22, 3, 1], &length(fragment)[..], fragment].concat()).collect()
}

#[test]
fn a_client_hello_may_be_spread_over_records() {
    let named = fixture("openssl.hello");
    for length in [1, 2, 3, 4, 5, 100, 300] {
        let spread = in_records(&named, length);
        let expected = hello(Some("api.example.org"), &[b"h2", b"http/1.1"]);
        assert_eq!(verdict(&spread), (expected, spread.len()), "records of {length}");
    }
}

#[test]
fn a_broken_client_hello_is_tls_without_names() {
    let named = fixture("openssl.hello");
    let nameless = Verdict::Tls(TlsHello::default());
    let other_record = [&in_records(&named, 100)[..105], b"\x17\x03\x03\0\x10"].concat();
    assert_eq!(verdict(&other_record), (nameless.clone(), 110));
    let empty_record = [&in_records(&named, 100)[..105], b"\x16\x03\x03\0\0"].concat();
    assert_eq!(verdict(&empty_record), (nameless.clone(), 110));
    // A message longer than the cap is given up as soon as its length is known.
    assert_eq!(verdict(b"\x16\x03\x01\x40\0\x01\0\xff\0"), (Verdict::NeedMore, 9));
    let long = [b"\x16\x03\x01\x40\0\x01\0\xff\0", &[0; 16 * 1024][..]].concat();
    assert_eq!(sniff_client(&long), nameless);
    // Each byte of the message set to 255: whatever breaks, it stays TLS.
    for at in 9..named.len() {
        let mut broken = named.clone();
        broken[at] = 255;
        assert!(matches!(sniff_client(&broken), Verdict::Tls(_)), "byte {at}");
    }
}

#[test]
fn names_are_bounded_and_printable() {
    let with_name = |name: &[u8], protocols: usize| {
        let vector = |bytes: &[u8]| [&u16::try_from(bytes.len()).expect("fits").to_be_bytes()[..], bytes].concat();
        let alpn: Vec<u8> = (0..protocols).flat_map(|_| *b"\x02h2").collect();
        let extensions =
            [&b"\0\0"[..], &vector(&vector(&[&b"\0"[..], &vector(name)].concat())), b"\0\x10", &vector(&vector(&alpn))]
                .concat();
        let body = [&[3; 34][..], b"\0", &vector(b"\x13\x01"), b"\x01\0", &vector(&extensions)].concat();
        let message = [&b"\x01\0"[..], &vector(&body)].concat();
        [&b"\x16\x03\x01"[..], &vector(&message)].concat()
    };
    let name = "a".repeat(limits::SERVER_NAME_BYTES);
    assert_eq!(verdict(&with_name(name.as_bytes(), 1)).0, hello(Some(&name), &[b"h2"]));
    let long = "a".repeat(limits::SERVER_NAME_BYTES + 1);
    for bad in [long.as_bytes(), b"", b"a b", b"a\nb", b"caf\xc3\xa9"] {
        assert_eq!(verdict(&with_name(bad, 1)).0, hello(None, &[b"h2"]), "{}", bad.escape_ascii());
    }
    let many = verdict(&with_name(b"a", 99)).0;
    assert_eq!(many, hello(Some("a"), &[&b"h2"[..]; limits::ALPN_PROTOCOLS]));
}

#[test]
fn what_only_starts_like_tls_is_opaque() {
    for (stream, decided) in [
        (&b"\x16\x02"[..], 2),
        (b"\x16\x03\x05", 3),
        (b"\x16\x03\x01\0\0", 5),
        (b"\x16\x03\x01\x40\x01", 5),
        (b"\x16\x03\x01\0\x10\x02", 6),
        (b"\x17\x03\x03", 1),
    ] {
        assert_eq!(verdict(stream), (Verdict::Opaque, decided), "{}", stream.escape_ascii());
    }
}

#[test]
fn a_server_that_speaks_first_may_speak_http2() {
    let settings = |length: u8| [&[0, 0, length, 4, 0, 0, 0, 0, 0][..], &vec![7; usize::from(length)]].concat();
    for stream in [settings(0), settings(6), settings(36)] {
        for end in 0..9 {
            assert_eq!(sniff_server(&stream[..end]), Verdict::NeedMore, "{end} bytes of {stream:?}");
        }
        assert_eq!((sniff_server(&stream[..9]), sniff_server(&stream)), (Verdict::Http2, Verdict::Http2));
    }
    // A length that settings cannot have, an acknowledgement, a stream, another type, and what other servers greet with.
    for (stream, decided) in [
        (settings(7), 3),
        (b"\0\0\0\x04\x01\0\0\0\0".to_vec(), 5),
        (b"\0\0\0\x04\0\0\0\0\x01".to_vec(), 9),
        (b"\0\0\x06\x06\0\0\0\0\0".to_vec(), 4),
        (b"\0\x01\0\x04\0\0\0\0\0".to_vec(), 2),
        (b"220 mail.example ESMTP\r\n".to_vec(), 1),
        (b"\x4a\0\0\0\x0a8.0.39".to_vec(), 1),
    ] {
        for end in 0..stream.len() {
            let expected = if end < decided { Verdict::NeedMore } else { Verdict::Opaque };
            assert_eq!(sniff_server(&stream[..end]), expected, "{end} bytes of {}", stream.escape_ascii());
        }
    }
}

/// A first request of this length, kind and version, whose client has this name; a body may be behind it.
fn kafka(length: u32, kind: u16, version: u16, name: Option<&[u8]>, body: &[u8]) -> Vec<u8> {
    let name_length = name.map_or(u16::MAX, |name| u16::try_from(name.len()).expect("short")).to_be_bytes();
    let numbers = [&length.to_be_bytes()[..], &kind.to_be_bytes(), &version.to_be_bytes(), &[0xa5; 4]].concat();
    [&numbers, &name_length[..], name.unwrap_or_default(), body].concat()
}

#[test]
fn requests_that_begin_a_connection_to_a_broker_are_told_by_their_header() {
    let (librdkafka, java) = (&b"rdkafka"[..], &b"producer-1"[..]);
    for (stream, decided) in [
        (kafka(17 + 22, 18, 3, Some(librdkafka), b"\0\x0blibrdkafka\x062.3.0\0"), 21),
        (kafka(20 + 33, 18, 4, Some(java), b"\0\x12apache-kafka-java\x064.1.0\0"), 24),
        (kafka(17, 18, 0, Some(librdkafka), b""), 21),
        (kafka(14, 3, 0, None, b"\0\0\0\0"), 14),
        (kafka(13 + 4, 3, 1, Some(b"a b"), b"\0\0\0\0"), 17),
        (kafka(10 + 7, 17, 1, Some(b""), b"\0\x05PLAIN"), 14),
    ] {
        assert_eq!(verdict(&stream), (Verdict::Kafka, decided), "{}", stream.escape_ascii());
        assert_eq!(sniff_client_of_kafka(&stream), Verdict::Kafka);
    }
}

#[test]
fn what_only_looks_like_a_request_to_a_broker_is_opaque() {
    for stream in [
        // A name that is longer than the request, is no text, or has a negative length.
        kafka(17, 18, 3, Some(b"much longer than that"), b""),
        kafka(50, 18, 3, Some(b"a\0b"), b""),
        [&kafka(50, 18, 3, None, b"")[..12], b"\xff\xfe\0\0"].concat(),
        // More than there is in that version, or less.
        kafka(18, 18, 0, Some(b"rdkafka"), b"\0"),
        kafka(17, 18, 3, Some(b"rdkafka"), b""),
        kafka(40, 17, 2, Some(b"rdkafka"), b""),
        kafka(40, 3, 200, Some(b"rdkafka"), b""),
        kafka(9, 18, 0, None, b""),
        // A startup message of PostgreSQL, and the first packet of ZooKeeper.
        b"\0\0\0\x54\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0psql\0\0".to_vec(),
        b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10".to_vec(),
    ] {
        assert_eq!(verdict(&stream).0, Verdict::Opaque, "{}", stream.escape_ascii());
    }
}

#[test]
fn where_a_broker_is_expected_any_request_begins_a_connection() {
    let produce = kafka(100, 0, 7, Some("r\u{e9}dkafka".as_bytes()), b"");
    assert_eq!(sniff_client(&produce), Verdict::Opaque);
    assert_eq!(sniff_client_of_kafka(&produce), Verdict::Kafka);
    for end in 0..produce.len() {
        assert_eq!(sniff_client_of_kafka(&produce[..end]), Verdict::NeedMore, "first {end} bytes");
    }
    let hello = fixture("openssl.hello");
    assert_eq!(sniff_client_of_kafka(&hello), sniff_client(&hello));
    assert_eq!(sniff_client_of_kafka(b"GET / HTTP/1.1"), Verdict::Http1);
}

/// A query of DNS behind its length.
const DNS_QUERY: &[u8] = b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";

#[test]
fn dns_is_told_by_its_header() {
    assert_eq!(verdict(DNS_QUERY), (Verdict::Dns, 14));
    let mut with_edns = DNS_QUERY.to_vec();
    with_edns[13] = 1;
    with_edns[5] = 0x20;
    assert_eq!(verdict(&with_edns), (Verdict::Dns, 14));
}

#[test]
fn what_no_query_says_is_not_dns() {
    // A length too long, an answer, an opcode, a response code, no question, two questions, answers.
    let changes = [(0, 0x04), (4, 0x80), (4, 0x28), (5, 0x03), (7, 0), (7, 2), (9, 1)];
    for (at, byte) in changes {
        let mut other = DNS_QUERY.to_vec();
        other[at] = byte;
        assert_eq!(verdict(&other), (Verdict::Opaque, at + 1), "byte {at} is {byte}");
    }
    let mut too_short = DNS_QUERY.to_vec();
    too_short[1] = 0x10;
    assert_eq!(verdict(&too_short).0, Verdict::Opaque);
}
