//! What the agent sends of its own accord.

use std::time::Duration;

use flowfold_expose::otlp::{Compression, HistogramKind, Temporality};

use super::*;

fn telemetry(text: &str, variables: &[(&str, &str)]) -> Result<Telemetry, String> {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { environment, ..Overrides::default() };
    let config = Config::from_text("flowfold.yaml", &format!("{RULE}{text}"), &overrides);
    config.map(|config| config.telemetry).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for() {
    let quiet = telemetry("resource: {service.name: x}", &[]).unwrap();
    assert!(quiet.metrics.is_none() && quiet.spans.is_none());
    let spans_alone = telemetry("otlp: {endpoint: 'http://a:4318', metrics: false}\nspans: {}", &[]).unwrap();
    assert!(spans_alone.metrics.is_none() && spans_alone.spans.is_some());
    let empty = telemetry("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap();
    assert!(empty.metrics.is_none());
}

#[test]
fn endpoints_are_put_together_as_the_specification_says() {
    let url = |text: &str, variables: &[(&str, &str)]| {
        telemetry(text, variables).unwrap().metrics.unwrap().destination.url.to_string()
    };
    let base = "OTEL_EXPORTER_OTLP_ENDPOINT";
    assert_eq!(url("otlp: {endpoint: 'http://a:4318'}", &[]), "http://a:4318/v1/metrics");
    assert_eq!(url("otlp: {endpoint: 'http://a:4318/b/'}", &[]), "http://a:4318/b/v1/metrics");
    assert_eq!(url("otlp: {endpoint: 'http://a:4318'}", &[(base, "https://c")]), "https://c/v1/metrics");
    let own = [(base, "https://c"), ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://d/e")];
    assert_eq!(url("", &own), "http://d/e");
    assert_eq!(url("otlp: {endpoint: 'a:4317', protocol: grpc}", &[]), "https://a:4317/");
    assert_eq!(url("otlp: {endpoint: 'a:4317', protocol: grpc, insecure: true}", &[]), "http://a:4317/");
    assert_eq!(url("", &[(base, "http://a:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), "http://a:4317/");
}

#[test]
fn variables_win_over_the_file_and_those_of_a_signal_over_both() {
    let text = "otlp:\n  endpoint: http://a:4318\n  headers: {api-key: secret}\n  compression: gzip\n  timeout: 3s\n  \
                interval: 5s\n  temporality: delta\nspans: {ratio: 0.5, slower_than: 2s, errors: no}\n\
                resource: {service.name: file, a.b: c}";
    let of_file = telemetry(text, &[]).unwrap();
    let metrics = of_file.metrics.unwrap();
    assert_eq!((metrics.destination.timeout, metrics.interval), (Duration::from_secs(3), Duration::from_secs(5)));
    assert_eq!((metrics.destination.compression, metrics.temporality), (Compression::Gzip, Temporality::Delta));
    assert_eq!(metrics.destination.headers.0[0].1, "secret");
    assert!(!format!("{:?}", metrics.destination).contains("secret"));
    let spans = of_file.spans.unwrap();
    assert_eq!((spans.ratio, spans.errors, spans.slower_than), (0.5, false, Some(Duration::from_secs(2))));
    assert_eq!(spans.destination.url, "http://a:4318/v1/traces");

    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=other%20secret, tenant=t"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "250"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
        ("OTEL_RESOURCE_ATTRIBUTES", "d=e,service.name=variable"),
        ("OTEL_SERVICE_NAME", "name"),
    ];
    let both = telemetry(text, &variables).unwrap();
    let metrics = both.metrics.unwrap();
    let headers: Vec<_> = metrics.destination.headers.0.iter().map(|(_, value)| value.to_str().unwrap()).collect();
    assert_eq!(headers, ["other secret", "t"]);
    assert_eq!(metrics.destination.timeout, Duration::from_millis(2500));
    assert_eq!(both.spans.unwrap().destination.timeout, Duration::from_millis(1500));
    assert_eq!((metrics.interval, metrics.destination.compression), (Duration::from_millis(250), Compression::None));
    assert_eq!((metrics.temporality, metrics.histograms), (Temporality::LowMemory, HistogramKind::Base2Exponential));
    let attributes = [("a.b", "c"), ("service.name", "name"), ("d", "e")];
    assert_eq!(both.resource.attributes, attributes.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_cannot_be_sent_is_told_with_its_place_and_fix() {
    let missing = "otlp: {endpoint: 'http://a', certificate: /nowhere.pem}";
    for (text, variables, told) in [
        (
            "otlp: {endpoint: 'ftp://a'}",
            &[][..],
            "flowfold.yaml:2: otlp.endpoint: `ftp://a` is not the URL of a receiver; write http://HOST:PORT, or \
             https:// for TLS; OTLP over HTTP is usually at port 4318, over gRPC at 4317",
        ),
        (
            "otlp: {endpoint: 'http://a', protocol: http/json}",
            &[],
            "flowfold.yaml:2: otlp.protocol: `http/json` is not a protocol; write grpc or http/protobuf",
        ),
        (missing, &[], "flowfold.yaml:2: otlp.certificate: `/nowhere.pem` is not a file; give the path of a PEM file"),
        (
            "spans: {}",
            &[],
            "flowfold.yaml: spans: nothing says where spans go; \
             give otlp.endpoint, or set OTEL_EXPORTER_OTLP_ENDPOINT; or take the key out",
        ),
        (
            "otlp: {endpoint: 'http://a'}\nspans: {ratio: 2}",
            &[],
            "flowfold.yaml:3: spans.ratio: `2` is not a part of a whole; write a number from 0 to 1, as in 0.01",
        ),
        (
            "",
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")],
            "environment: OTEL_EXPORTER_OTLP_TIMEOUT: `soon` is not a time up to 1h; write a number and a unit in the \
             file, as in 10s or 500ms, and milliseconds in a variable, as in 10000",
        ),
        (
            "",
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_HEADERS", "secret")],
            "environment: OTEL_EXPORTER_OTLP_HEADERS: is not a list of header fields; \
             write name=value,name=value, with values percent-encoded",
        ),
    ] {
        assert_eq!(telemetry(text, variables).unwrap_err(), told);
    }
}
