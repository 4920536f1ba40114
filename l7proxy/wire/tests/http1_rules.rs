//! Rules of RFC 9110 and RFC 9112 that a decoder's events show.

use flowfold_wire::http1::{
    ByteClass, End, Http1Error, RequestDecoder, RequestEvent, ResponseDecoder, ResponseEvent, ResponseTo, Step, Tunnel,
};

/// Feeds a client's bytes; returns the classes of the bytes and whether each request ended.
fn feed(decoder: &mut RequestDecoder, mut input: &[u8]) -> Result<Vec<(ByteClass, usize)>, Http1Error> {
    let mut classes: Vec<(ByteClass, usize)> = Vec::new();
    loop {
        let Step { consumed, class, event } = decoder.advance(input)?;
        if consumed == 0 && event.is_none() {
            return Ok(classes);
        }
        if consumed > 0 {
            classes.push((class, consumed));
        }
        input = &input[consumed..];
    }
}

fn keeps_alive_request(head: &str) -> bool {
    let text = format!("{head}\r\n");
    match RequestDecoder::new().advance(text.as_bytes()).expect("valid").event {
        Some(RequestEvent::Head(head)) => head.keep_alive,
        other => panic!("{other:?}"),
    }
}

/// The end of a response with this head, of which nothing but the head arrived.
fn end_of_response(head: &str, to: ResponseTo) -> (bool, End) {
    let mut decoder = ResponseDecoder::new();
    let text = format!("{head}\r\n\r\n");
    let keep_alive = match decoder.advance(text.as_bytes(), Some(to)).expect("valid").event {
        Some(ResponseEvent::Head(head) | ResponseEvent::Interim(head)) => head.keep_alive,
        other => panic!("{other:?}"),
    };
    while !decoder.advance(b"", Some(to)).expect("nothing to refuse").needs_more() {}
    (keep_alive, decoder.finish())
}

#[test]
fn requests_say_whether_another_follows() {
    for (fields, http10, http11) in [
        ("", false, true),
        ("Connection: close\r\n", false, false),
        ("connection: CLOSE\r\n", false, false),
        ("Connection: keep-alive\r\n", true, true),
        ("Connection: Keep-Alive , x\r\n", true, true),
        ("Connection: keep-alive\r\nConnection: close\r\n", false, false),
        ("Connection: close, keep-alive\r\n", false, false),
        ("Connection: closed\r\n", false, true),
        ("Proxy-Connection: keep-alive\r\n", false, true),
    ] {
        assert_eq!(keeps_alive_request(&format!("GET / HTTP/1.0\r\n{fields}")), http10, "{fields}");
        assert_eq!(keeps_alive_request(&format!("GET / HTTP/1.1\r\n{fields}")), http11, "{fields}");
    }
}

#[test]
fn responses_end_where_the_rfc_says() {
    use ResponseTo::{Connect, Head, HeadUpgrade, Other, Upgrade};
    for (head, to, keeps, end) in [
        ("HTTP/1.1 200 OK", Other, false, End::Complete),
        ("HTTP/1.1 200 OK", Upgrade, false, End::Complete),
        ("HTTP/1.1 200 OK", Head, true, End::Clean),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3", Head, true, End::Clean),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3", HeadUpgrade, true, End::Clean),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3", Other, true, End::Truncated),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0", Other, true, End::Clean),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0", Other, false, End::Clean),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", Other, true, End::Truncated),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", Other, false, End::Complete),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 3", Other, true, End::Clean),
        ("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked", Other, true, End::Clean),
        ("HTTP/1.1 205 Reset Content", Other, false, End::Complete),
        ("HTTP/1.1 100 Continue\r\nContent-Length: 3", Other, true, End::Clean),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3", Connect, true, End::Clean),
        ("HTTP/1.1 204 OK", Connect, true, End::Clean),
        ("HTTP/1.1 302 Found\r\nContent-Length: 3", Connect, true, End::Truncated),
        ("HTTP/1.1 101 Switching Protocols\r\nContent-Length: 3", Upgrade, true, End::Clean),
        ("HTTP/1.1 999 Odd\r\nContent-Length: 3", Other, true, End::Truncated),
        ("HTTP/1.1 099 Odd\r\nContent-Length: 3", Other, true, End::Truncated),
    ] {
        assert_eq!(end_of_response(head, to), (keeps, end), "{head} to {to:?}");
    }
}

#[test]
fn expectations_need_http11() {
    let expects = |version: &str| {
        let text = format!("PUT / HTTP/{version}\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
        match RequestDecoder::new().advance(text.as_bytes()).expect("valid").event {
            Some(RequestEvent::Head(head)) => head.expect_continue,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((expects("1.1"), expects("1.0")), (true, false));
}

#[test]
fn fields_given_twice_are_not_told() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let twice = format!("Host: a\r\nhost: a\r\ntraceparent: {TRACE}\r\nTRACEPARENT: {TRACE}");
    let text = format!("GET / HTTP/1.1\r\n{twice}\r\nContent-Type: t\r\n\r\n");
    let mut decoder = RequestDecoder::new();
    let Some(RequestEvent::Head(head)) = decoder.advance(text.as_bytes()).expect("valid").event else {
        panic!("no head")
    };
    assert_eq!((head.host, head.trace, head.content_type), (None, None, Some(&b"t"[..])));
}

#[test]
fn traces_come_in_three_forms() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";
    let sampled = |fields: &str| {
        let text = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
        match RequestDecoder::new().advance(text.as_bytes()).expect("valid").event {
            Some(RequestEvent::Head(head)) => head.trace.map(|trace| trace.sampled),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sampled(&format!("TraceParent: 00-{TRACE}-{SPAN}-01")), Some(true));
    assert_eq!(sampled(&format!("B3: {TRACE}-{SPAN}-0")), Some(false));
    let several = format!("X-B3-TraceId: {TRACE}\r\nX-B3-SpanId: {SPAN}");
    assert_eq!(sampled(&several), Some(false));
    assert_eq!(sampled(&format!("X-B3-Sampled: 1\r\n{several}")), Some(true));
    assert_eq!(sampled(&format!("X-B3-Flags: 1\r\n{several}")), Some(true));
    // W3C wins over B3 in one field, and that over several; what is broken counts as absent.
    assert_eq!(sampled(&format!("b3: {TRACE}-{SPAN}-1\r\ntraceparent: 00-{TRACE}-{SPAN}-00")), Some(false));
    assert_eq!(sampled(&format!("b3: {TRACE}-{SPAN}-1\r\ntraceparent: 00-{TRACE}-{SPAN}")), Some(true));
    assert_eq!(sampled(&format!("{several}\r\nb3: {TRACE}-{SPAN}-1")), Some(true));
    assert_eq!(sampled("b3: 0"), None);
}

#[test]
fn http2_is_offered_and_taken_by_upgrade() {
    let offers = |version: &str, upgrade: &str| {
        let text = format!("GET / HTTP/{version}\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n");
        match RequestDecoder::new().advance(text.as_bytes()).expect("valid").event {
            Some(RequestEvent::Head(head)) => head.upgrade_h2c,
            other => panic!("{other:?}"),
        }
    };
    assert!(offers("1.1", "h2c") && offers("1.1", "H2C") && offers("1.1", "websocket, h2c"));
    assert!(!offers("1.1", "h2") && !offers("1.1", "h2c2") && !offers("1.0", "h2c"));
    let takes = |status: &str, upgrade: &str| {
        let text = format!("HTTP/1.1 {status}\r\nUpgrade: {upgrade}\r\n\r\n");
        match ResponseDecoder::new().advance(text.as_bytes(), Some(ResponseTo::Upgrade)).expect("valid").event {
            Some(ResponseEvent::Head(head)) => head.h2c,
            other => panic!("{other:?}"),
        }
    };
    assert!(takes("101 Switching Protocols", "h2c"));
    assert!(!takes("101 Switching Protocols", "websocket") && !takes("426 Upgrade Required", "h2c"));
}

#[test]
fn nothing_but_empty_lines_may_come_unasked() {
    let mut decoder = ResponseDecoder::new();
    assert_eq!(decoder.advance(b"\r\n\r", None).expect("empty lines").consumed, 3);
    assert_eq!(decoder.advance(b"\nH", None).expect("an empty line").consumed, 1);
    assert_eq!(decoder.advance(b"H", None).expect_err("unasked"), Http1Error::UnexpectedResponse);
    assert_eq!(RequestDecoder::new().advance(b"\rG").expect_err("CR alone"), Http1Error::MalformedHead);
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\n\r\n";

#[test]
fn bytes_behind_a_request_for_a_tunnel_wait_for_the_answer() {
    for (granted, class) in [(true, ByteClass::Tunnel), (false, ByteClass::Head)] {
        let mut decoder = RequestDecoder::new();
        let stream = [ASK, NEXT].concat();
        let told = [(ByteClass::Head, ASK.len()), (ByteClass::Held, NEXT.len())];
        assert_eq!(feed(&mut decoder, &stream), Ok(told.to_vec()));
        assert_eq!((decoder.held(), decoder.finish(), decoder.is_idle()), (NEXT.len(), End::Clean, false));
        let held = decoder.settle(granted);
        assert_eq!((&held[..], decoder.held()), (NEXT, 0));
        assert!(decoder.is_idle());
        assert_eq!(feed(&mut decoder, &held), Ok(vec![(class, NEXT.len())]));
    }
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    let ask = b"POST / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\n12";
    for (granted, class) in [(true, ByteClass::Tunnel), (false, ByteClass::Head)] {
        let mut decoder = RequestDecoder::new();
        feed(&mut decoder, ask).expect("valid");
        assert!(decoder.settle(granted).is_empty());
        assert_eq!(feed(&mut decoder, b"34"), Ok(vec![(ByteClass::Body, 2)]));
        assert_eq!(feed(&mut decoder, NEXT), Ok(vec![(class, NEXT.len())]));
    }
}

#[test]
fn an_answer_to_no_question_changes_nothing() {
    let mut decoder = RequestDecoder::new();
    assert!(decoder.settle(true).is_empty());
    assert_eq!(feed(&mut decoder, NEXT), Ok(vec![(ByteClass::Head, NEXT.len())]));
    assert!(decoder.settle(true).is_empty());
    assert_eq!(feed(&mut decoder, NEXT), Ok(vec![(ByteClass::Head, NEXT.len())]));
}

#[test]
fn behind_the_last_request_there_is_no_other() {
    let last = b"GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: close, upgrade\r\n\r\n";
    let mut decoder = RequestDecoder::new();
    feed(&mut decoder, last).expect("valid");
    feed(&mut decoder, NEXT).expect("held");
    let held = decoder.settle(false);
    assert_eq!(feed(&mut decoder, &held), Ok(vec![(ByteClass::Tunnel, NEXT.len())]));
    assert_eq!(decoder.finish(), End::Clean);
}

#[test]
fn a_switch_needs_a_question() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
    for to in [ResponseTo::Upgrade, ResponseTo::HeadUpgrade] {
        let mut decoder = ResponseDecoder::new();
        let step = decoder.advance(switch, Some(to)).expect("asked for");
        assert!(matches!(step.event, Some(ResponseEvent::Head(head)) if head.tunnel == Tunnel::Granted));
        let step = decoder.advance(b"tunnel", Some(to)).expect("the tunnel begins");
        assert_eq!((step.consumed, step.event), (0, Some(ResponseEvent::Tunnel)));
        let step = decoder.advance(b"tunnel", None).expect("in the tunnel");
        assert_eq!((step.consumed, step.class, step.event), (6, ByteClass::Tunnel, None));
    }
    for to in [ResponseTo::Other, ResponseTo::Head, ResponseTo::Connect] {
        let refused = ResponseDecoder::new().advance(switch, Some(to)).expect_err("nobody asked");
        assert_eq!(refused, Http1Error::UnexpectedResponse);
    }
}

#[test]
fn directions_end_where_they_end() {
    for (stream, end) in [
        (&b""[..], End::Clean),
        (b"\r\n", End::Clean),
        (b"GET / HTT", End::Truncated),
        (b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n1", End::Truncated),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", End::Truncated),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", End::Clean),
    ] {
        let mut decoder = RequestDecoder::new();
        feed(&mut decoder, stream).expect("valid");
        assert_eq!(decoder.finish(), end, "{}", stream.escape_ascii());
    }
}
