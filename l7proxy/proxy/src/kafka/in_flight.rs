//! The requests of a connection that wait for their responses.

use std::collections::VecDeque;

use super::asked::Asked;

/// How many requests of one connection may wait for their responses. Clients send a handful at once unless they are told
/// otherwise: librdkafka has no limit of its own, and what a slow broker leaves in the sockets is small Produces by the
/// thousand. The limit bounds what a hostile client can make the agent remember.
const MAX_IN_FLIGHT: usize = 16_384;

/// How many places are kept when a burst is over.
const KEPT: usize = 64;

/// How many of the oldest are looked through for an id that is not where those of clients that count up are.
const PROBED: usize = 64;

/// The requests that wait, oldest first. A broker answers in their order, so the oldest is found at once. Any other is
/// sought as if ids grew from request to request, as they do with all clients: whatever the ids are, a response costs few
/// comparisons and moves nothing.
#[derive(Debug, Default)]
pub(super) struct InFlight(VecDeque<Place>);

/// The place of a request. It is empty, but neither the first nor the last, where the request was answered before an older
/// one.
#[derive(Debug)]
struct Place {
    id: i32,
    asked: Option<Box<Asked>>,
}

impl Place {
    fn waits_for(&self, id: i32) -> bool {
        self.id == id && self.asked.as_ref().is_some_and(|asked| asked.answered_at.is_none())
    }
}

impl InFlight {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many places are taken.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= MAX_IN_FLIGHT
    }

    /// Takes up a request, behind all others.
    pub(super) fn push(&mut self, asked: Box<Asked>) {
        self.0.push_back(Place { id: asked.correlation_id, asked: Some(asked) });
    }

    /// The place of the last request, if it is not whole yet.
    pub(super) fn asking(&mut self) -> Option<&mut Asked> {
        self.0.back_mut()?.asked.as_deref_mut().filter(|asked| !asked.request_whole)
    }

    /// The place of the oldest request with this id whose response has not come.
    pub(super) fn find(&self, id: i32) -> Option<usize> {
        let first = self.0.front()?.id;
        let behind = |id: i32| id.wrapping_sub(first).cast_unsigned();
        let is_at = |at: usize| self.0.get(at).is_some_and(|place| place.waits_for(id));
        // Where it is if no id was left out, and else where it is in ids that grow.
        let counted = usize::try_from(behind(id)).ok().filter(|at| is_at(*at));
        let sorted = || Some(self.0.partition_point(|place| behind(place.id) < behind(id))).filter(|at| is_at(*at));
        counted.or_else(sorted).or_else(|| self.0.iter().take(PROBED).position(|place| place.waits_for(id)))
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Asked> {
        self.0.get_mut(at)?.asked.as_deref_mut()
    }

    /// Takes a request out. Those behind it keep their places, unless it is the first.
    pub(super) fn take(&mut self, at: usize) -> Option<Box<Asked>> {
        let asked = self.0.get_mut(at)?.asked.take();
        while self.0.front().is_some_and(|place| place.asked.is_none()) {
            self.0.pop_front();
        }
        while self.0.back().is_some_and(|place| place.asked.is_none()) {
            self.0.pop_back();
        }
        if self.0.is_empty() && self.0.capacity() > 4 * KEPT {
            self.0.shrink_to(KEPT);
        }
        asked
    }

    /// Takes the first request out, if it is one of these.
    pub(super) fn take_first(&mut self, if_it: impl FnOnce(&Asked) -> bool) -> Option<Box<Asked>> {
        self.0.front()?.asked.as_deref().filter(|asked| if_it(asked))?;
        self.take(0)
    }
}

#[cfg(test)]
mod tests;
