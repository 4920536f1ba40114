//! A scrape of a hundred thousand histogram series: ours, and prometheus-client's registry with as many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use flowfold_expose::{Format, encode};
use flowfold_flow::{
    ConnectionInfo, Exchange, FlowSink, HttpExchange, HttpVersion, KnownMethod, Operation, Outcome, Reporters,
    UrlScheme, Workload,
};
use flowfold_fold::{Fold, FoldOptions, Points};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

const SERIES: usize = 100_000;

fn store() -> Arc<Fold> {
    let fold = Fold::new(FoldOptions { max_series: SERIES, ..FoldOptions::default() });
    let shard = fold.shard();
    let source = Arc::new(Workload::named("web"));
    for number in 0..SERIES {
        let info = Arc::new(ConnectionInfo {
            reporters: Reporters::SERVER,
            client: SocketAddr::from(([192, 0, 2, 1], 40_000)),
            server: SocketAddr::from(([192, 0, 2, 2], 9080)),
            source: Arc::clone(&source),
            destination: Workload::named(&format!("server-{number}")).into(),
        });
        let mut open = shard.opened(&info);
        let exchange = Exchange {
            connection: &info,
            operation: Operation::Http(HttpExchange {
                known_method: Some(KnownMethod::Get),
                method: b"GET",
                path: b"/",
                status: Some(200),
                version: HttpVersion::Http11,
                scheme: UrlScheme::Http,
                tunnel: false,
            }),
            outcome: Outcome::Answered,
            started: SystemTime::UNIX_EPOCH,
            time_to_first_byte: None,
            duration: Duration::from_micros(number as u64 * 37),
            request_bytes: 1,
            response_bytes: 1,
            trace: None,
        };
        shard.exchange(&mut open, &exchange);
    }
    fold
}

type LabelPairs = Vec<(&'static str, String)>;

/// The same series, label by label, in a registry of prometheus-client.
fn registry(fold: &Fold) -> Registry {
    let snapshot = fold.snapshot();
    let Points::Histograms(points) = &snapshot.families[0].points else { panic!("the first family has buckets") };
    let bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    let family = Family::<LabelPairs, Histogram, _>::new_with_constructor(move || Histogram::new(bounds));
    for point in points.iter() {
        let mut labels = LabelPairs::new();
        point.labels.visit(|name, value| labels.push((name, value.to_owned())));
        family.get_or_create(&labels).observe(point.sum_seconds());
    }
    let mut registry = Registry::default();
    registry.register("http_server_request_duration_seconds", "Duration of HTTP requests to local servers", family);
    registry
}

fn render(criterion: &mut Criterion) {
    let fold = store();
    let registry = registry(&fold);
    let mut group = criterion.benchmark_group("100,000 histogram series");
    group.sample_size(20);
    let mut out = Vec::new();
    for (name, format) in [("text 0.0.4", Format::Text004), ("OpenMetrics", Format::OpenMetrics100)] {
        group.bench_function(format!("ours: snapshot and {name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                encode(&fold.snapshot_with(format.detail()), format, &mut out);
                out.len()
            });
        });
    }
    let snapshot = fold.snapshot();
    group.bench_function("ours: text 0.0.4 of a snapshot", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(&snapshot, Format::Text004, &mut out);
            out.len()
        });
    });
    group.bench_function("ours: protobuf of a snapshot, classic and native", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(&snapshot, Format::Protobuf, &mut out);
            out.len()
        });
    });
    let mut text = String::new();
    group.bench_function("prometheus-client: OpenMetrics", |bencher| {
        bencher.iter(|| {
            text.clear();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("writing to a string does not fail");
            text.len()
        });
    });
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);
