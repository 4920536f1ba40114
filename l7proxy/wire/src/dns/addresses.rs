//! The addresses of a name, by way of its aliases.

use std::net::IpAddr;

use super::record::{IN, Placed};
use super::{Name, Question, Records};

const CNAME: u16 = 5;

/// How many records are looked at: those of a long answer are about one name, and its first ones tell enough.
const MAX_RECORDS: u16 = 64;

/// An address of the name that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// For how many seconds it holds: the least of its own record and of the aliases that lead to it.
    pub ttl: u32,
}

/// The addresses that an answer tells of the name that was asked for. An alias stands before the records of what it stands
/// for (RFC 1034 section 4.3.2), as stub resolvers expect; records of other names are passed over.
#[derive(Clone, Debug)]
pub struct Addresses<'a> {
    records: Records<'a>,
    /// What was asked, with the name that the aliases so far lead to; absent where nothing was.
    asked: Option<Question<'a>>,
    /// The least of the aliases so far.
    ttl: u32,
    /// How many records may still be looked at.
    left: u16,
}

impl<'a> Addresses<'a> {
    pub(super) fn new(records: Records<'a>, asked: Option<Question<'a>>) -> Self {
        Self { records, asked, ttl: u32::MAX, left: MAX_RECORDS }
    }
}

impl Iterator for Addresses<'_> {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        let asked = self.asked.as_mut()?;
        loop {
            self.left = self.left.checked_sub(1)?;
            let Placed { mut owner, record, mut data } = self.records.next_placed()?;
            let is_alias = record.kind == CNAME;
            if record.class != IN
                || !(is_alias || record.kind == asked.kind)
                || Name::read(&mut owner) != Some(asked.name)
            {
                continue;
            }
            let ttl = self.ttl.min(record.ttl);
            if let Some(ip) = record.address() {
                return Some(Address { ip, ttl });
            }
            if is_alias {
                asked.name = Name::read(&mut data)?;
                self.ttl = ttl;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    const A: u8 = 1;
    const AAAA: u8 = 28;

    /// A name as it is on the wire.
    fn wire(name: &str) -> Vec<u8> {
        let labels = name.split('.').filter(|label| !label.is_empty());
        let mut bytes: Vec<u8> =
            labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
        bytes.push(0);
        bytes
    }

    fn record(owner: &str, kind: u8, class: u8, ttl: u32, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [&wire(owner)[..], &[0, kind, 0, class], &ttl.to_be_bytes(), &length, data].concat()
    }

    fn a(owner: &str, ttl: u32, last: u8) -> Vec<u8> {
        record(owner, A, 1, ttl, &[10, 0, 0, last])
    }

    fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
        record(owner, 5, 1, ttl, &wire(target))
    }

    /// The addresses of the answer to a question for a name.
    fn told(name: &str, kind: u8, records: &[Vec<u8>]) -> Vec<(String, u32)> {
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        let header = [&[0, 1, 0x81, 0x80, 0, 1][..], &count, &[0; 4]].concat();
        let message = [&header[..], &wire(name), &[0, kind, 0, 1], &records.concat()].concat();
        Message::read(&message).unwrap().addresses().map(|told| (told.ip.to_string(), told.ttl)).collect()
    }

    fn addresses<const N: usize>(expected: [(&str, u32); N]) -> Vec<(String, u32)> {
        expected.map(|(ip, ttl)| (ip.to_owned(), ttl)).into()
    }

    #[test]
    fn aliases_lead_from_the_name_that_was_asked_for_to_its_addresses() {
        let records =
            [alias("api.test", 60, "edge.cdn.test"), alias("Edge.cdn.test", 20, "x.cdn.test"), a("x.cdn.test", 300, 1)];
        assert_eq!(told("API.test", A, &records), addresses([("10.0.0.1", 20)]));
        let direct = [a("api.test", 5, 1), a("api.test", 300, 2)];
        assert_eq!(told("api.test", A, &direct), addresses([("10.0.0.1", 5), ("10.0.0.2", 300)]));
        let v6 = [alias("api.test", 60, "x.test"), record("x.test", AAAA, 1, 90, &[0xfd; 16])];
        assert_eq!(told("api.test", AAAA, &v6), addresses([("fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd", 60)]));
    }

    #[test]
    fn what_is_of_another_name_type_or_class_is_passed_over() {
        let records = [
            a("evil.test", 60, 1),
            record("api.test", A, 3, 60, &[10, 0, 0, 2]),
            record("api.test", AAAA, 1, 60, &[0xfd; 16]),
            record("api.test", A, 1, 60, &[10, 0, 0]),
            a("api.test", 60, 3),
            alias("other.test", 1, "api.test"),
            a("api.test", 60, 4),
        ];
        assert_eq!(told("api.test", A, &records), addresses([("10.0.0.3", 60), ("10.0.0.4", 60)]));
        // Behind an alias, the first name has no addresses any more.
        let records = [alias("api.test", 60, "x.test"), a("api.test", 60, 1), a("x.test", 60, 2)];
        assert_eq!(told("api.test", A, &records), addresses([("10.0.0.2", 60)]));
        assert_eq!(told("api.test", 16, &[record("api.test", 16, 1, 60, b"\x04text")]), []);
    }

    #[test]
    fn aliases_that_lead_round_and_long_answers_end() {
        let round = [alias("a.test", 60, "b.test"), alias("b.test", 60, "a.test"), a("a.test", 60, 1)];
        assert_eq!(told("a.test", A, &round), addresses([("10.0.0.1", 60)]));
        let many: Vec<_> = (0..200).map(|last| a("a.test", 60, last)).collect();
        assert_eq!(told("a.test", A, &many).len(), usize::from(MAX_RECORDS));
    }

    #[test]
    fn names_that_cannot_be_read_tell_nothing() {
        // The alias points at itself.
        let header = b"\0\x01\x81\x80\0\x01\0\x02\0\0\0\0\x01a\0\0\x01\0\x01";
        let at = u8::try_from(header.len() + 12).unwrap();
        let alias = [b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0", &[at][..]].concat();
        let message = [&header[..], &alias, b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01"].concat();
        assert_eq!(Message::read(&message).unwrap().addresses().count(), 0);
        // Pointers that lead on to each other: as many as a name may have labels, and more.
        let chain_at = header.len() + 12;
        let chain: Vec<u8> = (0..200_u16)
            .flat_map(|link| {
                let before = if link == 0 { 12 } else { u16::try_from(chain_at).unwrap() + 2 * (link - 1) };
                (0xc000 | before).to_be_bytes()
            })
            .collect();
        let length = u16::try_from(chain.len()).unwrap().to_be_bytes();
        let held = [&b"\xc0\x0c\0\x10\0\x01\0\0\0\0"[..], &length, &chain].concat();
        for (link, expected) in [(0, 1), (125, 1), (126, 0), (199, 0)] {
            let owner = (0xc000 | (u16::try_from(chain_at).unwrap() + 2 * link)).to_be_bytes();
            let address = [&owner[..], b"\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01"].concat();
            let message = [&header[..], &held, &address].concat();
            assert_eq!(Message::read(&message).unwrap().addresses().count(), expected, "{link}");
        }
        // Without a question, nobody knows whose they are.
        let unasked = [b"\0\x01\x81\x80\0\0\0\x01\0\0\0\0", &a("a", 60, 1)[..]].concat();
        assert_eq!(Message::read(&unasked).unwrap().addresses().count(), 0);
    }
}
