//! DNS lookups.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flowfold_flow::{
    ConnectionInfo, DnsAnswer, DnsExchange, DnsRcode, DnsRecords, DnsTransport, DnsType, Exchange, FailureReason,
    FlowSink, Operation, Outcome, Reporters,
};
use flowfold_fold::{DnsLimits, Fold, FoldOptions, HubbleMetric, View};

use crate::traffic::{connection, histograms, text, total, value};

const A_RECORDS: DnsRecords = DnsRecords { of_question: 2, aliases: 1, others: 0 };

fn lookup<'a>(info: &'a ConnectionInfo, name: &'a str, kind: u16, rcode: Option<u16>) -> Exchange<'a> {
    let answer = rcode.map(|rcode| DnsAnswer {
        rcode: DnsRcode(rcode),
        is_truncated: false,
        records: if rcode == 0 { A_RECORDS } else { DnsRecords::default() },
    });
    let operation = DnsExchange {
        transport: DnsTransport::Udp,
        name: name.as_bytes(),
        kind: DnsType(kind),
        answer,
        addresses: &[],
    };
    Exchange {
        connection: info,
        operation: Operation::Dns(operation),
        outcome: if rcode.is_some() { Outcome::Answered } else { Outcome::Failed(FailureReason::Timeout) },
        started: SystemTime::UNIX_EPOCH,
        time_to_first_byte: None,
        duration: Duration::from_millis(3),
        request_bytes: 40,
        response_bytes: 80,
        trace: None,
    }
}

fn resolver() -> Arc<ConnectionInfo> {
    let info = connection(Reporters::CLIENT, "resolver");
    Arc::new(ConnectionInfo { server: SocketAddr::from(([192, 0, 2, 53], 53)), ..(*info).clone() })
}

/// Two A, an AAAA, a name that is not there, and one without an answer.
fn fold(options: FoldOptions) -> Arc<Fold> {
    let fold = Fold::new(options);
    let shard = fold.shard();
    let info = resolver();
    let mut open = shard.opened(&info);
    for (name, kind, rcode) in [
        ("www.example.com", 1, Some(0)),
        ("www.example.com", 1, Some(0)),
        ("www.example.com", 28, Some(0)),
        ("gone.example.net", 1, Some(3)),
        ("www.example.com", 1, None),
    ] {
        shard.exchange(&mut open, &lookup(&info, name, kind, rcode));
    }
    fold
}

#[test]
fn lookups_are_told_by_what_they_asked_and_what_came() {
    let snapshot = fold(FoldOptions::default()).snapshot();
    let ends = "server_port=53,source_workload=web,source_namespace=shop,\
                destination_workload=resolver,destination_namespace=shop";
    let told = |own: &str, error: &str| format!("reporter=client,{own},network_transport=udp,{error}{ends}");
    let mut found: Vec<_> = histograms(&snapshot, "dns_lookup_duration_seconds")
        .iter()
        .map(|point| (text(point.labels), point.count()))
        .collect();
    found.sort_unstable();
    let mut expected = [
        (told("dns_question_type=A,dns_response_code=NOERROR", ""), 2),
        (told("dns_question_type=AAAA,dns_response_code=NOERROR", ""), 1),
        (told("dns_question_type=A,dns_response_code=NXDOMAIN", "error_type=NXDOMAIN,"), 1),
        (told("dns_question_type=A", "error_type=timeout,"), 1),
    ];
    expected.sort_unstable();
    let expected: Vec<_> = expected.into_iter().map(|(labels, count)| (labels.replace(",,", ","), count)).collect();
    assert_eq!(found, expected);
}

#[test]
fn names_are_told_where_they_are_asked_for() {
    let dns = DnsLimits { question_labels: 2, max_names: 10 };
    let snapshot = fold(FoldOptions { dns, ..FoldOptions::default() }).snapshot();
    let labels: Vec<_> =
        histograms(&snapshot, "dns_lookup_duration_seconds").iter().map(|point| text(point.labels)).collect();
    let of_name = |name| labels.iter().filter(|labels| labels.contains(&format!("dns_question_name={name},"))).count();
    assert_eq!((of_name("example.com"), of_name("_OTHER"), labels.len()), (3, 1, 4), "{labels:?}");
}

#[test]
fn hubble_has_questions_answers_and_the_types_of_records() {
    let shown = |hubble: &str| {
        let hubble = HubbleMetric::parse_all([hubble]).unwrap();
        fold(FoldOptions { views: vec![View::Hubble], hubble, ..FoldOptions::default() }).snapshot()
    };
    let snapshot = shown("dns:query;sourceContext=workload");
    let count = |family: &str, labels: &[&str]| value(&snapshot, &format!("hubble_dns_{family}_total"), labels);
    let name = "query=www.example.com.";
    assert_eq!(count("queries", &["source=shop/web", "qtypes=A", "ips_returned=0", name]), 3);
    assert_eq!(count("queries", &["qtypes=A", "query=_OTHER"]), 1);
    let answer = ["source=shop/resolver", "rcode=No Error", "qtypes=A", "ips_returned=2", name];
    assert_eq!(count("responses", &answer), 2);
    assert_eq!(count("responses", &["rcode=Non-Existent Domain", "ips_returned=0", "query=_OTHER"]), 1);
    assert_eq!(count("response_types", &["source=shop/resolver", "type=A", "qtypes=A", name]), 4);
    assert_eq!(count("response_types", &["type=CNAME", "qtypes=A", name]), 2);
    assert_eq!(count("response_types", &["type=AAAA", "qtypes=AAAA", name]), 2);

    let without = shown("dns:ignoreAAAA");
    assert_eq!(value(&without, "hubble_dns_queries_total", &["qtypes=A", "ips_returned=0"]), 4);
    assert_eq!(total(&without, "hubble_dns_queries_total"), 4);
    assert_eq!(total(&without, "hubble_dns_response_types_total"), 6);
}
