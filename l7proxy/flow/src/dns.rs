//! The parts of a DNS lookup that sinks hear of.

use std::net::IpAddr;

/// A DNS query and the answer to it (RFC 1035).
#[derive(Clone, Copy, Debug)]
pub struct DnsExchange<'a> {
    /// What carried it.
    pub transport: DnsTransport,
    /// The name that was asked for, in lower case and without the dot at its end; the root is empty. Bytes that no host
    /// name has are `?`.
    pub name: &'a [u8],
    /// The type of the records that were asked for.
    pub kind: DnsType,
    /// The answer; absent where none came.
    pub answer: Option<DnsAnswer>,
    /// The addresses that the answer tells of the name, by way of its aliases: the first ones where there are many, and
    /// none where something else was asked for, or no sink [wants](crate::FlowSink::wants_addresses) them.
    pub addresses: &'a [DnsAddress],
}

/// An address of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsAddress {
    /// The address.
    pub ip: IpAddr,
    /// For how many seconds it may be taken for that of the name: the least that any record on the way to it says.
    pub ttl: u32,
}

/// What carries DNS messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsTransport {
    /// Datagrams.
    Udp,
    /// A connection, on which each message stands behind its length.
    Tcp,
}

impl DnsTransport {
    /// Both, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// The label value of this transport, as `network.transport` has it.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The response code.
    pub rcode: DnsRcode,
    /// More was to be said than had room: the client will ask again by TCP.
    pub is_truncated: bool,
    /// The records of the answer section.
    pub records: DnsRecords,
}

/// How many records an answer section holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsRecords {
    /// Of the type that was asked for.
    pub of_question: u16,
    /// CNAME, where that was not what was asked for.
    pub aliases: u16,
    /// Of all other types.
    pub others: u16,
}

/// A type of records (RFC 1035 section 3.2.2), by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DnsType(pub u16);

impl DnsType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// An alias.
    pub const CNAME: Self = Self(5);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);

    /// The types that have a label value of their own: those that clients ask for.
    pub const KNOWN: [(Self, &'static str); 22] = [
        (Self::A, "A"),
        (Self(2), "NS"),
        (Self::CNAME, "CNAME"),
        (Self(6), "SOA"),
        (Self(12), "PTR"),
        (Self(13), "HINFO"),
        (Self(15), "MX"),
        (Self(16), "TXT"),
        (Self::AAAA, "AAAA"),
        (Self(33), "SRV"),
        (Self(35), "NAPTR"),
        (Self(43), "DS"),
        (Self(46), "RRSIG"),
        (Self(47), "NSEC"),
        (Self(48), "DNSKEY"),
        (Self(52), "TLSA"),
        (Self(64), "SVCB"),
        (Self(65), "HTTPS"),
        (Self(251), "IXFR"),
        (Self(252), "AXFR"),
        (Self(255), "ANY"),
        (Self(257), "CAA"),
    ];

    /// Whether its records are addresses.
    pub fn is_address(self) -> bool {
        self == Self::A || self == Self::AAAA
    }
}

/// A response code (RFC 6895 section 2.3), by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DnsRcode(pub u16);

impl DnsRcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);

    /// The codes that have label values of their own, as `dig` prints them and as Hubble does.
    pub const KNOWN: [(Self, &'static str, &'static str); 20] = [
        (Self::NOERROR, "NOERROR", "No Error"),
        (Self(1), "FORMERR", "Format Error"),
        (Self::SERVFAIL, "SERVFAIL", "Server Failure"),
        (Self(3), "NXDOMAIN", "Non-Existent Domain"),
        (Self(4), "NOTIMP", "Not Implemented"),
        (Self(5), "REFUSED", "Query Refused"),
        (Self(6), "YXDOMAIN", "Name Exists when it should not"),
        (Self(7), "YXRRSET", "RR Set Exists when it should not"),
        (Self(8), "NXRRSET", "RR Set that should exist does not"),
        (Self(9), "NOTAUTH", "Not Authorized"),
        (Self(10), "NOTZONE", "Name not contained in zone"),
        (Self(11), "DSOTYPENI", "DSO-TYPE Not Implemented"),
        (Self(16), "BADVERS", "Bad OPT Version"),
        (Self(17), "BADKEY", "Key not recognized"),
        (Self(18), "BADTIME", "Signature out of time window"),
        (Self(19), "BADMODE", "Bad TKEY Mode"),
        (Self(20), "BADNAME", "Duplicate key name"),
        (Self(21), "BADALG", "Algorithm not supported"),
        (Self(22), "BADTRUNC", "Bad Truncation"),
        (Self(23), "BADCOOKIE", "Bad/missing Server Cookie"),
    ];
}
