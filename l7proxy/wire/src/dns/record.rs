//! Resource records (RFC 1035 section 4.1.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Name;
use super::cursor::Cursor;

pub(super) const IN: u16 = 1;
const A: u16 = 1;
const AAAA: u16 = 28;

/// The head of a record, and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The type: 1 is A.
    pub kind: u16,
    /// The class: 1 is IN.
    pub class: u16,
    /// For how many seconds it holds. The pseudo record of EDNS keeps something else here.
    pub ttl: u32,
    /// The data, as it is.
    pub data: &'a [u8],
}

impl Record<'_> {
    /// The address that it tells, if it is of a type that does.
    pub fn address(&self) -> Option<IpAddr> {
        match (self.class, self.kind) {
            (IN, A) => Some(Ipv4Addr::from(<[u8; 4]>::try_from(self.data).ok()?).into()),
            (IN, AAAA) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(self.data).ok()?).into()),
            _ => None,
        }
    }
}

/// The records of a section. It ends where one cannot be read, too.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    left: u16,
}

impl<'a> Records<'a> {
    pub(super) fn new(cursor: Cursor<'a>, left: u16) -> Self {
        Self { cursor, left }
    }

    /// The records behind those that have been visited. None: one of those could not be read.
    pub(super) fn followed_by(self, left: u16) -> Option<Self> {
        (self.left == 0).then_some(Self { left, ..self })
    }

    /// The next record, with the places of its owner's name and of its data: names there may point elsewhere.
    pub(super) fn next_placed(&mut self) -> Option<Placed<'a>> {
        let left = self.left.checked_sub(1)?;
        let owner = self.cursor;
        let mut cursor = owner;
        Name::skip(&mut cursor)?;
        let (kind, class, ttl, length) = (cursor.u16()?, cursor.u16()?, cursor.u32()?, cursor.u16()?);
        let data_at = cursor;
        let data = cursor.take(usize::from(length))?;
        *self = Self { cursor, left };
        Some(Placed { owner, record: Record { kind, class, ttl, data }, data: data_at })
    }
}

/// A record, and where its names are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) owner: Cursor<'a>,
    pub(super) record: Record<'a>,
    pub(super) data: Cursor<'a>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.next_placed().map(|placed| placed.record)
    }
}
