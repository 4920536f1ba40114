//! Another reader of DNS says the same of the same messages.

use std::str::FromStr as _;

use flowfold_wire::dns::{KeptName, Message, NameText};
use hickory_proto::op::{Edns, Message as Oracle, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use proptest::prelude::*;

fn names() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,18}[a-zA-Z0-9_])?", 0..6)
        .prop_map(|labels| labels.join(".") + ".")
}

fn records() -> impl Strategy<Value = Vec<(String, u32, RData)>> {
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        names().prop_map(|name| RData::CNAME(CNAME(Name::from_str(&name).unwrap()))),
        "[ -~]{0,100}".prop_map(|text| RData::TXT(TXT::new(vec![text]))),
    ];
    prop::collection::vec((names(), any::<u32>(), data), 0..12)
}

/// Names of which an answer is likely to have the same twice.
fn few_names() -> impl Strategy<Value = Name> {
    prop_oneof![Just("a.example."), Just("b.example."), Just("a.b.example."), Just("A.Example.")]
        .prop_map(|name| Name::from_str(name).unwrap())
}

fn few_records() -> impl Strategy<Value = RData> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        few_names().prop_map(|name| RData::CNAME(CNAME(name))),
    ]
}

proptest! {
    #[test]
    fn both_read_the_same(
        id: u16,
        name in names(),
        kind in prop_oneof![Just(RecordType::A), Just(RecordType::AAAA), Just(RecordType::TXT), Just(RecordType::HTTPS)],
        is_response: bool,
        is_truncated: bool,
        rcode in 0_u16..24,
        answers in records(),
        others in records(),
    ) {
        let kind_of_message = if is_response { MessageType::Response } else { MessageType::Query };
        let mut oracle = Oracle::new(id, kind_of_message, OpCode::Query);
        oracle.metadata.truncation = is_truncated;
        oracle.metadata.response_code = ResponseCode::from(u8::try_from(rcode >> 4).unwrap(), u8::try_from(rcode & 0xf).unwrap());
        oracle.add_query(Query::query(Name::from_str(&name).unwrap(), kind));
        let record = |(name, ttl, data): &(String, u32, RData)| {
            Record::from_rdata(Name::from_str(name).unwrap(), *ttl, data.clone())
        };
        oracle.add_answers(answers.iter().map(record));
        for other in &others {
            oracle.add_additional(record(other));
        }
        // It has the upper bits of the code.
        oracle.edns = Some(Edns::new());
        let bytes = oracle.to_vec().unwrap();

        let message = Message::read(&bytes).unwrap();
        prop_assert_eq!((message.id, message.is_response, message.is_truncated), (id, is_response, is_truncated));
        let question = message.question.unwrap();
        let lower = name.trim_end_matches('.').to_ascii_lowercase();
        let text = NameText::from(&question.name);
        prop_assert_eq!(text.as_bytes(), lower.as_bytes());
        let mut kept = KeptName::ROOT;
        kept.set(&question.name);
        prop_assert_eq!(kept.name(), question.name);
        prop_assert_eq!(question.kind, u16::from(kind));
        prop_assert_eq!(message.rcode(), rcode);
        let read: Vec<_> = message.answers().map(|record| (record.kind, record.ttl, record.address())).collect();
        let expected: Vec<_> = answers
            .iter()
            .map(|(_, ttl, data)| (u16::from(data.record_type()), *ttl, data.ip_addr()))
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn addresses_are_found_behind_the_names_that_the_other_compresses(
        asked in few_names(),
        answers in prop::collection::vec((few_names(), any::<u32>(), few_records()), 0..12),
    ) {
        let mut oracle = Oracle::new(7, MessageType::Response, OpCode::Query);
        oracle.add_query(Query::query(asked.clone(), RecordType::A));
        let record = |(name, ttl, data): &(Name, u32, RData)| Record::from_rdata(name.clone(), *ttl, data.clone());
        oracle.add_answers(answers.iter().map(record));
        let bytes = oracle.to_vec().unwrap();
        let read: Vec<_> =
            Message::read(&bytes).unwrap().addresses().map(|address| (address.ip, address.ttl)).collect();

        let (mut name, mut least, mut expected) = (asked, u32::MAX, Vec::new());
        for (owner, ttl, data) in answers.into_iter().filter(|(_, _, data)| data.record_type() != RecordType::AAAA) {
            if owner == name {
                let ttl = least.min(ttl);
                match data {
                    RData::CNAME(target) => (name, least) = (target.0, ttl),
                    address => expected.extend(address.ip_addr().map(|ip| (ip, ttl))),
                }
            }
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn whatever_the_other_reads_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(oracle) = Oracle::from_vec(&bytes) {
            let message = Message::read(&bytes).unwrap();
            prop_assert_eq!((message.id, message.question.is_some()), (oracle.metadata.id, !oracle.queries.is_empty()));
        }
    }
}
