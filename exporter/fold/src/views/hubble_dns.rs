//! The families of Hubble for DNS.

use super::hubble::{Source, add, columns};
use super::{Filter, Row, Value};
use crate::hubble::HubbleMetric;
use crate::labels::{Answers, ExchangeFamily, Field, Registered};
use crate::names::{self, label};
use flowfold_flow::DnsType;

pub(super) const DNS: [ExchangeFamily; 1] = [ExchangeFamily::DnsLookup];

const RCODE: (&str, Field) = (label::RCODE, Field::HubbleRcode);
const QTYPES: (&str, Field) = (label::QTYPES, Field::DnsKind);
const IPS_RETURNED: (&str, Field) = (label::IPS_RETURNED, Field::HubbleAddresses);
const QUERY: (&str, Field) = (label::QUERY, Field::HubbleQuery);

/// A question has no code and no addresses yet.
const NO_ADDRESSES: (&str, Field) = (label::IPS_RETURNED, Field::Constant("0"));

pub(super) fn rows(metric: &HubbleMetric) -> Vec<Row> {
    let with_query = |own: &[(&'static str, Field)]| {
        let query = metric.dns.query.then_some(QUERY);
        own.iter().copied().chain(query).collect::<Vec<_>>()
    };
    let own = |source, own: &[(&'static str, Field)]| columns(&metric.contexts, source, &with_query(own));
    let of = |all: Filter, without_aaaa: Filter| if metric.dns.ignore_aaaa { without_aaaa } else { all };
    let questions = own(Source::Client, &[QTYPES, NO_ADDRESSES]);
    let answers = own(Source::Server, &[RCODE, QTYPES, IPS_RETURNED]);
    let types = |field| own(Source::Server, &[(label::TYPE, field), QTYPES]);
    let response_types = [
        (Answers::OfQuestion, Field::DnsKind, of(has_asked_for, has_asked_for_but_aaaa)),
        (Answers::Aliases, Field::Constant("CNAME"), of(has_aliases, has_aliases_but_aaaa)),
        (Answers::Others, Field::Constant("_OTHER"), of(has_others, has_others_but_aaaa)),
    ];
    let row = Row::new(&names::HUBBLE_DNS_RESPONSE_TYPES);
    vec![
        add(Row::new(&names::HUBBLE_DNS_QUERIES), &DNS, of(|_| true, is_not_aaaa), Value::Count, &questions),
        add(
            Row::new(&names::HUBBLE_DNS_RESPONSES),
            &DNS,
            of(is_answered, is_answered_but_aaaa),
            Value::Count,
            &answers,
        ),
        response_types
            .into_iter()
            .fold(row, |row, (answers, field, filter)| add(row, &DNS, filter, Value::Answers(answers), &types(field))),
    ]
}

/// What overflowed is told as a whole.
pub(super) fn is_answered(set: &Registered) -> bool {
    set.labels.key.is_dns_answered() || set.labels.is_overflow()
}

fn is_not_aaaa(set: &Registered) -> bool {
    set.labels.key.dns_kind() != Some(DnsType::AAAA)
}

fn is_answered_but_aaaa(set: &Registered) -> bool {
    is_answered(set) && is_not_aaaa(set)
}

fn has(set: &Registered, answers: Answers) -> bool {
    !set.labels.is_overflow() && set.labels.key.dns_answers(answers) > 0
}

fn has_asked_for(set: &Registered) -> bool {
    has(set, Answers::OfQuestion)
}

fn has_asked_for_but_aaaa(set: &Registered) -> bool {
    has_asked_for(set) && is_not_aaaa(set)
}

fn has_aliases(set: &Registered) -> bool {
    has(set, Answers::Aliases)
}

fn has_aliases_but_aaaa(set: &Registered) -> bool {
    has_aliases(set) && is_not_aaaa(set)
}

fn has_others(set: &Registered) -> bool {
    has(set, Answers::Others)
}

fn has_others_but_aaaa(set: &Registered) -> bool {
    has_others(set) && is_not_aaaa(set)
}
