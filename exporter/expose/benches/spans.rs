//! What spans cost an exchange on its worker: without any, and where one in none, in a hundred or in one begins a trace.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowfold_expose::otlp::{Compression, Destination, Headers, Protocol, Resource, TlsFiles};
use flowfold_expose::{Source, SpanOptions, Spans};
use flowfold_flow::{
    ConnectionInfo, Exchange, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, Reporters,
    UrlScheme, Workload,
};
use flowfold_fold::{Detail, Fold, FoldOptions, Methods, Number, Points, RouteTable, names};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// How long the others have to send what was made, which is not counted.
const PAUSE: Duration = Duration::from_millis(30);

/// Takes whatever is posted.
fn receiver(runtime: &Runtime) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let take = |request: Request<Incoming>| async {
        drop(request.into_body().collect().await);
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    };
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(take)));
        }
    });
    address
}

fn options(receiver: SocketAddr, ratio: f64) -> SpanOptions {
    SpanOptions {
        destination: Destination {
            url: format!("http://{receiver}/v1/traces").parse().expect("it is a URL"),
            protocol: Protocol::HttpProtobuf,
            headers: Headers::default(),
            compression: Compression::None,
            timeout: Duration::from_secs(5),
            tls: TlsFiles::default(),
        },
        ratio,
        errors: true,
        slower_than: Some(Duration::from_secs(1)),
        max_queued: 65_536,
        routes: RouteTable::parse(["/users/{id}/orders/{order}"]).expect("it is a template"),
        methods: Methods::default(),
    }
}

fn exchange(info: &ConnectionInfo, duration: Duration) -> Exchange<'_> {
    Exchange {
        connection: info,
        operation: Operation::Http(HttpExchange {
            known_method: Some(KnownMethod::Get),
            method: b"GET",
            path: b"/users/12345/orders/678",
            status: Some(200),
            version: HttpVersion::Http11,
            scheme: UrlScheme::Http,
            tunnel: false,
        }),
        outcome: Outcome::Answered,
        started: SystemTime::UNIX_EPOCH + Duration::from_hours(480_000),
        time_to_first_byte: Some(duration / 2),
        duration,
        request_bytes: 100,
        response_bytes: 1000,
        trace: None,
    }
}

/// The time that the processor gave to this thread. (By the clock on the wall, a machine with few processors would show what
/// those who send the spans take from it.)
fn spent_by_this_thread() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let nanos = u32::try_from(spent.tv_nsec).expect("less than a second");
    Duration::new(u64::try_from(spent.tv_sec).expect("it is positive"), nanos)
}

/// How many spans did not get away: then the bench would have measured something else.
fn lost(source: &Source) -> u64 {
    let snapshot = source.snapshot(Detail::CLASSIC);
    let family = snapshot.families.iter().find(|family| *family.metric == names::SPANS).expect("it is exported");
    let Points::Scalars(points) = &family.points else { panic!("it is a counter") };
    let mut lost = 0;
    for point in points {
        let Number::Whole(count) = point.value else { panic!("a count is whole") };
        point.labels.visit(|_, outcome| lost += if outcome == "sent" { 0 } else { count });
    }
    lost
}

fn spans(criterion: &mut Criterion) {
    let others = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let (receiver, handle) = (receiver(&others), others.handle().clone());
    std::thread::spawn(move || others.block_on(std::future::pending::<()>()));
    let info = Arc::new(ConnectionInfo {
        reporters: Reporters::SERVER,
        client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
        server: SocketAddr::from(([192, 0, 2, 2], 9080)),
        source: Workload::named("web").into(),
        destination: Workload::named("details").into(),
    });
    let mut group = criterion.benchmark_group("exchange");
    group.throughput(Throughput::Elements(1));
    // Most of the time goes by in the pauses.
    group.sample_size(20).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
    // How many exchanges make a thousand spans: then the others get time to send them.
    let cases = [
        ("no spans", None, u64::MAX),
        ("ratio 0", Some(0.0), u64::MAX),
        ("ratio 0.01", Some(0.01), 100_000),
        ("ratio 1", Some(1.0), 1000),
    ];
    for (name, ratio, at_once) in cases {
        let fold = Fold::new(FoldOptions::default());
        let source = Arc::new(Source::new(Arc::clone(&fold)));
        let spans = ratio.map_or_else(Spans::default, |ratio| {
            let resource = Resource::default();
            Spans::start(options(receiver, ratio), &resource, &source, &handle).expect("they start")
        });
        let sink = (fold.shard(), spans.sink());
        let mut open = sink.opened(&info);
        let mut turn = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    let count = left.min(at_once - turn % at_once);
                    let start = spent_by_this_thread();
                    for _ in 0..count {
                        turn += 1;
                        sink.exchange(&mut open, &exchange(&info, Duration::from_micros((turn & 0xff) * 900)));
                    }
                    spent += spent_by_this_thread().saturating_sub(start);
                    left -= count;
                    if turn.is_multiple_of(at_once) {
                        std::thread::sleep(PAUSE);
                    }
                }
                spent
            });
        });
        spans.stop();
        assert_eq!(lost(&source), 0, "{name}: spans were lost");
    }
    group.finish();
}

criterion_group!(benches, spans);
criterion_main!(benches);
