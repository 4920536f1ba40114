//! The programs while they are attached.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;

use aya::maps::{MapData, SockMap};
use flowfold_redirect_abi::{ListenerSlot, OWNER_MAP, OwnerRecord};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::Resource;

use crate::bpf::Records;
use crate::cgroup::{self, Cgroup};
use crate::clock;
use crate::namespace::NetworkNamespace;
use crate::object::{Hook, Link, Object};
use crate::stats::Counters;
use crate::{DatagramTap, Listeners, Lookups, Plan, ProgramStatus, RedirectError, SteeringStats, owner};

/// The bounds of how many connections get a record: enough for the smallest limit of descriptors, and an end to the
/// memory (about 150 bytes per entry, taken at once) for the largest.
const FEWEST_CONNECTIONS: u32 = 4_096;
const MOST_CONNECTIONS: u32 = 262_144;

/// The programs of one network namespace, loaded and attached. Dropping it detaches them all; so does the death of
/// the process, as nothing is pinned.
#[derive(Debug)]
pub struct Redirect {
    /// In the order they are detached by [`Redirect::stop_steering`].
    steering: Vec<(Hook, Link)>,
    /// What open connections need; after the steering ones, so dropped after them.
    serving: Vec<(Hook, Link)>,
    lookups: Lookups,
    heartbeat: Records<u32, u64>,
    paused: Records<u32, u32>,
    counters: Counters,
    /// The record that other agents find.
    owner: Records<u32, OwnerRecord>,
    netns_cookie: u64,
    alone: bool,
    /// Whether the plan has incoming connections or datagrams.
    ingress: bool,
    /// Whether it has datagrams.
    datagrams: bool,
    tap: Option<DatagramTap>,
    cgroup: Cgroup,
}

const _: () = {
    const fn is_shared_between_threads<T: Send + Sync>() {}
    is_shared_between_threads::<Redirect>();
    is_shared_between_threads::<Lookups>();
};

impl Drop for Redirect {
    /// The kernel keeps maps a moment longer than the programs that used them, and this process may want its ports
    /// again at once.
    fn drop(&mut self) {
        self.stop_steering();
    }
}

impl Redirect {
    /// Loads and attaches. The calling thread must be in the network namespace that is steered, the one the
    /// listeners were opened in. Steering starts with the first [`Redirect::beat`].
    pub fn attach(plan: &Plan, listeners: &Listeners) -> Result<Self, RedirectError> {
        let ports = plan.ingress.iter().chain(&plan.egress).chain(&plan.egress_udp).chain(&plan.ingress_udp);
        let mut ports = ports.peekable();
        if ports.peek().is_none() || ports.any(|&port| port == 0) {
            return Err(RedirectError::NothingToSteer);
        }
        let netns = NetworkNamespace::current()?;
        let cgroup = Cgroup::open(&plan.cgroup)?;
        let own_cgroup = Cgroup::own()?;
        let root = Cgroup::open(&cgroup::cgroup2_mount()?)?;
        let record = owner::record::own(plan, &netns, &cgroup, listeners)?;

        let datagrams = plan.has_datagrams();
        let mut object = Object::create_maps(connections_by_descriptor_limit(), datagrams)?;
        let owner_map = object.map_id(OWNER_MAP)?;
        let owner_records = object.records(OWNER_MAP)?;
        owner_records.put(&0, &record).map_err(|source| RedirectError::Map {
            call: "write",
            map: OWNER_MAP,
            source,
        })?;
        let alone = owner::check(owner_map, &record)?;

        for hook in Hook::ALL {
            object.load(hook)?;
        }
        publish_listeners(&mut object, listeners)?;
        let tap = if datagrams { Some(DatagramTap::open(&mut object)?) } else { None };
        let lookups = Lookups::new(&object, listeners.v4_addr().into(), listeners.v6_addr().map(Into::into))?;
        let counters = Counters::new(object.take_map(Counters::MAP)?)?;
        let mut redirect = Self {
            steering: Vec::new(),
            serving: Vec::new(),
            lookups,
            heartbeat: object.records("HEARTBEAT")?,
            paused: object.records("PAUSED")?,
            counters,
            owner: owner_records,
            netns_cookie: netns.cookie,
            alone,
            ingress: !plan.ingress.is_empty() || !plan.ingress_udp.is_empty(),
            datagrams,
            tap,
            cgroup,
        };
        if datagrams {
            // A server may be in any cgroup. Where the steered one is of another tree, its clients come first.
            let seen = (!plan.ingress_udp.is_empty() && root.holds(&redirect.cgroup)).then_some(&root);
            redirect.attach_for_datagrams(&mut object, seen)?;
        }
        redirect.attach_all(&mut object, &netns, &root, own_cgroup.as_ref())?;
        Ok(redirect)
    }

    /// Handle for the data path.
    pub fn lookups(&self) -> Lookups {
        self.lookups.clone()
    }

    /// The reading end of the datagrams that pass by, if the plan has any; once.
    pub fn take_datagrams(&mut self) -> Option<DatagramTap> {
        self.tap.take()
    }

    /// Tells the programs that the agent is alive; due a few times per second, as they stop steering a second
    /// after the last one.
    pub fn beat(&self) -> Result<(), RedirectError> {
        let map = "HEARTBEAT";
        self.heartbeat.put(&0, &clock::nanoseconds()).map_err(|source| RedirectError::Map {
            call: "write",
            map,
            source,
        })
    }

    /// While paused, new connections go direct and are counted.
    pub fn set_paused(&self, paused: bool) -> Result<(), RedirectError> {
        let map = "PAUSED";
        self.paused.put(&0, &u32::from(paused)).map_err(|source| RedirectError::Map { call: "write", map, source })
    }

    /// Detaches what steers; new connections go direct from here on, or to the next agent, for whom the ports are
    /// free now. Open ones keep what they show as their peer until drop, and sockets for
    /// datagrams that are known are read until then.
    pub fn stop_steering(&mut self) {
        self.steering.clear();
        // The namespace stays: open connections of its sockets are still told their peers.
        let idle = OwnerRecord { netns_cookie: self.netns_cookie, ..OwnerRecord::IDLE };
        // If it fails, the ports are taken until this process ends.
        let _outcome: io::Result<()> = self.owner.put(&0, &idle);
    }

    /// Each program that the plan takes and whether it is attached.
    pub fn programs(&self) -> Vec<ProgramStatus> {
        let attached = |hook| self.steering.iter().chain(&self.serving).any(|(other, _)| *other == hook);
        let taken = Hook::ALL.iter().filter(|hook| self.takes(**hook));
        taken.map(|&hook| ProgramStatus { name: hook.name(), attached: attached(hook) }).collect()
    }

    /// What the programs counted.
    pub fn stats(&self) -> Result<SteeringStats, RedirectError> {
        self.counters.read()
    }

    /// Was it made sure that no other agent steers the same? Seeing other agents takes `CAP_SYS_ADMIN`; without it
    /// attaching goes on unchecked.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Is the steered cgroup still there? The kernel detaches programs from a cgroup that is removed, and one made anew
    /// under the same path is another.
    pub fn has_its_cgroup(&self) -> bool {
        self.cgroup.is_at_its_path()
    }

    /// Whether the plan needs a program. Each runs for the traffic of others, too.
    fn takes(&self, hook: Hook) -> bool {
        match hook {
            Hook::Lookup => self.ingress,
            _ => self.datagrams || !hook.is_for_datagrams(),
        }
    }

    /// First what serves, so that the first connection that is steered finds everything in place.
    fn attach_all(
        &mut self,
        object: &mut Object,
        netns: &NetworkNamespace,
        root: &Cgroup,
        own_cgroup: Option<&Cgroup>,
    ) -> Result<(), RedirectError> {
        let cgroup = &self.cgroup;
        for target in cgroups_of_sockets(cgroup, own_cgroup) {
            self.serving.push((Hook::SockOps, object.attach(Hook::SockOps, target, &target.path)?));
        }
        // Incoming connections are steered for the whole network namespace, so a server in any cgroup must be told its
        // real clients.
        for hook in [Hook::PeerName4, Hook::PeerName6] {
            self.serving.push((hook, object.attach(hook, root, &root.path)?));
        }
        self.check_own_sockets_are_seen()?;
        for hook in [Hook::Connect4, Hook::Connect6] {
            self.steering.push((hook, object.attach(hook, cgroup, &cgroup.path)?));
        }
        if self.takes(Hook::Lookup) {
            self.steering.push((Hook::Lookup, object.attach(Hook::Lookup, netns, NetworkNamespace::path())?));
        }
        Ok(())
    }

    /// What sees the datagrams comes first, and what knows their sockets last, so that no question is without its answer. It
    /// also stays when steering ends: answers may be on their way. Datagrams are seen of all below a cgroup, the steered one unless
    /// another is given.
    fn attach_for_datagrams(&mut self, object: &mut Object, seen: Option<&Cgroup>) -> Result<(), RedirectError> {
        let cgroup = &self.cgroup;
        let seen = seen.unwrap_or(cgroup);
        for hook in [Hook::DatagramEnd, Hook::DatagramIn, Hook::DatagramOut] {
            self.serving.push((hook, object.attach(hook, seen, &seen.path)?));
        }
        for hook in [Hook::SendMsg4, Hook::SendMsg6] {
            self.steering.push((hook, object.attach(hook, cgroup, &cgroup.path)?));
        }
        Ok(())
    }

    /// If the programs missed the agent's upstream connections, they would steer each back to the agent, which would
    /// open another, without end. So one connection is opened for a test, to a listener made for it.
    fn check_own_sockets_are_seen(&self) -> Result<(), RedirectError> {
        let failed = |call| move |source| RedirectError::Call { call, source };
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed("listen on 127.0.0.1"))?;
        let remote = server.local_addr().map_err(failed("getsockname"))?;
        // Nonblocking: the SYN is made before connect returns, and what becomes of it does not matter.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
            .map_err(|errno| failed("socket")(errno.into()))?;
        self.lookups.prepare_upstream(socket.as_fd(), remote).map_err(failed("mark a socket as the agent's own"))?;
        match rustix::net::connect(&socket, &remote) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(errno) => return Err(failed("connect to 127.0.0.1")(errno.into())),
        }
        let local = rustix::net::getsockname(&socket)
            .and_then(SocketAddr::try_from)
            .map_err(|errno| failed("getsockname")(errno.into()))?;
        let seen = self.lookups.upstream_client(local, remote).map_err(failed("look up an upstream connection"))?;
        if seen.is_none() {
            return Err(RedirectError::OwnSocketsUnseen { cgroup: cgroup::own_path()?.unwrap_or_default() });
        }
        Ok(())
    }
}

/// The cgroups that together hold the sockets of the steered processes and of the agent, without doubles: a program
/// sees everything below the cgroup it is attached to.
fn cgroups_of_sockets<'a>(steered: &'a Cgroup, own: Option<&'a Cgroup>) -> Vec<&'a Cgroup> {
    match own {
        Some(own) if steered.holds(own) => vec![steered],
        Some(own) if own.holds(steered) => vec![own],
        Some(own) => vec![steered, own],
        None => vec![steered],
    }
}

fn publish_listeners(object: &mut Object, listeners: &Listeners) -> Result<(), RedirectError> {
    const MAP: &str = "LISTENERS";
    let mut map: SockMap<MapData> =
        object.take_map(MAP)?.try_into().map_err(|_| RedirectError::Object { part: MAP })?;
    let (v4, v6) = listeners.groups().ok_or(RedirectError::NothingToSteer)?;
    for (slot, listener) in [(ListenerSlot::V4, Some(v4)), (ListenerSlot::V6, v6)] {
        if let Some(listener) = listener {
            map.set(slot as u32, &listener, 0).map_err(|error| RedirectError::Map {
                call: "put a listener into",
                map: MAP,
                source: owner::errno_of(&error),
            })?;
        }
    }
    Ok(())
}

/// A connection takes two descriptors of the agent. An LRU map evicts before it is quite full, so twice as much.
fn connections_by_descriptor_limit() -> u32 {
    let limit = rustix::process::getrlimit(Resource::Nofile).maximum;
    limit
        .and_then(|limit| u32::try_from(limit).ok())
        .map_or(MOST_CONNECTIONS, |limit| limit.checked_next_power_of_two().unwrap_or(MOST_CONNECTIONS))
        .clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS)
}
