//! Which parts of a label set anybody shows.

use super::{Context, ExchangeFamily, Field};

/// The parts of a family's label sets that are kept. Two label sets that only differ by what is not kept are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one part whether it is kept")]
pub(crate) struct Uses {
    /// The bits of the key.
    pub(crate) key: u64,
    pub(crate) port: bool,
    pub(crate) source: bool,
    pub(crate) destination: bool,
    pub(crate) destination_name: bool,
}

impl Uses {
    #[cfg(test)]
    pub(crate) const ALL: Self =
        Self { key: u64::MAX, port: true, source: true, destination: true, destination_name: true };

    /// Keeps what a field shows, too.
    pub(crate) fn add(&mut self, family: ExchangeFamily, field: Field) {
        self.key |= super::key::bits_of(family.key_kind(), field);
        match field {
            Field::ServerPort => self.port = true,
            Field::SourceWorkload | Field::SourceNamespace | Field::Source(_) => self.source = true,
            Field::DestinationWorkload | Field::DestinationNamespace => self.destination = true,
            Field::DestinationName => self.destination_name = true,
            Field::DestinationNode => (self.destination, self.destination_name) = (true, true),
            Field::Destination(contexts) => {
                self.destination = true;
                self.destination_name |= contexts.contains(Context::Dns);
            }
            Field::ConnectionType => (self.source, self.destination) = (true, true),
            _ => {}
        }
    }
}
