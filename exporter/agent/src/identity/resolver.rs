//! A worker's access to the directory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use flowfold_flow::Workload;

use super::directory::{Directory, Scanned};
use super::listeners::Transport;
use super::{LocalProcess, Side};

/// The most clients, and the most servers, that a worker remembers the names of.
const MAX_REMEMBERED: usize = 4_096;

/// A local process that opened a connection, as the programs report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Its process id in the initial pid namespace.
    pub pid: u32,
    /// The id of its cgroup.
    pub cgroup_id: u64,
    /// The name of the thread that connected, padded with zeros.
    pub thread: [u8; 16],
}

/// Names the ends of a worker's connections. Belongs to one thread; what it has answered once costs a hash look-up.
#[derive(Debug)]
pub struct Resolver {
    directory: Arc<Directory>,
    view: RefCell<View>,
}

/// What was derived from one scan.
#[derive(Debug, Default)]
struct View {
    scanned: Arc<Scanned>,
    clients: HashMap<ClientKey, Arc<Workload>>,
    servers: HashMap<(Transport, IpAddr, u16), Arc<Workload>>,
}

/// Everything that a client's name can depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClientKey {
    ip: IpAddr,
    caller: Option<Caller>,
}

impl Resolver {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        let view = View { scanned: directory.scanned(), ..View::default() };
        Self { directory, view: RefCell::new(view) }
    }

    /// Who the client is.
    pub fn client(&self, ip: IpAddr, caller: Option<&Caller>) -> Arc<Workload> {
        let ip = ip.to_canonical();
        let key = ClientKey { ip, caller: caller.copied() };
        let view = &mut *self.current_view();
        remembered(&mut view.clients, key, || {
            let process = caller.map_or_else(LocalProcess::default, |caller| LocalProcess {
                cgroup: self.directory.cgroups.path(caller.cgroup_id, caller.pid),
                command: self.directory.command(caller.pid, &caller.thread).map(Into::into),
            });
            self.directory.name(Side { ip, server_port: None, cgroup: None }, &process)
        })
    }

    /// Who the server is.
    pub fn server(&self, address: SocketAddr) -> Arc<Workload> {
        self.server_by(address, Transport::Tcp)
    }

    /// Who the server of datagrams is. Where no socket for them is known, it is who takes connections there: name servers do
    /// both.
    pub fn datagram_server(&self, address: SocketAddr) -> Arc<Workload> {
        self.server_by(address, Transport::Udp)
    }

    fn server_by(&self, address: SocketAddr, transport: Transport) -> Arc<Workload> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let View { scanned, servers, .. } = &mut *self.current_view();
        remembered(servers, (transport, ip, port), || {
            let process = scanned.listener(transport, ip, port);
            let process = process.or_else(|| scanned.listener(Transport::Tcp, ip, port)).cloned().unwrap_or_default();
            self.directory.name(Side { ip, server_port: Some(port), cgroup: None }, &process)
        })
    }

    /// Whether an address is this host's own.
    pub fn is_local(&self, ip: IpAddr) -> bool {
        self.current_view().scanned.is_local(ip.to_canonical())
    }

    /// The view of the last scan. A new scan empties what was derived from the one before.
    fn current_view(&self) -> std::cell::RefMut<'_, View> {
        let mut view = self.view.borrow_mut();
        if self.directory.has_moved_on(&view.scanned) {
            *view = View { scanned: self.directory.scanned(), ..View::default() };
        }
        view
    }
}

fn remembered<K: Eq + Hash>(
    names: &mut HashMap<K, Arc<Workload>>,
    key: K,
    find: impl FnOnce() -> Arc<Workload>,
) -> Arc<Workload> {
    if let Some(known) = names.get(&key) {
        return Arc::clone(known);
    }
    if names.len() >= MAX_REMEMBERED {
        // Starting over keeps the memory bounded, and needs no order of use.
        names.clear();
    }
    let found = find();
    names.insert(key, Arc::clone(&found));
    found
}

#[cfg(test)]
mod tests;
