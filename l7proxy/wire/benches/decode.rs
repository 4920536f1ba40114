//! What reading along costs: a request and its response, heads and small bodies, on one connection.
//!
//! The whole of HTTP/1 stays near what httparse takes for the two heads, because a head in one piece is parsed in place
//! and content is skipped by its length. A header block of HTTP/2 costs less: what is in a table was parsed when it came.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowfold_wire::http1::{RequestDecoder, ResponseDecoder, ResponseTo};
use flowfold_wire::http2::{GrpcContentType, GrpcMessages, Http2Decoder};
use flowfold_wire::kafka::{KafkaDecoder, KafkaEvent};
use flowfold_wire::sniff::sniff_client;

#[path = "../tests/support/kafka_messages.rs"]
mod kafka_messages;

use kafka_messages::{array, batch, fetched, int, produce, request, response, short, text};

/// What a browser-like client asks, with tracing.
const REQUEST: &[u8] = b"GET /api/v1/products/42?currency=EUR HTTP/1.1\r\nHost: shop.example.org:9080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: application/json\r\n\
    Accept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Request-Id: 9f1c2d\r\n\r\n";

/// What nginx answers for a small static file.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Tue, 02 Sep 2025 10:00:00 GMT\r\n\
    Content-Type: text/html\r\nContent-Length: 12\r\nLast-Modified: Tue, 02 Sep 2025 09:00:00 GMT\r\n\
    Connection: keep-alive\r\nETag: \"68b6a1d0-c\"\r\nAccept-Ranges: bytes\r\n\r\nhello world\n";

/// What wrk asks.
const SMALL_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:9080\r\n\r\n";

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    1f\r\nabcdefghijklmnopqrstuvwxyz01234\r\n1f\r\nabcdefghijklmnopqrstuvwxyz01234\r\n0\r\n\r\n";

fn read_requests(decoder: &mut RequestDecoder, mut input: &[u8]) {
    loop {
        let step = decoder.advance(input).expect("valid");
        if step.needs_more() {
            break;
        }
        let consumed = step.consumed;
        black_box(step);
        input = &input[consumed..];
    }
}

fn read_responses(decoder: &mut ResponseDecoder, mut input: &[u8]) {
    loop {
        let step = decoder.advance(input, Some(ResponseTo::Other)).expect("valid");
        if step.needs_more() {
            break;
        }
        let consumed = step.consumed;
        black_box(step);
        input = &input[consumed..];
    }
}

fn heads(criterion: &mut Criterion) {
    let mut requests = RequestDecoder::new();
    let mut responses = ResponseDecoder::new();
    let mut group = criterion.benchmark_group("http1");
    group.throughput(Throughput::Elements(1));
    group.bench_function("request", |bench| bench.iter(|| read_requests(&mut requests, black_box(REQUEST))));
    group
        .bench_function("small request", |bench| bench.iter(|| read_requests(&mut requests, black_box(SMALL_REQUEST))));
    group.bench_function("response", |bench| bench.iter(|| read_responses(&mut responses, black_box(RESPONSE))));
    group.bench_function("chunked response", |bench| bench.iter(|| read_responses(&mut responses, black_box(CHUNKED))));
    group.bench_function("request in two pieces", |bench| {
        let (front, back) = REQUEST.split_at(100);
        bench.iter(|| {
            read_requests(&mut requests, black_box(front));
            read_requests(&mut requests, black_box(back));
        });
    });
    group.finish();
}

/// httparse alone, over the same heads: what the figures above stand against.
fn httparse_alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("httparse alone");
    group.bench_function("request", |bench| {
        bench.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut fields);
            black_box(request.parse(black_box(REQUEST)).expect("valid"));
        });
    });
    group.bench_function("response", |bench| {
        bench.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut fields);
            black_box(response.parse(black_box(RESPONSE)).expect("valid"));
        });
    });
    group.finish();
}

fn sniffing(criterion: &mut Criterion) {
    criterion.bench_function("sniff", |bench| bench.iter(|| black_box(sniff_client(black_box(REQUEST)))));
}

/// Content in large reads: the cost of a read must not depend on its length.
fn content(criterion: &mut Criterion) {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n";
    let piece = vec![b'x'; 64 * 1024];
    criterion.bench_function("64 KiB of content", |bench| {
        bench.iter_batched_ref(
            || {
                let mut decoder = ResponseDecoder::new();
                read_responses(&mut decoder, head);
                decoder
            },
            |decoder| read_responses(decoder, black_box(&piece)),
            BatchSize::SmallInput,
        );
    });
}

/// A frame of stream 1 with this payload.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
}

fn headers(block: &[u8]) -> Vec<u8> {
    frame(1, 4, block)
}

/// A literal field: how it is indexed, the index of its name, and its value in plain or coded.
fn literal(first: &[u8], coded: bool, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).expect("short") | if coded { 0x80 } else { 0 };
    [first, &[length], value].concat()
}

/// What a gRPC client asks once its table has what stays the same, with tracing.
fn grpc_request() -> (Vec<u8>, Vec<u8>) {
    let mut first = vec![0x83, 0x86];
    for (name, value) in [
        (":path", "/shop.CartService/AddItem"),
        (":authority", "cart.shop.svc:9080"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "grpc-go/1.65.0"),
    ] {
        let name = literal(&[0x40], false, name.as_bytes());
        first.extend(literal(&name, false, value.as_bytes()));
    }
    let mut again = vec![0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe];
    again.extend(literal(&literal(&[0x00], false, b"grpc-timeout"), false, b"998412u"));
    let trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    again.extend(literal(&literal(&[0x00], false, b"traceparent"), false, trace));
    (headers(&first), headers(&again))
}

/// What nginx answers for a small static file: its fields are literals, coded where that is shorter.
fn nginx_response() -> Vec<u8> {
    let mut block = vec![0x88];
    // `server: nginx/1.22.1`, `date`, `content-type: text/html`, `content-length: 12`, `last-modified`, `etag` and
    // `accept-ranges: bytes`.
    block.extend(literal(&[0x0f, 0x27], true, &[0xaa, 0x63, 0x55, 0xe5, 0x80, 0xae, 0x21, 0x2e, 0x1f]));
    let date = [
        0xdf, 0x69, 0x7e, 0x94, 0x00, 0x94, 0xdc, 0x5a, 0xd4, 0x10, 0x04, 0xda, 0x81, 0x05, 0xc0, 0x02, 0xe0, 0x00,
        0xa6, 0x2d, 0x1b, 0xff,
    ];
    block.extend(literal(&[0x0f, 0x12], true, &date));
    block.extend(literal(&[0x0f, 0x10], true, &[0x49, 0x7c, 0xa5, 0x89, 0xd3, 0x4d, 0x1f]));
    block.extend(literal(&[0x0f, 0x0d], false, b"12"));
    block.extend(literal(&[0x0f, 0x1d], true, &date));
    block.extend(literal(&[0x0f, 0x13], false, b"\"68b6a1d0-c\""));
    block.extend(literal(&[0x0f, 0x03], false, b"bytes"));
    headers(&block)
}

/// What a browser asks: a path that is coded and new, and the rest from the table.
fn coded_path() -> Vec<u8> {
    // `/api/v1/products/42?currency=EUR`.
    let path = [
        0x60, 0x75, 0x99, 0x8e, 0xe1, 0x62, 0xbb, 0x0f, 0x25, 0xa4, 0x4a, 0x18, 0x68, 0x5f, 0xe1, 0x2d, 0xb2, 0xc2,
        0xd4, 0x4f, 0x50, 0x60, 0xe1, 0xb7,
    ];
    let mut block = vec![0x82, 0x87];
    block.extend(literal(&[0x04], true, &path));
    headers(&block)
}

fn read_http2(decoder: &mut Http2Decoder, mut input: &[u8]) {
    loop {
        let step = decoder.advance(input).expect("valid");
        if step.needs_more() {
            break;
        }
        let consumed = step.consumed;
        black_box(step);
        input = &input[consumed..];
    }
}

fn http2(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http2");
    group.throughput(Throughput::Elements(1));
    let mut decoder = Http2Decoder::server();
    let (first, again) = grpc_request();
    read_http2(&mut decoder, &first);
    group.bench_function("grpc request", |bench| bench.iter(|| read_http2(&mut decoder, black_box(&again))));
    let response = nginx_response();
    group.bench_function("nginx response", |bench| bench.iter(|| read_http2(&mut decoder, black_box(&response))));
    let path = coded_path();
    group.bench_function("coded path", |bench| bench.iter(|| read_http2(&mut decoder, black_box(&path))));
    // A message, and the frames of flow control around it.
    let mut call = frame(8, 0, &[0, 0, 1, 0]);
    call.extend(frame(0, 1, b"\0\0\0\0\x05hello"));
    call.extend(frame(6, 0, &[0; 8]));
    group.bench_function("message and two others", |bench| bench.iter(|| read_http2(&mut decoder, black_box(&call))));
    group.bench_function("grpc request in two pieces", |bench| {
        let (front, back) = again.split_at(40);
        bench.iter(|| {
            read_http2(&mut decoder, black_box(front));
            read_http2(&mut decoder, black_box(back));
        });
    });
    let messages = b"\0\0\0\0\x05hello".repeat(1000);
    group.bench_function("1000 messages", |bench| {
        bench.iter(|| {
            let mut counted = GrpcMessages::new(GrpcContentType::Grpc);
            counted.read(black_box(&messages));
            black_box(counted.count())
        });
    });
    group.finish();
}

fn read_kafka(decoder: &mut KafkaDecoder, answers: (i16, i16), mut input: &[u8]) {
    loop {
        let step = decoder.advance(input).expect("valid");
        if step.needs_more() {
            break;
        }
        let (consumed, begins) = (step.consumed, matches!(step.event, Some(KafkaEvent::Response(_))));
        black_box(step);
        if begins {
            decoder.answers(answers.0, answers.1);
        }
        input = &input[consumed..];
    }
}

/// Requests and responses as a proxy sees them: a batch of records is skipped, whatever its size.
fn kafka(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kafka");
    group.throughput(Throughput::Elements(1));
    let (mut client, mut server) = (KafkaDecoder::client(), KafkaDecoder::server());
    let heartbeat = request(12, 0, 1, &[text("group"), int(1), text("member")].concat());
    let mut asked = |name: &str, stream: &[u8]| {
        group.bench_function(name, |bench| bench.iter(|| read_kafka(&mut client, (0, 0), black_box(stream))));
    };
    asked("heartbeat", &heartbeat);
    asked("produce of 16 KiB", &produce(1, 1, &batch(0, 16, 16 * 1024)));
    asked("produce of 1 MiB in batches of 1 KiB", &produce(1, 1, &batch(0, 1, 1024 - 61).repeat(1024)));
    let mut answered = |name: &str, answers: (i16, i16), stream: &[u8]| {
        group.bench_function(name, |bench| bench.iter(|| read_kafka(&mut server, answers, black_box(stream))));
    };
    answered("heartbeat response", (12, 1), &response(1, &[int(0), short(0)].concat()));
    answered("fetch response of 1 MiB in one batch", (1, 2), &fetched(2, 1, &batch(0, 1000, 1 << 20)));
    let partition = |index| [int(index), short(0)].concat();
    let partitions = array(&(0..100).map(partition).collect::<Vec<_>>());
    let committed = response(1, &array(&[[text("orders"), partitions].concat()]));
    answered("commit of 100 partitions", (8, 2), &committed);
    group.finish();
}

criterion_group!(benches, heads, httparse_alone, sniffing, content, http2, kafka);
criterion_main!(benches);
