//! Reads along with DNS: messages (RFC 1035 section 4), alone in a datagram or behind their length on a stream.
//!
//! Only what tells a lookup is read: the header, the question and the heads of records. Nothing is allocated, whatever a
//! message claims: names and records are visited where they lie.

mod addresses;
mod cursor;
mod name;
mod record;
mod stream;

pub use addresses::{Address, Addresses};
use cursor::Cursor;
pub use name::{Name, NameText};
pub use record::{Record, Records};
pub use stream::StreamDecoder;

/// Length of a header (RFC 1035 section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// The type of the pseudo record that EDNS uses (RFC 6891 section 6.1.1).
const OPT: u16 = 41;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// It ends within its header or its first question.
    #[error("the message ends within its header or its question")]
    Short,
    /// The name of its question breaks RFC 1035 section 4.1.4.
    #[error("the name of the question cannot be read")]
    Name,
}

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
    /// Reads a whole message.
    ///
    /// # Errors
    /// Where the header or the first question cannot be read. What is behind them never fails: it is read for as long as
    /// it can be.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DnsError> {
        let mut cursor = Cursor::new(bytes);
        let id = cursor.u16().ok_or(DnsError::Short)?;
        let [high, low] = cursor.u16().ok_or(DnsError::Short)?.to_be_bytes();
        let mut counts = [0_u16; 4];
        for count in &mut counts {
            *count = cursor.u16().ok_or(DnsError::Short)?;
        }
        let [questions, answers, authorities, additional] = counts;
        let question = if questions == 0 { None } else { Some(Question::read(&mut cursor)?) };
        // More than one question has no meaning that anybody gave it (RFC 9619); their records can't be found then.
        let can_go_on = questions <= 1;
        Ok(Self {
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
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, DnsError> {
        let name = Name::read(cursor)?;
        let kind = cursor.u16().ok_or(DnsError::Short)?;
        let class = cursor.u16().ok_or(DnsError::Short)?;
        Ok(Self { name, kind, class })
    }
}

#[cfg(test)]
mod tests;
