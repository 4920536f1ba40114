//! What reading along costs: a request and its response, heads and small bodies, on one connection.
//!
//! The whole of it stays near what httparse takes for the two heads, because a head in one piece is parsed in place and
//! content is skipped by its length.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flowfold_wire::http1::{RequestDecoder, ResponseDecoder, ResponseTo};
use flowfold_wire::sniff::sniff_client;

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

criterion_group!(benches, heads, httparse_alone, sniffing, content);
criterion_main!(benches);
