//! The numbers of the store at one moment.

/// The numbers of the store at one moment, family by family.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {}
