//! Reads the datagrams between clients and servers that pass by a local socket, of which copies come here. Nothing waits for what
//! is done here.
//!
//! A client's socket with one server makes a flow. So does a server's socket with one client's address: clients take another port
//! for nearly each question. A flow is to datagrams what a connection is to bytes, and the sinks hear of it as of one. It ends
//! with the socket, or by silence.

mod flow;

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use flowfold_flow::{ConnectionInfo, FlowSink, Side};
use foldhash::{HashMap, HashMapExt as _};

use self::flow::Flow;
use crate::KafkaKnowledge;
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
    /// What tells the socket that it was seen at from all others.
    pub socket: u64,
    /// Whether that is a local server's, and not a local client's.
    pub is_at_server: bool,
    /// The client's end.
    pub client: SocketAddr,
    /// The server, under the address that the client asked; seen at its own socket, the one that it has there.
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

impl Datagram<'_> {
    /// Whether it belongs to what a server asks others from its named port itself: an answer comes in, or a question goes out
    /// (RFC 1035 section 4.1.1: the third byte's highest bit).
    fn is_of_servers_own_lookup(&self) -> bool {
        let is_answer = |flags: &u8| flags >> 7 == 1;
        self.is_at_server
            && self.payload.get(2).is_some_and(|flags| is_answer(flags) == (self.side == Side::ClientToServer))
    }

    fn ends(&self) -> Ends {
        let socket = self.socket;
        if self.is_at_server {
            Ends::OfServer { socket, client: self.client.ip() }
        } else {
            Ends::OfClient { socket, server: self.server }
        }
    }
}

/// Follows the datagrams of all clients, or all servers. It belongs to one thread, and knows no sockets.
pub struct DatagramReader<S: FlowSink> {
    sink: S,
    tools: ReaderTools,
    max_flows: usize,
    flows: HashMap<Ends, Flow<S>>,
    /// The client's socket that uses a port towards a server: errors of the network name no sockets.
    sockets: HashMap<(u16, SocketAddr), u64>,
    /// The flows of each socket.
    of_sockets: HashMap<u64, Vec<Ends>>,
    looked: Instant,
    made_room: Option<Instant>,
}

/// What makes a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// A client's socket, and a server.
    OfClient { socket: u64, server: SocketAddr },
    /// A server's socket, and the address of clients. Firewalls may show the server's own address in two ways, so that is not
    /// part of it.
    OfServer { socket: u64, client: IpAddr },
}

impl Ends {
    fn socket(&self) -> u64 {
        match self {
            Self::OfClient { socket, .. } | Self::OfServer { socket, .. } => *socket,
        }
    }
}

impl Hash for Ends {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.socket().hash(state);
        match self {
            // Few sockets ask more than some servers, and the kernel gives their numbers.
            Self::OfClient { .. } => {}
            Self::OfServer { client, .. } => client.hash(state),
        }
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
            tools: ReaderTools::new(KafkaKnowledge::default()),
            max_flows,
            flows: HashMap::new(),
            sockets: HashMap::new(),
            of_sockets: HashMap::new(),
            looked: Instant::now(),
            made_room: None,
        }
    }

    /// Reads a datagram. `info` is asked who is at its ends, once for each flow, and now and then for those of local servers.
    /// Whether there was room to follow it.
    ///
    /// A server's datagram that nobody asked for begins no flow, and is none of the reader's business: whoever can reach a
    /// client's socket could have as many flows as there may be. Nor is what a server asks others itself from the port at
    /// which it is asked.
    pub fn read(&mut self, datagram: &Datagram<'_>, info: impl FnOnce() -> ConnectionInfo) -> bool {
        if datagram.is_of_servers_own_lookup() {
            return true;
        }
        let ends = datagram.ends();
        if let Some(flow) = self.flows.get_mut(&ends) {
            if flow.is_outdated(datagram.at) {
                // A sink that fails is told of the datagram by its old flow, or of none.
                let _renewed = isolated(|| flow.renew(&self.sink, info(), datagram.at));
            }
            flow.read(&self.sink, &self.tools, datagram);
            return true;
        }
        if datagram.side == Side::ServerToClient {
            return true;
        }
        if self.flows.len() >= self.max_flows && !self.make_room(datagram.at) {
            return false;
        }
        let Ok(mut flow) = isolated(|| Flow::open(&self.sink, info(), datagram)) else {
            return false;
        };
        flow.read(&self.sink, &self.tools, datagram);
        self.flows.insert(ends, flow);
        if !datagram.is_at_server {
            self.sockets.insert((datagram.client.port(), datagram.server), datagram.socket);
        }
        self.of_sockets.entry(datagram.socket).or_default().push(ends);
        true
    }

    /// Reads a datagram if it may be an answer to a question that waits: the reading is about to end.
    pub fn read_awaited(&mut self, datagram: &Datagram<'_>) {
        let awaited = self.flows.get_mut(&datagram.ends()).filter(|flow| flow.is_waiting());
        if let Some(flow) =
            awaited.filter(|_| datagram.side == Side::ServerToClient && !datagram.is_of_servers_own_lookup())
        {
            flow.read(&self.sink, &self.tools, datagram);
        }
    }

    /// A socket was closed.
    pub fn closed(&mut self, socket: u64, at: Instant) {
        for ends in self.of_sockets.remove(&socket).unwrap_or_default() {
            if let Some(mut flow) = self.flows.remove(&ends) {
                flow.abandon(&self.sink, &self.tools, at);
                Self::close(&self.sink, &self.tools, &mut self.sockets, ends, flow);
            }
        }
    }

    /// A datagram from this local client's address could not be delivered to the server: the network says so. Whatever of it that
    /// message tells is the beginning of what it carried.
    pub fn unreachable(&mut self, client: SocketAddr, server: SocketAddr, beginning: &[u8], at: Instant) {
        let Some(&socket) = self.sockets.get(&(client.port(), server)) else { return };
        if let Some(flow) = self.flows.get_mut(&Ends::OfClient { socket, server })
            && flow.is_from(client)
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
            Self::close(sink, tools, sockets, ends, flow);
        }
        if self.flows.len() < before {
            let flows = &self.flows;
            self.of_sockets.retain(|_, of_socket| {
                of_socket.retain(|ends| flows.contains_key(ends));
                !of_socket.is_empty()
            });
        }
    }

    fn close(sink: &S, tools: &ReaderTools, sockets: &mut HashMap<(u16, SocketAddr), u64>, ends: Ends, flow: Flow<S>) {
        if let Ends::OfClient { socket, server } = ends {
            let key = (flow.port(), server);
            if sockets.get(&key) == Some(&socket) {
                sockets.remove(&key);
            }
        }
        // A sink that fails at the end of one is still told of the others.
        let _closed = isolated(|| flow.close(sink, tools));
    }
}
