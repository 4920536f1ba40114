//! Metrics pushed to a receiver, over real sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowfold_expose::Source;
use flowfold_expose::otlp::{Compression, MetricsOptions, Protocol, Temporality};
use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::names::{self, Kind, otel};
use flowfold_fold::{Detail, Fold, FoldOptions};
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::pushed::{Held, assert_same, attributes, counted, held_by, options, push, start, taken, taken_once, until};
use crate::receiver::{Answer, Receiver};
use crate::store::{answered, connection, filled};

#[tokio::test]
async fn a_push_says_what_the_store_holds() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        for compression in [Compression::None, Compression::Gzip] {
            let receiver = Receiver::start(&[]).await;
            let source = Arc::new(Source::new(filled()));
            let mut options = options(&receiver, protocol);
            options.destination.compression = compression;
            push(&source, options).await;
            let state = receiver.inbox.lock();
            assert_same(&taken_once(&state), &held_by(&source.snapshot(Detail::CLASSIC)));
            assert_eq!(state.headers["api-key"], "secret");
            let encoding = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
            let told = state.headers.get(encoding).map(|encoding| encoding.to_str().unwrap());
            assert_eq!(told == Some("gzip"), compression == Compression::Gzip, "{told:?}");
            assert!(state.headers["user-agent"].to_str().unwrap().starts_with("flowfold/"));
            assert_eq!(state.path == "/v1/metrics", protocol == Protocol::HttpProtobuf);
            drop(state);
            let points = taken(&receiver.inbox.lock()).len() as u64;
            assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), points);
        }
    }
}

#[tokio::test]
async fn each_workload_has_a_resource_of_its_own() {
    let receiver = Receiver::start(&[]).await;
    let source = Arc::new(Source::new(filled()));
    push(&source, options(&receiver, Protocol::Grpc)).await;
    let state = receiver.inbox.lock();
    let mut reporters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in state.metrics.iter().flat_map(|request| &request.resource_metrics) {
        let told = attributes(&resource.resource.as_ref().unwrap().attributes);
        assert_eq!(told["service.instance.id"], "this-host");
        assert_eq!(told["deployment.environment.name"], "test");
        let scope = resource.scope_metrics[0].scope.as_ref().unwrap();
        assert_eq!(scope.name, "flowfold");
        let names = resource.scope_metrics[0].metrics.iter().map(|metric| metric.name.clone());
        assert_eq!(reporters.insert(told["service.name"].clone(), names.collect()), None, "{told:?} comes twice");
        for metric in &resource.scope_metrics[0].metrics {
            let unit = if metric.name.ends_with("duration") { "s" } else { &metric.unit };
            assert_eq!(metric.unit, unit, "{}", metric.name);
        }
    }
    assert!(reporters["details"].contains(&"http.server.request.duration".to_owned()));
    assert!(!reporters["details"].contains(&"http.client.request.duration".to_owned()));
    assert!(reporters["web"].contains(&"http.client.request.duration".to_owned()));
    assert!(reporters["web"].iter().all(|name| name.contains(".client.")));
    assert!(reporters["flowfold"].contains(&"flowfold.exchanges".to_owned()));
}

#[tokio::test]
async fn a_large_push_is_cut_into_requests() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, MetricsOptions { max_request_bytes: 4000, ..options(&receiver, protocol) }).await;
        let state = receiver.inbox.lock();
        assert!(state.metrics.len() > 5);
        let largest = state.metrics.iter().map(prost::Message::encoded_len).max().unwrap();
        // One series may be what goes beyond.
        assert!(largest < 4000 + 2000, "{largest}");
        assert_same(&taken_once(&state), &held_by(&source.snapshot(Detail::CLASSIC)));
    }
}

#[tokio::test]
async fn what_a_receiver_cannot_take_now_is_sent_again() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::Unavailable(None), Answer::Unavailable(None)]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.lock().requests, 3);
        assert_same(&taken_once(&receiver.inbox.lock()), &held_by(&source.snapshot(Detail::CLASSIC)));
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "failed"), 0);

        let named = Duration::from_secs(2);
        let receiver = Receiver::start(&[Answer::Unavailable(Some(named))]).await;
        let begun = std::time::Instant::now();
        push(&source, options(&receiver, protocol)).await;
        assert!(begun.elapsed() >= named, "{protocol:?} came back after {:?}", begun.elapsed());
        assert_eq!(receiver.inbox.counts(), (2, 1));
    }
}

#[tokio::test]
async fn what_a_receiver_will_never_take_is_not_sent_again() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::Never]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.counts(), (1, 0));
        assert!(counted(&source, &names::OTLP_DATA_POINTS, "failed") > 100);
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), 0);
    }
}

#[tokio::test]
async fn what_a_receiver_refuses_of_a_request_is_counted() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = Receiver::start(&[Answer::TakeBut(7)]).await;
        let source = Arc::new(Source::new(filled()));
        push(&source, options(&receiver, protocol)).await;
        assert_eq!(receiver.inbox.lock().requests, 1);
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "rejected"), 7);
        let all = taken(&receiver.inbox.lock()).len() as u64;
        assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), all - 7);
    }
}

#[tokio::test]
async fn differences_add_up_whatever_the_receiver_does() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::SERVER, "details");
    let mut open = shard.opened(&info);
    let receiver = Receiver::start(&[Answer::Take, Answer::Never, Answer::Never, Answer::Take, Answer::Never]).await;
    let source = Arc::new(Source::new(Arc::clone(&fold)));
    let options = MetricsOptions { temporality: Temporality::Delta, ..options(&receiver, Protocol::HttpProtobuf) };
    let (stop, pusher) = start(&source, options);
    for millis in 0..200 {
        shard.exchange(&mut open, &answered(&info, 200, Duration::from_millis(millis)));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("some pushes", || receiver.inbox.lock().requests > 6).await;
    shard.exchange(&mut open, &answered(&info, 200, Duration::from_secs(20)));
    stop.send_replace(true);
    pusher.await.unwrap();

    let state = receiver.inbox.lock();
    for metric in state.metrics.iter().flat_map(|request| &request.resource_metrics) {
        for metric in &metric.scope_metrics[0].metrics {
            let temporality = match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => sum.aggregation_temporality,
                Data::Histogram(histogram) => histogram.aggregation_temporality,
                _ => continue,
            };
            assert_eq!(temporality, AggregationTemporality::Delta as i32);
        }
    }
    let mut sums = BTreeMap::new();
    let mut taken_of_duration = 0;
    for ((_, name, labels), points) in taken(&state) {
        let is_total = names::ALL.iter().any(|metric| {
            let otel = otel::of_metric(metric).map(|otel| otel.name.replace('.', "_"));
            metric.kind == Kind::Counter && otel.as_ref() == Some(&name)
        });
        if !is_total && !name.ends_with("duration") || name.starts_with("process") {
            continue;
        }
        if name == "http_server_request_duration" {
            taken_of_duration = points.len();
        }
        let mut sum: Held = (vec![0.0; points[0].0.0.len()], 0.0);
        let mut end = 0;
        for (held, start, at) in points {
            // Each difference begins where the one that was taken before it ended.
            assert!(end == 0 || start == end, "{name} {labels:?}");
            end = at;
            sum.0.iter_mut().zip(&held.0).for_each(|(sum, more)| *sum += more);
            sum.1 += held.1;
        }
        sums.insert((name, labels), sum);
    }
    assert!(taken_of_duration >= 2, "{taken_of_duration}");
    let mut expected = held_by(&source.snapshot(Detail::CLASSIC));
    expected.retain(|key, (counts, _)| sums.contains_key(key) || counts.iter().any(|count| *count > 0.0));
    for (key, (counts, sum)) in &sums {
        if key.0.starts_with("flowfold_otlp") || key.0.starts_with("flowfold_scrape") {
            continue;
        }
        let (all, whole_sum) = &expected[key];
        assert_eq!(counts, all, "{key:?}");
        assert!((sum - whole_sum).abs() < 1e-6, "{key:?}");
    }
    let duration = sums.iter().find(|((name, _), _)| name == "http_server_request_duration").unwrap();
    assert!((duration.1.0.iter().sum::<f64>() - 201.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_receiver_that_goes_away_and_returns_has_it_all_in_the_end() {
    for (protocol, temporality) in
        [(Protocol::Grpc, Temporality::Delta), (Protocol::HttpProtobuf, Temporality::Cumulative)]
    {
        let receiver = Receiver::start_apart(2).await;
        let address = receiver.address;
        let fold = Fold::new(FoldOptions::default());
        let shard = fold.shard();
        let info = connection(Reporters::SERVER, "details");
        let mut open = shard.opened(&info);
        let source = Arc::new(Source::new(Arc::clone(&fold)));
        let (stop, pusher) = start(&source, MetricsOptions { temporality, ..options(&receiver, protocol) });
        let mut one_more = || shard.exchange(&mut open, &answered(&info, 200, Duration::from_millis(1)));
        one_more();
        until("a first push", || counted(&source, &names::OTLP_DATA_POINTS, "sent") > 0).await;
        let durations = |receiver: &Receiver| -> Vec<f64> {
            let taken = taken(&receiver.inbox.lock());
            let series = taken.into_iter().filter(|((_, name, _), _)| name == "http_server_request_duration");
            series.flat_map(|(_, points)| points).map(|(held, ..)| held.0.iter().sum()).collect()
        };
        until("the first exchange", || !durations(&receiver).is_empty()).await;
        let before = durations(&receiver);
        receiver.stop().await;
        one_more();
        until("failures", || counted(&source, &names::OTLP_DATA_POINTS, "failed") > 0).await;
        one_more();
        let receiver = Receiver::start_at(address, &[], None).await;
        until("the return", || !durations(&receiver).is_empty()).await;
        stop.send_replace(true);
        pusher.await.unwrap();
        let after = durations(&receiver);
        match temporality {
            Temporality::Cumulative => assert_eq!(after.last(), Some(&3.0)),
            _ => assert!((before.iter().chain(&after).sum::<f64>() - 3.0).abs() < f64::EPSILON, "{before:?} {after:?}"),
        }
    }
}
