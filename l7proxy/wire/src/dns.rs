//! Reads along with DNS: messages (RFC 1035 section 4), alone in a datagram or behind their length on a stream.
//!
//! Only what tells a lookup is read: the header, the question and the heads of records. Nothing is allocated, whatever a
//! message claims: names and records are visited where they lie.

mod addresses;
mod cursor;
mod kept;
mod name;
mod record;
mod stream;
mod text;

pub use addresses::{Address, Addresses};
use cursor::Cursor;
pub use kept::KeptName;
pub use name::Name;
pub use record::{Record, Records};
pub use stream::StreamDecoder;
pub use text::NameText;

/// Length of a header (RFC 1035 section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// The type of the pseudo record that EDNS uses (RFC 6891 section 6.1.1).
const OPT: u16 = 41;

/// A message, as far as it was read.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The number by which an answer names its question.
    pub id: u16,
    /// Whether it is an answer.
    pub is_response: bool,
    /// What is asked for: 0 is a query.
    pub opcode: u8,
    /// Whether more was to be said than had room (TC).
    pub is_truncated: bool,
    /// The first question; absent where there is none.
    pub question: Option<Question<'a>>,
    /// The low bits of the response code.
    header_rcode: u8,
    answers: Records<'a>,
    behind_answers: u16,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name.
    pub name: Name<'a>,
    /// The type of records (RFC 1035 section 3.2.2): 1 is A.
    pub kind: u16,
    /// The class: 1 is IN.
    pub class: u16,
}

impl<'a> Message<'a> {
    /// Reads a whole message. None: the header or the first question cannot be read. What is behind them never fails: it is read
    /// for as long as it can be.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let header: [u8; HEADER_BYTES] = cursor.chunk()?;
        let [i0, i1, high, low, q0, q1, n0, n1, s0, s1, a0, a1] = header;
        let [id, questions, answers, authorities, additional] =
            [[i0, i1], [q0, q1], [n0, n1], [s0, s1], [a0, a1]].map(u16::from_be_bytes);
        let question = if questions == 0 { None } else { Some(Question::read(&mut cursor)?) };
        // More than one question has no meaning that anybody gave it (RFC 9619); their records can't be found then.
        let can_go_on = questions <= 1;
        Some(Self {
            id,
            is_response: high & 0x80 != 0,
            opcode: high >> 3 & 0xf,
            is_truncated: high & 0x2 != 0,
            question,
            header_rcode: low & 0xf,
            answers: Records::new(cursor, if can_go_on { answers } else { 0 }),
            behind_answers: if can_go_on { authorities.saturating_add(additional) } else { 0 },
        })
    }

    /// The records of the answer section, as far as they can be read.
    pub fn answers(&self) -> Records<'a> {
        self.answers.clone()
    }

    /// The addresses that the answer section tells of the name that was asked for.
    pub fn addresses(&self) -> Addresses<'a> {
        Addresses::new(self.answers(), self.question)
    }

    /// The response code, with the upper bits that EDNS adds (RFC 6891 section 6.1.3).
    pub fn rcode(&self) -> u16 {
        self.rcode_behind(self.answers())
    }

    /// The same for somebody who has visited the answers, or some of them.
    pub fn rcode_behind(&self, mut answers: Records<'a>) -> u16 {
        answers.by_ref().for_each(drop);
        let rest = answers.followed_by(self.behind_answers);
        let upper =
            rest.into_iter().flatten().find(|record| record.kind == OPT).map_or(0, |opt| opt.ttl.to_be_bytes()[0]);
        u16::from(upper) << 4 | u16::from(self.header_rcode)
    }
}

impl<'a> Question<'a> {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let name = Name::read(cursor)?;
        let [k0, k1, c0, c1] = cursor.chunk()?;
        Some(Self { name, kind: u16::from_be_bytes([k0, k1]), class: u16::from_be_bytes([c0, c1]) })
    }
}

#[cfg(test)]
mod tests;
