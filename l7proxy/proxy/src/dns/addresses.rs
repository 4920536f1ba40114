//! The addresses that an answer tells.

use flowfold_flow::{DnsAddress, DnsAnswer, DnsRcode};
use flowfold_wire::dns::Message;

/// How many of them are told: clients try the first ones, and few answers have more.
const MAX: usize = 32;

/// The addresses of an answer, up to so many. Its room is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Vec<DnsAddress>);

impl Addresses {
    /// Those of an answer without an error; another one tells nothing of the name.
    pub(super) fn of(&mut self, message: &Message<'_>, answer: &DnsAnswer) -> &[DnsAddress] {
        self.0.clear();
        if answer.rcode == DnsRcode::NOERROR && answer.records.of_question > 0 {
            let told = message.addresses().take(MAX);
            self.0.extend(told.map(|told| DnsAddress { ip: told.ip, ttl: told.ttl }));
        }
        &self.0
    }
}
