//! The wakers of the open connections, so that a drain can reach the idle ones.

use std::cell::RefCell;
use std::task::Waker;

/// A slab of wakers: one place for each connection that is being relayed, reused when it ends.
#[derive(Debug, Default)]
pub(crate) struct Wakers(RefCell<Slab>);

#[derive(Debug, Default)]
struct Slab {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    /// Keeps a waker until [`Wakers::remove`] is called with the place returned.
    pub(crate) fn insert(&self, waker: Waker) -> usize {
        let mut slab = self.0.borrow_mut();
        if let Some(place) = slab.free.pop() {
            if let Some(free) = slab.places.get_mut(place) {
                *free = Some(waker);
            }
            place
        } else {
            slab.places.push(Some(waker));
            slab.places.len() - 1
        }
    }

    pub(crate) fn remove(&self, place: usize) {
        let mut slab = self.0.borrow_mut();
        if slab.places.get_mut(place).and_then(Option::take).is_some() {
            slab.free.push(place);
        }
    }

    pub(crate) fn wake_all(&self) {
        for waker in self.0.borrow().places.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}
