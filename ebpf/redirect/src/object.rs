//! The committed object, and what is in it.

use std::fmt;
use std::os::fd::AsFd;
use std::path::Path;

use aya::maps::{Map, MapData};
use aya::programs::cgroup_skb::CgroupSkbLink;
use aya::programs::cgroup_sock::CgroupSockLink;
use aya::programs::cgroup_sock_addr::CgroupSockAddrLink;
use aya::programs::sk_lookup::SkLookupLink;
use aya::programs::sock_ops::SockOpsLink;
use aya::programs::{
    CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, Program, ProgramError, SkLookup,
    SockOps,
};
use aya::util::online_cpus;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use flowfold_redirect_abi::{DATAGRAM_RING_BYTES, DATAGRAM_RING_MAPS, DATAGRAM_RING_MASK, DATAGRAM_RINGS, Plain};

use crate::RedirectError;
use crate::bpf::Records;
use crate::ring::Ring;

/// Made by `ebpf/build`.
static OBJECT: &[u8] = include_bytes_aligned!("../../prebuilt/flowfold.bpf.o");

/// Maps that hold one record per open connection.
const CONNECTION_MAPS: [&str; 2] = ["EGRESS_SOCKETS", "UPSTREAMS"];

/// The programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Lookup,
    Connect4,
    Connect6,
    PeerName4,
    PeerName6,
    SockOps,
    SendMsg4,
    SendMsg6,
    DatagramOut,
    DatagramIn,
    DatagramEnd,
}

impl Hook {
    pub(crate) const ALL: [Self; 11] = [
        Self::Lookup,
        Self::Connect4,
        Self::Connect6,
        Self::PeerName4,
        Self::PeerName6,
        Self::SockOps,
        Self::SendMsg4,
        Self::SendMsg6,
        Self::DatagramOut,
        Self::DatagramIn,
        Self::DatagramEnd,
    ];

    /// The program's name in the object and in the kernel.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "flowfold_lookup",
            Self::Connect4 => "flowfold_conn4",
            Self::Connect6 => "flowfold_conn6",
            Self::PeerName4 => "flowfold_peer4",
            Self::PeerName6 => "flowfold_peer6",
            Self::SockOps => "flowfold_ops",
            Self::SendMsg4 => "flowfold_send4",
            Self::SendMsg6 => "flowfold_send6",
            Self::DatagramOut => "flowfold_udpout",
            Self::DatagramIn => "flowfold_udpin",
            Self::DatagramEnd => "flowfold_udpend",
        }
    }

    /// Does it see datagrams alone? Without a rule for them it is not attached.
    pub(crate) const fn is_for_datagrams(self) -> bool {
        matches!(self, Self::SendMsg4 | Self::SendMsg6 | Self::DatagramOut | Self::DatagramIn | Self::DatagramEnd)
    }
}

/// An attached program; dropping it detaches. Nothing is pinned, so the death of the process detaches too.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what its drop does")]
pub(crate) enum Link {
    Lookup(SkLookupLink),
    SockAddr(CgroupSockAddrLink),
    SockOps(SockOpsLink),
    Skb(CgroupSkbLink),
    Sock(CgroupSockLink),
}

/// The object with its maps created.
pub(crate) struct Object {
    ebpf: Ebpf,
    /// How many ring buffers for datagrams the programs use.
    rings: usize,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Object")
    }
}

impl Object {
    /// Creates the maps, those with a record per connection for this many. Those for datagrams take memory where there are
    /// rules for them.
    pub(crate) fn create_maps(connections: u32, datagrams: bool) -> Result<Self, RedirectError> {
        let mut loader = EbpfLoader::new();
        // Nothing in the object depends on the kernel's own types, so those need not be read.
        loader.btf(None);
        for name in CONNECTION_MAPS {
            loader.map_max_entries(name, connections);
        }
        if !datagrams {
            loader.map_max_entries("UDP_SOCKETS", 1);
        }
        let rings = if datagrams { datagram_rings() } else { 0 };
        let mask = u32::try_from(rings.saturating_sub(1)).unwrap_or(0);
        loader.override_global(DATAGRAM_RING_MASK, &mask, true);
        let page = u32::try_from(rustix::param::page_size()).unwrap_or(DATAGRAM_RING_BYTES);
        for unused in DATAGRAM_RING_MAPS.iter().skip(rings) {
            loader.map_max_entries(unused, page);
        }
        let ebpf = loader.load(OBJECT).map_err(|source| RedirectError::Maps { source: Box::new(source) })?;
        Ok(Self { ebpf, rings })
    }

    /// Passes a program through the verifier.
    pub(crate) fn load(&mut self, hook: Hook) -> Result<(), RedirectError> {
        let name = hook.name();
        let program = self.program(name)?;
        let loaded = match program {
            Program::SkLookup(program) => program.load(),
            Program::CgroupSockAddr(program) => program.load(),
            Program::SockOps(program) => program.load(),
            Program::CgroupSkb(program) => program.load(),
            Program::CgroupSock(program) => program.load(),
            _ => Err(ProgramError::UnexpectedProgramType),
        };
        loaded.map_err(|source| RedirectError::program(name, source))
    }

    /// Attaches a loaded program to a cgroup's directory or, the lookup, to a network namespace.
    pub(crate) fn attach(&mut self, hook: Hook, target: impl AsFd, path: &Path) -> Result<Link, RedirectError> {
        let name = hook.name();
        let attached = match self.program(name)? {
            Program::SkLookup(program) => attach_lookup(program, target).map(Link::Lookup),
            Program::CgroupSockAddr(program) => attach_sock_addr(program, target).map(Link::SockAddr),
            Program::SockOps(program) => attach_sock_ops(program, target).map(Link::SockOps),
            Program::CgroupSkb(program) => attach_skb(program, target, hook).map(Link::Skb),
            Program::CgroupSock(program) => attach_sock(program, target).map(Link::Sock),
            _ => Err(ProgramError::UnexpectedProgramType),
        };
        attached.map_err(|source| RedirectError::Attach {
            program: name,
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// The kernel's id of a map.
    pub(crate) fn map_id(&self, name: &'static str) -> Result<u32, RedirectError> {
        let id = match self.ebpf.map(name) {
            Some(Map::Array(map)) => map.info().ok().map(|info| info.id()),
            _ => None,
        };
        id.ok_or(RedirectError::Object { part: name })
    }

    /// Hands out the ring buffers that are used, as it does any map.
    pub(crate) fn take_datagram_rings(&mut self) -> Result<Vec<Ring>, RedirectError> {
        let rings = self.rings;
        let ring = |name: &&'static str| match self.take_map(name)? {
            Map::RingBuf(map) => {
                Ring::open(map).map_err(|source| RedirectError::Map { call: "look into", map: name, source })
            }
            _ => Err(RedirectError::Object { part: name }),
        };
        DATAGRAM_RING_MAPS.iter().take(rings).map(ring).collect()
    }

    /// Hands out a map for keeps. Only after the programs are loaded: they name the map by its open descriptor.
    pub(crate) fn take_map(&mut self, name: &'static str) -> Result<Map, RedirectError> {
        self.ebpf.take_map(name).ok_or(RedirectError::Object { part: name })
    }

    /// A handle of its own on a map of records.
    pub(crate) fn records<K: Plain, V: Plain>(&self, name: &'static str) -> Result<Records<K, V>, RedirectError> {
        match self.ebpf.map(name) {
            Some(Map::Array(map) | Map::HashMap(map) | Map::LruHashMap(map)) => records(map, name),
            _ => Err(RedirectError::Object { part: name }),
        }
    }

    fn program(&mut self, name: &'static str) -> Result<&mut Program, RedirectError> {
        self.ebpf.program_mut(name).ok_or(RedirectError::Object { part: name })
    }
}

/// How many ring buffers are used: one for each processor, as far as they go.
fn datagram_rings() -> usize {
    let processors = online_cpus().map_or(1, |online| online.len());
    processors.next_power_of_two().min(DATAGRAM_RINGS)
}

fn records<K: Plain, V: Plain>(map: &MapData, name: &'static str) -> Result<Records<K, V>, RedirectError> {
    let info = map.info().map_err(|_| RedirectError::Object { part: name })?;
    Records::new(map.fd(), info.key_size(), info.value_size()).map_err(|source| RedirectError::Map {
        call: "duplicate the descriptor of",
        map: name,
        source,
    })
}

fn attach_lookup(program: &mut SkLookup, netns: impl AsFd) -> Result<SkLookupLink, ProgramError> {
    let id = program.attach(netns)?;
    program.take_link(id)
}

/// `Single` is no flag at all; on a link, which is what the loader makes from Linux 5.7 on, the kernel itself allows
/// many programs per cgroup and refuses the flag that says so.
fn attach_sock_addr(program: &mut CgroupSockAddr, cgroup: impl AsFd) -> Result<CgroupSockAddrLink, ProgramError> {
    let id = program.attach(cgroup, CgroupAttachMode::Single)?;
    program.take_link(id)
}

fn attach_sock_ops(program: &mut SockOps, cgroup: impl AsFd) -> Result<SockOpsLink, ProgramError> {
    let id = program.attach(cgroup, CgroupAttachMode::Single)?;
    program.take_link(id)
}

fn attach_skb(program: &mut CgroupSkb, cgroup: impl AsFd, hook: Hook) -> Result<CgroupSkbLink, ProgramError> {
    let way = if hook == Hook::DatagramIn { CgroupSkbAttachType::Ingress } else { CgroupSkbAttachType::Egress };
    let id = program.attach(cgroup, way, CgroupAttachMode::Single)?;
    program.take_link(id)
}

fn attach_sock(program: &mut CgroupSock, cgroup: impl AsFd) -> Result<CgroupSockLink, ProgramError> {
    let id = program.attach(cgroup, CgroupAttachMode::Single)?;
    program.take_link(id)
}
