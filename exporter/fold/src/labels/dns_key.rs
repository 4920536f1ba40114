//! The key of a DNS lookup.

use flowfold_flow::{DnsExchange, DnsRcode, DnsRecords, DnsTransport, DnsType, Outcome};

use super::kafka_key::KAFKA;
use super::key::{ErrorType, Key, PRESENT, RPC, ending};
use super::{Field, Reporter};

/// Where the parts of the key are, in bits from the lowest. How the exchange ended is between them.
const RCODE: u32 = 0;
const KIND: u32 = 8;
const TRANSPORT: u32 = 16;
const OF_QUESTION: u32 = 32;
const OF_QUESTION_BITS: u8 = (1 << 7) - 1;
const ALIASES: u32 = 39;
const ALIASES_BITS: u8 = (1 << 4) - 1;
const OTHERS: u32 = 43;
const OTHERS_BITS: u8 = (1 << 5) - 1;
const NAME: u32 = 48;
const NAME_BITS: u16 = (1 << 10) - 1;

/// Both are set in the key of a DNS lookup, and in no other.
pub(super) const DNS: u64 = RPC | KAFKA;

/// The bits of the response code.
pub(super) const RCODE_BITS: u64 = 0xff << RCODE;

/// A response code that has no name. None is 0.
const OTHER_RCODE: u8 = u8::MAX;

/// The value of a label whose real one has no name.
const OTHER: &str = "_OTHER";

/// Which records of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Those of the type that was asked for.
    OfQuestion,
    /// CNAME.
    Aliases,
    /// All others.
    Others,
}

impl Key {
    /// The key of a lookup of the name of this place.
    #[inline]
    pub(crate) fn dns(name: u16, dns: &DnsExchange<'_>, outcome: Outcome) -> Self {
        let rcode = dns.answer.map_or(0, |answer| place_of_rcode(answer.rcode));
        let DnsRecords { of_question, aliases, others } = dns.answer.map(|answer| answer.records).unwrap_or_default();
        let capped = |count: u16, most: u8| u64::from(count.min(most.into()));
        Self(
            PRESENT
                | DNS
                | u64::from(rcode) << RCODE
                | u64::from(place_of_kind(dns.kind)) << KIND
                | (dns.transport as u64) << TRANSPORT
                | capped(of_question, OF_QUESTION_BITS) << OF_QUESTION
                | capped(aliases, ALIASES_BITS) << ALIASES
                | capped(others, OTHERS_BITS) << OTHERS
                | u64::from(name & NAME_BITS) << NAME
                | ending(outcome),
        )
    }

    pub(super) const fn is_dns(self) -> bool {
        self.0 & DNS == DNS
    }

    pub(super) const fn dns_name(self) -> u16 {
        self.two_bytes(NAME) & NAME_BITS
    }

    /// The type of the records that were asked for.
    pub(super) fn dns_kind_name(self) -> &'static str {
        self.known_kind().map_or(OTHER, |(_, name)| name)
    }

    pub(crate) fn dns_kind(self) -> Option<DnsType> {
        self.known_kind().map(|(kind, _)| kind)
    }

    fn known_kind(self) -> Option<(DnsType, &'static str)> {
        let place = usize::from(self.byte(KIND)).checked_sub(1)?;
        DnsType::KNOWN.get(place).copied()
    }

    pub(super) fn dns_transport(self) -> &'static str {
        DnsTransport::ALL.get(usize::from(self.byte(TRANSPORT) & 1)).map_or("", |transport| transport.as_label())
    }

    /// The response code as `dig` prints it; empty where there was no answer.
    pub(super) fn dns_rcode(self) -> &'static str {
        self.rcode_names().map_or("", |(name, _)| name)
    }

    /// The same as Hubble writes it.
    pub(super) fn hubble_rcode(self) -> &'static str {
        self.rcode_names().map_or("", |(_, name)| name)
    }

    fn rcode_names(self) -> Option<(&'static str, &'static str)> {
        let place = usize::from(self.byte(RCODE)).checked_sub(1)?;
        Some(DnsRcode::KNOWN.get(place).map_or((OTHER, OTHER), |(_, name, of_hubble)| (*name, *of_hubble)))
    }

    /// Whether there was an answer.
    pub(crate) const fn is_dns_answered(self) -> bool {
        self.byte(RCODE) != 0
    }

    /// How many records of the answer are of this kind.
    pub(crate) const fn dns_answers(self, which: Answers) -> u8 {
        match which {
            Answers::OfQuestion => self.byte(OF_QUESTION) & OF_QUESTION_BITS,
            Answers::Aliases => self.byte(ALIASES) & ALIASES_BITS,
            Answers::Others => self.byte(OTHERS) & OTHERS_BITS,
        }
    }

    /// How many addresses the answer tells.
    pub(super) fn dns_addresses(self) -> u8 {
        if self.dns_kind().is_some_and(DnsType::is_address) { self.dns_answers(Answers::OfQuestion) } else { 0 }
    }

    /// What `error_type` says of a lookup that was answered: to a client all codes but one are errors, and the server is to
    /// blame for its own failure.
    pub(super) fn dns_error_type(self, reporter: Reporter) -> ErrorType {
        let name = self.dns_rcode();
        let is_error = match reporter {
            Reporter::Client => !name.is_empty() && self.byte(RCODE) != place_of_rcode(DnsRcode::NOERROR),
            Reporter::Server => self.byte(RCODE) == place_of_rcode(DnsRcode::SERVFAIL),
        };
        if is_error { ErrorType::Word(name) } else { ErrorType::None }
    }
}

/// The bits that a field of DNS needs.
pub(super) fn bits_of(field: Field) -> u64 {
    let of_question = u64::from(OF_QUESTION_BITS) << OF_QUESTION;
    match field {
        Field::DnsName | Field::HubbleQuery => u64::from(NAME_BITS) << NAME,
        Field::DnsKind => 0xff << KIND,
        Field::DnsRcode | Field::HubbleRcode => RCODE_BITS,
        Field::DnsTransport => 1 << TRANSPORT,
        Field::HubbleAddresses => of_question | 0xff << KIND,
        Field::DnsAnswers(Answers::OfQuestion) => of_question,
        Field::DnsAnswers(Answers::Aliases) => u64::from(ALIASES_BITS) << ALIASES,
        Field::DnsAnswers(Answers::Others) => u64::from(OTHERS_BITS) << OTHERS,
        _ => 0,
    }
}

fn place_of_rcode(rcode: DnsRcode) -> u8 {
    let place = DnsRcode::KNOWN.iter().position(|(known, ..)| *known == rcode);
    place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(OTHER_RCODE)
}

fn place_of_kind(kind: DnsType) -> u8 {
    let place = DnsType::KNOWN.iter().position(|(known, _)| *known == kind);
    place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use flowfold_flow::{DnsAnswer, FailureReason};

    use super::*;

    fn key(kind: DnsType, rcode: Option<DnsRcode>, records: DnsRecords, outcome: Outcome) -> Key {
        let answer = rcode.map(|rcode| DnsAnswer { rcode, is_truncated: false, records });
        let dns = DnsExchange { transport: DnsTransport::Tcp, name: b"", kind, answer, addresses: &[] };
        Key::dns(NAME_BITS, &dns, outcome)
    }

    #[test]
    fn what_is_packed_can_be_read_again() {
        let records = DnsRecords { of_question: 127, aliases: 15, others: 31 };
        for (kind, kind_name) in DnsType::KNOWN.into_iter().chain([(DnsType(999), OTHER)]) {
            for (rcode, name, of_hubble) in DnsRcode::KNOWN.into_iter().chain([(DnsRcode(4000), OTHER, OTHER)]) {
                let key = key(kind, Some(rcode), records, Outcome::Answered);
                assert_eq!((key.dns_kind_name(), key.dns_rcode(), key.hubble_rcode()), (kind_name, name, of_hubble));
                assert_eq!((key.dns_name(), key.dns_transport()), (NAME_BITS, "tcp"));
                let answers = [Answers::OfQuestion, Answers::Aliases, Answers::Others].map(|of| key.dns_answers(of));
                assert_eq!(answers, [127, 15, 31]);
                assert_eq!(key.dns_addresses(), if kind.is_address() { 127 } else { 0 });
                assert!(key.is_dns() && !key.is_rpc() && !key.is_kafka() && key.is_dns_answered());
            }
        }
        let many = DnsRecords { of_question: u16::MAX, aliases: u16::MAX, others: u16::MAX };
        let key = key(DnsType::A, Some(DnsRcode::NOERROR), many, Outcome::Answered);
        assert_eq!(key.dns_addresses(), 127);
    }

    #[test]
    fn an_error_is_one_for_the_side_that_is_concerned() {
        let error = |reporter, rcode, outcome| match key(DnsType::A, rcode, DnsRecords::default(), outcome)
            .error_type(reporter)
        {
            ErrorType::None => "",
            ErrorType::Word(word) => word,
            ErrorType::Status(status) => panic!("{status}"),
        };
        let answered = |reporter, rcode| error(reporter, Some(DnsRcode(rcode)), Outcome::Answered);
        assert_eq!([0, 2, 3, 999].map(|rcode| answered(Reporter::Client, rcode)), ["", "SERVFAIL", "NXDOMAIN", OTHER]);
        assert_eq!([0, 2, 3, 999].map(|rcode| answered(Reporter::Server, rcode)), ["", "SERVFAIL", "", ""]);
        let lost = Outcome::Failed(FailureReason::Timeout);
        assert_eq!(error(Reporter::Client, None, lost), "timeout");
        assert_eq!(error(Reporter::Server, None, Outcome::Unfinished), "unfinished");
    }
}
