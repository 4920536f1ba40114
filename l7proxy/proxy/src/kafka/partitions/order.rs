//! The order of what is sought in a list.

use std::cmp::Ordering;

/// The places of a list's elements, in the order by which they are sought. It is a list of small numbers beside the list:
/// putting one in moves little.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<u16>);

impl Order {
    /// The place of the element that compares as equal; else where it would have to be in the order.
    pub(super) fn find(&self, compare: impl Fn(usize) -> Ordering) -> Result<usize, usize> {
        let at = self.0.binary_search_by(|place| compare(usize::from(*place)))?;
        self.0.get(at).map(|place| usize::from(*place)).ok_or(at)
    }

    /// Takes up the element at this place of the list: there in the order, as [`find`](Self::find) said.
    pub(super) fn add(&mut self, at: usize, place: usize) {
        if let (Ok(place), true) = (u16::try_from(place), at <= self.0.len()) {
            self.0.insert(at, place);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn shrink_to(&mut self, places: usize) {
        self.0.shrink_to(places);
    }
}
