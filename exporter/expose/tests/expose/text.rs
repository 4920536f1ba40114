//! The text formats, line by line.

use std::time::Duration;

use flowfold_expose::{Encoder, Format, encode};
use flowfold_flow::{FlowSink, Reporters};
use flowfold_fold::{Fold, FoldOptions, Snapshot};

use crate::store::{ODD_NAME, answered, connection, filled};

fn text(snapshot: &Snapshot, format: Format) -> String {
    let mut out = Vec::new();
    encode(snapshot, format, &mut out);
    String::from_utf8(out).unwrap()
}

/// The lines of one family.
fn lines_of<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| {
            line.trim_start_matches("# HELP ")
                .trim_start_matches("# TYPE ")
                .trim_start_matches("# UNIT ")
                .starts_with(family)
        })
        .collect()
}

#[test]
fn a_histogram_is_written_as_the_format_says() {
    let fold = Fold::new(FoldOptions::default());
    let shard = fold.shard();
    let info = connection(Reporters::CLIENT, ODD_NAME);
    let mut open = shard.opened(&info);
    for micros in [5_000, 5_001, 11_000_000] {
        shard.exchange(&mut open, &answered(&info, 200, Duration::from_micros(micros)));
    }
    let snapshot = fold.snapshot();
    let labels = "http_request_method=\"GET\",http_response_status_code=\"200\",network_protocol_version=\"1.1\",\
                  url_scheme=\"http\",server_port=\"9080\",source_workload=\"web\",source_namespace=\"shop\",\
                  destination_workload=\"odd \\\"name\\\" \\\\ with\\nall \u{1f600}\"";
    let family = "http_client_request_duration_seconds";
    let text_004 = text(&snapshot, Format::Text004);
    let lines = lines_of(&text_004, family);
    let help =
        "Duration of HTTP requests of local clients, from the first byte of the request to the last of the answer.";
    assert_eq!(lines[0], format!("# HELP {family} {help}"));
    assert_eq!(lines[1], format!("# TYPE {family} histogram"));
    assert_eq!(lines[2], format!("{family}_bucket{{{labels},le=\"0.005\"}} 1"));
    assert_eq!(lines[3], format!("{family}_bucket{{{labels},le=\"0.01\"}} 2"));
    assert_eq!(lines[11], format!("{family}_bucket{{{labels},le=\"1\"}} 2"));
    assert_eq!(lines[16], format!("{family}_bucket{{{labels},le=\"+Inf\"}} 3"));
    assert_eq!(lines[17], format!("{family}_sum{{{labels}}} 11.010001"));
    assert_eq!(lines[18], format!("{family}_count{{{labels}}} 3"));
    assert_eq!(lines.len(), 19);

    let open_metrics = text(&snapshot, Format::OpenMetrics100);
    let lines = lines_of(&open_metrics, family);
    assert_eq!(lines[2], format!("# UNIT {family} seconds"));
    assert_eq!(lines[12], format!("{family}_bucket{{{labels},le=\"1.0\"}} 2"));
    assert!(open_metrics.ends_with("\n# EOF\n") && open_metrics.matches("# EOF").count() == 1);
    assert_eq!(text(&snapshot, Format::Text100), text_004);
}

#[test]
fn starts_have_lines_of_their_own_where_they_are_asked_for() {
    let snapshot = filled().snapshot();
    let written = |format, shows_created| {
        let mut out = Vec::new();
        Encoder::new(&snapshot, format).with_created_lines(shows_created).write(&mut out, usize::MAX);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written(Format::Text004, true), written(Format::Text004, false));
    let open_metrics = written(Format::OpenMetrics100, true);
    let started = snapshot.started.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let line = format!("flowfold_exchanges_created{{direction=\"both\",outcome=\"failed\"}} {started}");
    assert!(open_metrics.lines().any(|one| one == line), "{line}");
    let has = |text: &str, suffix: &str| {
        let has_suffix = |line: &&str| line.split(['{', ' ']).next().is_some_and(|name| name.ends_with(suffix));
        text.lines().filter(has_suffix).count()
    };
    let count = |suffix| has(&open_metrics, suffix);
    assert_eq!(count("_created"), count("_total") + count("_count"));
    assert_eq!(has(&written(Format::OpenMetrics100, false), "_created"), 0);
}

#[test]
fn open_metrics_names_families_without_the_suffix_of_their_samples() {
    let snapshot = filled().snapshot();
    let open_metrics = text(&snapshot, Format::OpenMetrics100);
    assert!(open_metrics.contains("# TYPE flowfold_bytes counter\n# UNIT flowfold_bytes bytes\nflowfold_bytes_total{"));
    assert!(open_metrics.contains("# TYPE flowfold_build info\nflowfold_build_info{version="));
    let text_004 = text(&snapshot, Format::Text004);
    assert!(text_004.contains("# TYPE flowfold_bytes_total counter\nflowfold_bytes_total{"));
    assert!(text_004.contains("# TYPE flowfold_build_info gauge\nflowfold_build_info{version="));
    assert!(text_004.contains("http_server_request_duration_seconds_count{otel_metric_overflow=\"true\"} "));
    assert!(!text_004.contains("# UNIT") && !text_004.contains("# EOF"));
}

#[test]
fn pieces_of_any_size_make_the_same_text() {
    let snapshot = filled().snapshot();
    for format in [Format::Text004, Format::Text100, Format::OpenMetrics100] {
        let whole = text(&snapshot, format);
        for enough in [1, 100, 5000, whole.len(), whole.len() + 1] {
            let mut encoder = Encoder::new(&snapshot, format);
            let mut pieces = Vec::new();
            loop {
                let mut piece = Vec::new();
                let has_more = encoder.write(&mut piece, enough);
                pieces.extend_from_slice(&piece);
                if !has_more {
                    break;
                }
            }
            assert!(whole.as_bytes() == pieces, "{format:?} in pieces of {enough}");
            assert!(!encoder.write(&mut pieces, usize::MAX), "there was more after the end");
        }
    }
}

#[test]
fn no_series_is_written_twice() {
    let snapshot = filled().snapshot();
    let text = text(&snapshot, Format::Text004);
    let mut series: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count);
}
