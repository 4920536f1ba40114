//! Reads the datagrams between local clients and servers, of which copies come here. Nothing waits for what is done here.
//!
//! A client's socket with one server makes a flow. It is to datagrams what a connection is to bytes, and the sinks hear of it
//! as of one. It ends with the socket, or by silence.

mod flow;

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flowfold_flow::{ConnectionInfo, FlowSink, Side};

use self::flow::Flow;
use crate::TopicNames;
use crate::shared::ReaderTools;
use crate::tap::isolated;

/// How many flows are followed at once, if nothing says otherwise. Lookups of programs that open a socket for each are over
/// soon, so these are some ten thousand in every second.
pub const MAX_FLOWS: usize = 16_384;

/// How often flows that are over are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// How often room is made at most, where more flows come than may be: each time all of them are looked at.
const MAKE_ROOM: Duration = Duration::from_millis(100);

/// A datagram that passed by.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// What tells the client's socket from all others.
    pub socket: u64,
    /// The client's end.
    pub local: SocketAddr,
    /// The server, under the address that the client asked.
    pub server: SocketAddr,
    /// Who sent it.
    pub side: Side,
    /// How many bytes it carries.
    pub bytes: u64,
    /// Those bytes, or the first of them.
    pub payload: &'a [u8],
    /// When it passed by.
    pub at: Instant,
}

/// Follows the datagrams of all clients. It belongs to one thread, and knows no sockets.
pub struct DatagramReader<S: FlowSink> {
    sink: S,
    tools: ReaderTools,
    max_flows: usize,
    flows: HashMap<Ends, Flow<S>>,
    /// The socket that uses a port towards a server: errors of the network name no sockets.
    sockets: HashMap<(u16, SocketAddr), u64>,
    /// The servers of each socket.
    servers: HashMap<u64, Vec<SocketAddr>>,
    looked: Instant,
    made_room: Option<Instant>,
}

/// A client's socket, and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    socket: u64,
    server: SocketAddr,
}

impl Hash for Ends {
    /// Few sockets ask more than some servers, and the kernel gives their numbers.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.socket.hash(state);
    }
}

impl<S: FlowSink> std::fmt::Debug for DatagramReader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatagramReader").field("flows", &self.flows.len()).finish_non_exhaustive()
    }
}

impl<S: FlowSink> DatagramReader<S> {
    /// Tells this sink what it reads of up to so many flows at once, as in [`MAX_FLOWS`]. Of more, one that waits for no answer
    /// makes room; while there is none, the datagrams of the newest are not read.
    pub fn new(sink: S, max_flows: usize) -> Self {
        Self {
            sink,
            tools: ReaderTools::new(TopicNames::default()),
            max_flows,
            flows: HashMap::new(),
            sockets: HashMap::new(),
            servers: HashMap::new(),
            looked: Instant::now(),
            made_room: None,
        }
    }

    /// Reads a datagram. `info` is asked who is at its ends, once for each flow. Whether there was room to follow it.
    ///
    /// A server's datagram that nobody asked for begins no flow, and is none of the reader's business: whoever can reach a
    /// client's socket could have as many flows as there may be.
    pub fn read(&mut self, datagram: &Datagram<'_>, info: impl FnOnce() -> ConnectionInfo) -> bool {
        let ends = Ends { socket: datagram.socket, server: datagram.server };
        if let Some(flow) = self.flows.get_mut(&ends) {
            flow.read(&self.sink, &self.tools, datagram);
            return true;
        }
        if datagram.side == Side::ServerToClient {
            return true;
        }
        if self.flows.len() >= self.max_flows && !self.make_room(datagram.at) {
            return false;
        }
        let Ok(mut flow) = isolated(|| Flow::open(&self.sink, info(), datagram.at)) else {
            return false;
        };
        flow.read(&self.sink, &self.tools, datagram);
        self.flows.insert(ends, flow);
        self.sockets.insert((datagram.local.port(), datagram.server), datagram.socket);
        self.servers.entry(datagram.socket).or_default().push(datagram.server);
        true
    }

    /// Reads a datagram if it may be an answer to a question that waits: the reading is about to end.
    pub fn read_awaited(&mut self, datagram: &Datagram<'_>) {
        let ends = Ends { socket: datagram.socket, server: datagram.server };
        let awaited = self.flows.get_mut(&ends).filter(|flow| flow.is_waiting());
        if let Some(flow) = awaited.filter(|_| datagram.side == Side::ServerToClient) {
            flow.read(&self.sink, &self.tools, datagram);
        }
    }

    /// A client's socket was closed.
    pub fn closed(&mut self, socket: u64, at: Instant) {
        for server in self.servers.remove(&socket).unwrap_or_default() {
            if let Some(mut flow) = self.flows.remove(&Ends { socket, server }) {
                flow.abandon(&self.sink, &self.tools, at);
                Self::close(&self.sink, &self.tools, &mut self.sockets, socket, server, flow);
            }
        }
    }

    /// A datagram from this local address could not be delivered to the server: the network says so. Whatever of it that
    /// message tells is the beginning of what it carried.
    pub fn unreachable(&mut self, local: SocketAddr, server: SocketAddr, beginning: &[u8], at: Instant) {
        let Some(socket) = self.sockets.get(&(local.port(), server)) else { return };
        if let Some(flow) = self.flows.get_mut(&Ends { socket: *socket, server })
            && flow.is_from(local)
        {
            let id = beginning.first_chunk().map(|id| u16::from_be_bytes(*id));
            flow.fail(&self.sink, &self.tools, id, at);
        }
    }

    /// Some datagrams were missed until then: of a question without an answer it is not known any more whether it had one.
    pub fn missed(&mut self, until: Instant) {
        self.tools.missed.set(Some(until));
    }

    /// Gives up what has waited for too long, and ends what has been quiet for long enough. Does so now and then, however
    /// often it is called.
    pub fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looked) >= LOOK {
            self.looked = now;
            self.tools.clock.renew();
            let (sink, tools) = (&self.sink, &self.tools);
            for flow in self.flows.values_mut() {
                flow.give_up_old(sink, tools, now);
            }
            self.close_where(|flow| flow.is_over(now));
        }
    }

    /// How many questions wait for their answers.
    pub fn open_lookups(&self) -> usize {
        self.tools.lookups.count()
    }

    /// Ends everything that is open: nobody reads any longer.
    pub fn finish(&mut self) {
        self.close_where(|_| true);
    }

    /// Makes room for one more flow, where there is one in which nothing is waited for.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.made_room.is_none_or(|made| now.saturating_duration_since(made) >= MAKE_ROOM) {
            self.made_room = Some(now);
            self.close_where(|flow| !flow.is_waiting());
        }
        self.flows.len() < self.max_flows
    }

    fn close_where(&mut self, is_over: impl Fn(&Flow<S>) -> bool) {
        let (sink, tools, sockets) = (&self.sink, &self.tools, &mut self.sockets);
        let before = self.flows.len();
        for (ends, flow) in self.flows.extract_if(|_, flow| is_over(flow)) {
            Self::close(sink, tools, sockets, ends.socket, ends.server, flow);
        }
        if self.flows.len() < before {
            let flows = &self.flows;
            self.servers.retain(|&socket, servers| {
                servers.retain(|&server| flows.contains_key(&Ends { socket, server }));
                !servers.is_empty()
            });
        }
    }

    fn close(
        sink: &S,
        tools: &ReaderTools,
        sockets: &mut HashMap<(u16, SocketAddr), u64>,
        socket: u64,
        server: SocketAddr,
        flow: Flow<S>,
    ) {
        let key = (flow.port(), server);
        if sockets.get(&key) == Some(&socket) {
            sockets.remove(&key);
        }
        // A sink that fails at the end of one is still told of the others.
        let _closed = isolated(|| flow.close(sink, tools));
    }
}
