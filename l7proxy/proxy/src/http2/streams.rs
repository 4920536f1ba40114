//! The streams of a connection whose exchanges are open.

use std::collections::VecDeque;

use flowfold_flow::Side;

use crate::pending::Pending;

/// How many streams of one connection may be open. Servers of the field allow 100 to 1,000 unless told otherwise, some
/// gRPC servers any number; load tests open ten thousand.
const MAX_STREAMS: usize = 16_384;

/// The most places that an idle connection keeps for its next streams.
const KEPT_PLACES: usize = 64;

/// The open streams. A side numbers its streams upwards (RFC 9113 section 5.1.1), so a queue in the order of opening is
/// sorted, and a stream is found by bisection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Odd numbers.
    of_client: Queue,
    /// Even numbers: promised by the server.
    of_server: Queue,
}

/// What is known of a stream.
pub(super) enum Place<'a> {
    /// Its exchange is open.
    Open(&'a mut Pending),
    /// It became a tunnel, and its exchange has been told.
    Tunnel,
    /// It is over.
    Gone,
    /// It was not opened yet.
    Never,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<(u32, Entry)>,
    /// How many entries are not [`Entry::Gone`].
    live: usize,
    /// The highest stream that was opened.
    last: u32,
}

#[derive(Debug)]
enum Entry {
    Open(Box<Pending>),
    Tunnel {
        /// The side that has no more to say.
        ended: Option<Side>,
    },
    Gone,
}

impl Streams {
    /// No further stream may be opened.
    pub(super) fn is_full(&self) -> bool {
        self.live() >= MAX_STREAMS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live() == 0
    }

    /// How many are open, tunnels included.
    pub(super) fn live(&self) -> usize {
        self.of_client.live + self.of_server.live
    }

    /// Adds a stream that [`find`](Self::find) called [`Place::Never`].
    pub(super) fn open(&mut self, stream: u32, pending: Box<Pending>) {
        let queue = self.queue(stream);
        queue.last = stream;
        queue.live += 1;
        queue.entries.push_back((stream, Entry::Open(pending)));
    }

    pub(super) fn find(&mut self, stream: u32) -> Place<'_> {
        let queue = self.queue(stream);
        if stream > queue.last {
            return Place::Never;
        }
        match queue.entry(stream) {
            Some((_, Entry::Open(pending))) => Place::Open(pending),
            Some((_, Entry::Tunnel { .. })) => Place::Tunnel,
            Some((_, Entry::Gone)) | None => Place::Gone,
        }
    }

    /// Takes out a stream, where its exchange is open. A tunnel is forgotten.
    pub(super) fn close(&mut self, stream: u32) -> Option<Box<Pending>> {
        self.queue(stream).close(stream)
    }

    /// Takes out the exchange of a stream that lives on as a tunnel.
    pub(super) fn make_tunnel(&mut self, stream: u32) -> Option<Box<Pending>> {
        let (_, entry) = self.queue(stream).entry(stream)?;
        match std::mem::replace(entry, Entry::Tunnel { ended: None }) {
            Entry::Open(pending) => {
                *entry = Entry::Tunnel { ended: pending.request_whole.then_some(Side::ClientToServer) };
                Some(pending)
            }
            other => {
                *entry = other;
                None
            }
        }
    }

    /// One side of a tunnel has no more to say; after the other, it is over.
    pub(super) fn end_tunnel_side(&mut self, stream: u32, side: Side) {
        let queue = self.queue(stream);
        if let Some((_, Entry::Tunnel { ended })) = queue.entry(stream)
            && *ended.get_or_insert(side) != side
        {
            queue.close(stream);
        }
    }

    /// Takes out the client's streams with a higher number than this.
    pub(super) fn refuse_after(&mut self, last: u32, mut refused: impl FnMut(Box<Pending>)) {
        while let Some((_, entry)) = self.of_client.entries.pop_back_if(|(stream, _)| *stream > last) {
            if !matches!(entry, Entry::Gone) {
                self.of_client.live -= 1;
            }
            if let Entry::Open(pending) = entry {
                refused(pending);
            }
        }
    }

    /// Takes out all streams, one by one: those behind the one at which a sink fails are still there afterwards.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Box<Pending>)) {
        for queue in [&mut self.of_client, &mut self.of_server] {
            while let Some((_, entry)) = queue.entries.pop_front() {
                if !matches!(entry, Entry::Gone) {
                    queue.live -= 1;
                }
                if let Entry::Open(pending) = entry {
                    each(pending);
                }
            }
            queue.entries = VecDeque::new();
        }
    }

    fn queue(&mut self, stream: u32) -> &mut Queue {
        if stream % 2 == 1 { &mut self.of_client } else { &mut self.of_server }
    }
}

impl Queue {
    fn entry(&mut self, stream: u32) -> Option<&mut (u32, Entry)> {
        let place = self.entries.binary_search_by_key(&stream, |(number, _)| *number).ok()?;
        self.entries.get_mut(place)
    }

    fn close(&mut self, stream: u32) -> Option<Box<Pending>> {
        let (_, entry) = self.entry(stream)?;
        let closed = std::mem::replace(entry, Entry::Gone);
        if !matches!(closed, Entry::Gone) {
            self.live -= 1;
            self.tidy();
        }
        match closed {
            Entry::Open(pending) => Some(pending),
            Entry::Tunnel { .. } | Entry::Gone => None,
        }
    }

    /// Forgets what is over: at the front at once, since streams mostly end in the order in which they began, and
    /// further back when it has become more than what is live.
    fn tidy(&mut self) {
        while self.entries.pop_front_if(|(_, entry)| matches!(entry, Entry::Gone)).is_some() {}
        if self.entries.len() > 2 * self.live + KEPT_PLACES {
            self.entries.retain(|(_, entry)| !matches!(entry, Entry::Gone));
        }
        if self.live == 0 && self.entries.capacity() > KEPT_PLACES {
            self.entries = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
