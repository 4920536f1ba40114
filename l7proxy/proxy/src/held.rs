//! Short reads that are put aside for a moment.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use tokio::io::ReadBuf;

/// Reads shorter than this are put aside. Most requests and answers of services are; the copy costs some ten nanoseconds.
pub(crate) const HELD_BYTES: usize = 4096;

/// How many are put aside at once on a worker. The runtime looks for new events after about as many turns of tasks, so more
/// would not be together anyway.
const MOST: usize = 64;

/// Room for the short reads of a worker: 256 KiB at most, made as it is needed and kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldRooms(Rc<RefCell<Rooms>>);

#[derive(Debug, Default)]
struct Rooms {
    free: Vec<Box<Room>>,
    made: usize,
}

#[derive(Debug)]
struct Room {
    length: usize,
    bytes: [u8; HELD_BYTES],
}

/// A short read that was put aside, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    rooms: HeldRooms,
    /// Absent once it is dropped.
    room: Option<Box<Room>>,
    /// When it was read.
    pub(crate) read_at: Instant,
}

impl HeldRooms {
    /// Puts a read aside. None: it is too long, or there is no room.
    pub(crate) fn hold(&self, bytes: &[u8], read_at: Instant) -> Option<Held> {
        let length = bytes.len();
        if length >= HELD_BYTES {
            return None;
        }
        let mut rooms = self.0.borrow_mut();
        let mut room = match rooms.free.pop() {
            Some(room) => room,
            None if rooms.made < MOST => {
                rooms.made += 1;
                Box::new(Room { length: 0, bytes: [0; HELD_BYTES] })
            }
            None => return None,
        };
        room.bytes.get_mut(..length)?.copy_from_slice(bytes);
        room.length = length;
        Some(Held { rooms: self.clone(), room: Some(room), read_at })
    }
}

impl Held {
    /// Reads once more, behind what was read before. Returns how many bytes came; at the end of the stream, and where there is
    /// no room, none.
    pub(crate) fn read_more(
        &mut self,
        read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> io::Result<usize> {
        let Some(room) = &mut self.room else { return Ok(0) };
        let free = room.bytes.get_mut(room.length..).unwrap_or_default();
        if free.is_empty() {
            return Ok(0);
        }
        let mut buffer = ReadBuf::new(free);
        match read(&mut buffer) {
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len();
                room.length += count;
                Ok(count)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(0),
        }
    }

    /// What was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.room.as_ref().and_then(|room| room.bytes.get(..room.length)).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.rooms.0.borrow_mut().free.extend(self.room.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_aside_is_bounded_and_its_room_is_used_again() {
        let rooms = HeldRooms::default();
        let now = Instant::now();
        let mut held: Vec<_> = (0..MOST).map(|count| rooms.hold(count.to_string().as_bytes(), now).unwrap()).collect();
        assert!(rooms.hold(b"one too many", now).is_none());
        assert!(held.iter().enumerate().all(|(count, held)| held.bytes() == count.to_string().as_bytes()));
        held.truncate(MOST / 2);
        let longest = [7; HELD_BYTES - 1];
        assert_eq!(rooms.hold(&longest, now).unwrap().bytes(), longest);
        assert!(rooms.hold(&[7; HELD_BYTES], now).is_none());
        held.clear();
        let rooms = rooms.0.borrow();
        assert_eq!((rooms.made, rooms.free.len()), (MOST, MOST));
    }

    #[test]
    fn more_is_read_behind_what_is_held_as_far_as_there_is_room() {
        let rooms = HeldRooms::default();
        let mut held = rooms.hold(b"head ", Instant::now()).unwrap();
        let read = |bytes: &'static [u8]| {
            move |buffer: &mut ReadBuf<'_>| {
                buffer.put_slice(bytes);
                Poll::Ready(Ok(()))
            }
        };
        assert_eq!(held.read_more(read(b"body")).unwrap(), 4);
        assert_eq!(held.read_more(read(b"")).unwrap(), 0);
        assert_eq!(held.read_more(|_| Poll::Pending).unwrap(), 0);
        let reset = held.read_more(|_| Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())));
        assert_eq!(reset.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(held.bytes(), b"head body");
        let fill = |buffer: &mut ReadBuf<'_>| {
            buffer.put_slice(&vec![7; buffer.remaining()]);
            Poll::Ready(Ok(()))
        };
        assert_eq!(held.read_more(fill).unwrap(), HELD_BYTES - 9);
        assert_eq!(held.read_more(|_| panic!("there is no room")).unwrap(), 0);
        // The next one to have the room begins anew.
        drop(held);
        assert_eq!(rooms.hold(b"next", Instant::now()).unwrap().bytes(), b"next");
    }
}
