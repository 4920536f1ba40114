//! The addresses that an answer tells.

use std::net::{IpAddr, Ipv4Addr};

use flowfold_flow::{DnsAddress, DnsAnswer, DnsRcode};
use flowfold_wire::dns::Message;

/// How many of them are told: clients try the first ones, and few answers have more.
const MAX: usize = 32;

/// What fills the places that are free.
const NONE: DnsAddress = DnsAddress { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), ttl: 0 };

/// The addresses of an answer, up to so many, on the stack.
pub(super) struct Addresses {
    places: [DnsAddress; MAX],
    count: usize,
}

impl Addresses {
    /// Those of an answer without an error; another one tells nothing of the name.
    pub(super) fn of(message: &Message<'_>, answer: &DnsAnswer) -> Self {
        let mut addresses = Self { places: [NONE; MAX], count: 0 };
        if answer.rcode == DnsRcode::NOERROR && answer.records.of_question > 0 {
            for (place, told) in addresses.places.iter_mut().zip(message.addresses()) {
                *place = DnsAddress { ip: told.ip, ttl: told.ttl };
                addresses.count += 1;
            }
        }
        addresses
    }

    pub(super) fn as_slice(&self) -> &[DnsAddress] {
        self.places.get(..self.count).unwrap_or_default()
    }
}
