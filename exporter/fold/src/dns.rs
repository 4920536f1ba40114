//! The names that DNS lookups ask for, as far as they become labels.

use flowfold_flow::{DnsExchange, DnsRcode};

use crate::learned::{LearnedNames, LearnedPlaces};

/// The most names that can be asked for: their places are 10 bits of a key.
pub const MAX_MAX_DNS_NAMES: usize = 1_000;

/// How much of the names that are looked up is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsLimits {
    /// How many of a name's last labels become `dns_question_name`, as in two for `example.com`; 0: there is no such
    /// label, unless the view of Hubble asks for whole names.
    pub question_labels: usize,
    /// How many names become labels (at most [`MAX_MAX_DNS_NAMES`]): each once a server has said that it exists. Any other
    /// is `_OTHER`.
    pub max_names: usize,
}

impl Default for DnsLimits {
    fn default() -> Self {
        Self { question_labels: 0, max_names: 200 }
    }
}

/// The place of a name where none is told.
pub(crate) const NO_NAME: u16 = 0;
/// The place of a name that is not known. Behind it are those that are.
const OTHER_NAME: u16 = 1;

/// Names that are told. They are learned, and stay known.
#[derive(Debug)]
pub(crate) struct DnsNames {
    names: LearnedNames,
    /// How many labels of a name are told; 0: none.
    labels: usize,
}

impl DnsNames {
    /// Whole names where Hubble's are to be shown and nothing else is said.
    pub(crate) fn new(limits: &DnsLimits, whole: bool) -> Self {
        let labels = if limits.question_labels == 0 && whole { usize::MAX } else { limits.question_labels };
        Self { names: LearnedNames::with_room(limits.max_names.min(MAX_MAX_DNS_NAMES)), labels }
    }

    /// The label value of a place.
    pub(crate) fn label(&self, place: u16) -> &str {
        match place {
            NO_NAME => "",
            place => self.names.name(place.saturating_sub(OTHER_NAME)).unwrap_or("_OTHER"),
        }
    }

    /// Calls `take` with the same as Hubble has it: with the dot at its end.
    pub(crate) fn query<T>(&self, place: u16, take: impl FnOnce(&str) -> T) -> T {
        match self.names.name(place.saturating_sub(OTHER_NAME)) {
            Some(name) => take(&format!("{name}.")),
            None => take(self.label(place)),
        }
    }
}

/// One worker's way from names to their places.
#[derive(Debug, Default)]
pub(crate) struct DnsPlaces(LearnedPlaces);

impl DnsPlaces {
    /// The place of the name that was looked up. It becomes known by an answer without an error, which nobody gets for a
    /// name that is made up; names below one that answers for all of them are why there is an end to it.
    pub(crate) fn place(&mut self, names: &DnsNames, dns: &DnsExchange<'_>) -> u16 {
        if names.labels == 0 {
            return NO_NAME;
        }
        let name = suffix(dns.name, names.labels);
        let may_learn = || !name.is_empty() && dns.answer.is_some_and(|answer| answer.rcode == DnsRcode::NOERROR);
        self.0.place(&names.names, name, may_learn).map_or(OTHER_NAME, |place| place + OTHER_NAME)
    }
}

/// The last labels of a name.
fn suffix(name: &[u8], labels: usize) -> &[u8] {
    let mut dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
    let before = labels.checked_sub(1).and_then(|others| dots.nth(others));
    before.and_then(|dot| name.get(dot + 1..)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use flowfold_flow::{DnsAnswer, DnsRecords, DnsTransport, DnsType};

    use super::*;

    fn lookup(name: &str, rcode: Option<DnsRcode>) -> DnsExchange<'_> {
        let answer = |rcode| DnsAnswer { rcode, is_truncated: false, records: DnsRecords::default() };
        DnsExchange {
            transport: DnsTransport::Udp,
            name: name.as_bytes(),
            kind: DnsType::A,
            answer: rcode.map(answer),
            addresses: &[],
        }
    }

    #[test]
    fn a_name_is_cut_to_its_last_labels() {
        let cut = |name: &'static str, labels| std::str::from_utf8(suffix(name.as_bytes(), labels)).unwrap();
        assert_eq!(cut("a.b.example.com", 2), "example.com");
        assert_eq!(cut("a.b.example.com", 1), "com");
        assert_eq!(cut("example.com", 2), "example.com");
        assert_eq!(cut("example.com", usize::MAX), "example.com");
        assert_eq!(cut("", 3), "");
    }

    #[test]
    fn a_name_becomes_known_once_a_server_answers_for_it() {
        let names = DnsNames::new(&DnsLimits { question_labels: 2, max_names: 1 }, true);
        let mut places = DnsPlaces::default();
        let mut label = |name, rcode| names.label(places.place(&names, &lookup(name, rcode))).to_owned();
        assert_eq!(label("www.example.com", None), "_OTHER");
        assert_eq!(label("www.example.com", Some(DnsRcode(3))), "_OTHER");
        assert_eq!(label("www.example.com", Some(DnsRcode::NOERROR)), "example.com");
        assert_eq!(label("mail.example.com", None), "example.com");
        assert_eq!(label("example.net", Some(DnsRcode::NOERROR)), "_OTHER", "there is no room");
        let place = places.place(&names, &lookup("example.com", None));
        assert_eq!(names.query(place, str::to_owned), "example.com.");
    }

    #[test]
    fn without_being_asked_for_no_name_is_told() {
        let names = DnsNames::new(&DnsLimits::default(), false);
        let place = DnsPlaces::default().place(&names, &lookup("example.com", Some(DnsRcode::NOERROR)));
        assert_eq!((place, names.label(place)), (NO_NAME, ""));
    }
}
