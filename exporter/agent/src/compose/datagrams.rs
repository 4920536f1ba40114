//! The thread that reads the datagrams that pass by.

use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use flowfold_expose::Spans;
use flowfold_flow::{ConnectionInfo, FlowSink, Reporters, Side};
use flowfold_fold::Fold;
use flowfold_proxy::{self as proxy, DatagramReader, DrainWatch, MAX_FLOWS};
use flowfold_redirect::{self as redirect, DatagramEvent, DatagramTap, Lookups, Taken};
use rustix::event::epoll::{self, EventFlags};
use rustix::event::{self, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use tokio::sync::oneshot;

use super::steered::caller;
use super::steering::Steering;
use super::unreachable::{Undelivered, Unreachable};
use crate::capabilities::{self, Role};
use crate::error::AgentError;
use crate::identity::Resolver;
use crate::priority;

/// How many datagrams a look should find. On a host without an idle core, what has the core waits for as long as they are
/// read, which is some fifteen microseconds; with fewer, waking up would cost as much as reading.
const LOOK: u32 = 32;

/// How long the thread sleeps at least between two looks that do not find more than they may. Datagrams wait in the ring
/// buffer meanwhile, with the time at which they passed.
const SHORT: Duration = Duration::from_micros(100);

/// How long it sleeps at most. A process that asks once and ends should still be there to be named.
const IDLE: Duration = Duration::from_millis(50);

/// How long it sleeps at most when only answers are waited for any more.
const ENDING: Duration = Duration::from_millis(2);

/// How many datagrams are read before anything else has its turn.
const TURN: u32 = 4096;

/// What wakes the thread: a ring buffer of copies, or what the network says of datagrams.
const COPIES: u64 = 0;
const NETWORK: u64 = 1;

/// What passes by.
#[derive(Debug)]
pub(super) struct Passing {
    /// Datagrams.
    pub(super) tap: DatagramTap,
    /// What the network says of them.
    pub(super) unreachable: Unreachable,
    /// Whether the answers are to be read when they come, and not soon after.
    pub(super) is_prompt: bool,
}

/// The thread that reads datagrams.
#[derive(Debug)]
pub(super) struct DatagramThread {
    /// Absent once it has ended.
    ended: Option<oneshot::Receiver<()>>,
}

impl DatagramThread {
    /// Starts it, and waits until it has dropped what it may not do.
    pub(super) fn start(
        Passing { tap, unreachable, is_prompt }: Passing,
        steering: &Arc<Steering>,
        resolver: Resolver,
        (fold, spans): (&Arc<Fold>, &Spans),
        drain: &DrainWatch,
    ) -> Result<Self, AgentError> {
        let (says_ended, ended) = oneshot::channel();
        let (says_begun, begun) = std::sync::mpsc::channel();
        let [clients, servers] = [(); 2].map(|()| (fold.shard(), spans.sink()));
        let lookups = steering.lookups();
        let (fold, steering) = (Arc::clone(fold), Arc::clone(steering));
        let drain = drain.clone();
        let run = move || {
            let _says_ended: oneshot::Sender<()> = says_ended;
            if is_prompt {
                // What an answer tells counts for the connection that its client opens next, some hundred microseconds later.
                priority::at_once();
            } else {
                priority::beside_traffic();
            }
            let begun = capabilities::keep_only_what(Role::Datagrams);
            let failed = begun.is_err();
            if says_begun.send(begun).is_err() || failed {
                return;
            }
            let [clients, servers] = [clients, servers].map(|sink| DatagramReader::new(sink, MAX_FLOWS));
            let readers = Readers { clients, servers };
            let unread = steering.unread_datagrams();
            let mut reading =
                Reading { readers, lookups, resolver, fold, steering, unread, closed: Vec::new(), ends: false };
            if let Err(error) = reading.keep_on(tap, &unreachable, &drain) {
                tracing::error!(%error, "datagrams cannot be read");
            }
        };
        let thread = thread::Builder::new().name("datagrams".to_owned()).spawn(run);
        thread.map_err(AgentError::system("cannot start a thread"))?;
        begun.recv().unwrap_or(Err(AgentError::Died("the thread that reads datagrams")))?;
        Ok(Self { ended: Some(ended) })
    }

    /// Waits until the thread has ended, however it did.
    pub(super) async fn ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            // The sender is dropped without a word.
            let _ended: Result<(), oneshot::error::RecvError> = ended.await;
            self.ended = None;
        }
    }
}

/// What is seen at clients' sockets and at servers' has room of its own: whoever floods a local server with questions, from made up
/// addresses maybe, takes none from what local clients ask.
struct Readers<S: FlowSink> {
    clients: DatagramReader<S>,
    servers: DatagramReader<S>,
}

impl<S: FlowSink> Readers<S> {
    fn of(&mut self, datagram: &proxy::Datagram<'_>) -> &mut DatagramReader<S> {
        if datagram.is_at_server { &mut self.servers } else { &mut self.clients }
    }

    fn both(&mut self) -> [&mut DatagramReader<S>; 2] {
        [&mut self.clients, &mut self.servers]
    }
}

struct Reading<S: FlowSink> {
    readers: Readers<S>,
    lookups: Lookups,
    resolver: Resolver,
    fold: Arc<Fold>,
    steering: Arc<Steering>,
    /// How many datagrams the programs had no room for, as it was looked last, for both readers.
    unread: [u64; 2],
    /// Sockets that were closed, and when. They are let go of once what the network says of their datagrams was read.
    closed: Vec<(u64, Instant)>,
    /// Only answers are waited for any more.
    ends: bool,
}

impl<S: FlowSink> Reading<S> {
    fn keep_on(&mut self, mut tap: DatagramTap, unreachable: &Unreachable, drain: &DrainWatch) -> io::Result<()> {
        let wakers = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (source, waker) in
            tap.descriptors().map(|ring| (ring, COPIES)).chain(unreachable.sockets().map(|s| (s, NETWORK)))
        {
            // Edges alone: what is left in the ring buffers when its reader goes to sleep is no reason to wake him.
            epoll::add(&wakers, source, epoll::EventData::new_u64(waker), EventFlags::IN | EventFlags::ET)?;
        }
        let (mut wait, mut looked) = (IDLE, Instant::now());
        let mut is_told = true;
        loop {
            is_told |= sleep(&wakers, wait)?;
            let since = looked.elapsed();
            looked += since;
            let Taken { count, is_held_up } = self.read(&mut tap);
            // What the network says of a datagram comes after it, so all of them should be read; in a flood they never are.
            if count < TURN || self.closed.len() >= TURN as usize {
                let now = Instant::now();
                // It may have come since the thread woke up, and is to be read before its socket is let go of.
                if is_told || !self.closed.is_empty() || wait >= IDLE {
                    let tell = |told: &Undelivered<'_>| {
                        self.readers.clients.unreachable(told.client, told.server, told.beginning, now);
                    };
                    is_told = unreachable.take(tell);
                }
                for (socket, at) in self.closed.drain(..) {
                    // It was either's.
                    for reader in self.readers.both() {
                        reader.closed(socket, at);
                    }
                    self.lookups.forget_udp_socket(socket);
                }
            }
            self.look();
            if let Some(deadline) = drain.deadline() {
                self.ends = true;
                let is_idle = self.readers.both().iter().all(|reader| reader.open_lookups() == 0);
                if is_idle || Instant::now() >= deadline {
                    for reader in self.readers.both() {
                        reader.finish();
                    }
                    return Ok(());
                }
            }
            wait = next_wait(wait, since, count).min(if self.ends { ENDING } else { IDLE });
            if is_held_up {
                wait = wait.min(SHORT);
            }
        }
    }

    /// Reads what there is, up to a turn's worth.
    fn read(&mut self, tap: &mut DatagramTap) -> Taken {
        tap.take(TURN, |event| match event {
            DatagramEvent::Passed(datagram) => self.see(datagram),
            DatagramEvent::Closed { socket, at } => self.closed.push((*socket, *at)),
        })
    }

    fn see(&mut self, datagram: &redirect::Datagram<'_>) {
        let side = if datagram.is_from_server { Side::ServerToClient } else { Side::ClientToServer };
        let shown = proxy::Datagram {
            socket: datagram.socket,
            is_at_server: datagram.is_at_server,
            client: datagram.client,
            server: datagram.server,
            side,
            bytes: datagram.bytes.into(),
            payload: datagram.payload,
            at: datagram.at,
        };
        let reader = self.readers.of(&shown);
        if self.ends {
            reader.read_awaited(&shown);
        } else if !reader.read(&shown, || info(&self.lookups, &self.resolver, datagram)) {
            self.fold.health().unread_datagrams(side, 1);
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let unread = self.steering.unread_datagrams();
        for ((reader, unread), last) in self.readers.both().into_iter().zip(unread).zip(&mut self.unread) {
            if std::mem::replace(last, unread) != unread {
                reader.missed(now);
            }
            reader.look(now);
        }
    }
}

/// Who is at the ends of a datagram.
fn info(lookups: &Lookups, resolver: &Resolver, datagram: &redirect::Datagram<'_>) -> ConnectionInfo {
    let redirect::Datagram { client, server, is_at_server, .. } = *datagram;
    // A server does not see which of the processes at an address asks, and they ask from many ports.
    let process = if is_at_server { None } else { lookups.udp_client(datagram.socket) };
    let client = SocketAddr::new(client.ip(), if is_at_server { 0 } else { client.port() });
    ConnectionInfo {
        reporters: if is_at_server { Reporters::SERVER } else { Reporters::CLIENT },
        client,
        server,
        source: resolver.client(client.ip(), process.as_ref().map(caller).as_ref()),
        destination: resolver.datagram_server(server),
    }
}

/// Sleeps until the time is over or something wakes the thread. Whether the network may have said something.
fn sleep(wakers: &OwnedFd, time: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    // The call that waits for what wakes takes whole milliseconds (the one that does not is newer than some filters of system
    // calls, which services run under), so the waiting is this one's.
    let mut ready = [PollFd::new(wakers, PollFlags::IN)];
    match event::poll(&mut ready, Some(&time)) {
        Ok(0) | Err(Errno::INTR) => return Ok(false),
        Ok(_) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut events = [MaybeUninit::uninit(); 4];
    match epoll::wait(wakers, &mut events, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok((woken, _)) => Ok(woken.iter().any(|waker| waker.data.u64() == NETWORK)),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// How long to sleep after a look that found so many datagrams of so long a time.
fn next_wait(wait: Duration, since: Duration, count: u32) -> Duration {
    if count >= TURN {
        return Duration::ZERO;
    }
    let longer = wait.max(SHORT).saturating_mul(2);
    let wanted = since.saturating_mul(LOOK).checked_div(count);
    wanted.map_or(longer, |wanted| wanted.clamp(SHORT, longer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of some looks at so many datagrams a second.
    fn waits(mut wait: Duration, per_second: u32, looks: usize) -> Vec<Duration> {
        let next = |_| {
            let slept = wait.max(Duration::from_micros(10));
            let count = (slept * per_second).as_secs().try_into().unwrap_or(u32::MAX).min(TURN);
            wait = next_wait(wait, slept, count).min(IDLE);
            wait
        };
        (0..looks).map(next).collect()
    }

    #[test]
    fn the_thread_sleeps_for_less_than_a_millisecond() {
        let wakers = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let slept = |_| {
            let begun = Instant::now();
            assert!(!sleep(&wakers, SHORT).unwrap());
            begun.elapsed()
        };
        // The machine may be busy, but not each time.
        assert!((0..1000).map(slept).any(|slept| slept >= SHORT && slept < Duration::from_millis(1)));
    }

    #[test]
    fn a_look_comes_when_about_as_much_is_there_as_it_should_find() {
        for (per_second, expected) in
            [(10, IDLE), (6_400, Duration::from_millis(10)), (64_000, Duration::from_millis(1))]
        {
            for begin in [SHORT, IDLE] {
                let settled = waits(begin, per_second, 20).pop().unwrap();
                assert!(settled <= expected * 2 && settled >= expected / 2, "{per_second}: {settled:?}");
            }
        }
        // However much there is, what else runs has its turn; unless more is left than a look may read.
        assert_eq!(waits(IDLE, 1_000_000, 2), [Duration::ZERO, SHORT]);
        assert_eq!(waits(SHORT, 0, 20).pop(), Some(IDLE));
    }
}
