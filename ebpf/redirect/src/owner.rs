//! Who steers what on this host.
//!
//! Each agent leaves a record in a map of a known name, which is there at least as long as the agent holds it (the
//! kernel may take a moment more). A new agent first creates its own map, writes its record, and then looks at all
//! others with a smaller map id: of two that start at the same moment, the one with the smaller id goes on and the
//! other sees it. An agent that lets go of its ports says so in its record.

use std::io;
use std::time::{Duration, SystemTime};

use aya::maps::{MapData, MapInfo, loaded_maps};
use flowfold_redirect_abi::{OWNER_MAP, OwnerRecord};

use crate::RedirectError;

pub(crate) mod record;

/// How often and how long another agent, which is between creating its map and writing its record, is waited for.
/// The two are a few system calls apart.
const UNWRITTEN_WAIT: Duration = Duration::from_millis(5);
const UNWRITTEN_ROUNDS: usize = 100;

/// A live agent, as its own record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its process id (in its own pid namespace).
    pub pid: u32,
    /// Inode number of the network namespace that it steers.
    pub netns: u64,
    /// Local ports whose incoming connections it steers.
    pub ingress: Vec<u16>,
    /// Destination ports whose outgoing connections it steers.
    pub egress: Vec<u16>,
    /// Destination ports whose outgoing UDP datagrams it reads.
    pub egress_udp: Vec<u16>,
    /// Local ports whose incoming UDP datagrams it reads.
    pub ingress_udp: Vec<u16>,
    /// Since when.
    pub since: SystemTime,
    /// What it says about itself.
    pub description: String,
}

/// All live agents of this host. Needs `CAP_SYS_ADMIN`.
pub fn owners() -> io::Result<Vec<Owner>> {
    let mut owners = Vec::new();
    for (_, map) in owner_maps()? {
        if let Some(record) = map.read()?
            && !record.is_idle()
            && record::is_live(&record)
        {
            owners.push(record::owner(&record));
        }
    }
    Ok(owners)
}

/// Refuses if an agent that was here before (a smaller map id) has one of the record's ports.
/// False: other agents can't be seen with the privileges of this process, so nothing was checked.
pub(crate) fn check(own_map: u32, own: &OwnerRecord) -> Result<bool, RedirectError> {
    let failed = |source| RedirectError::Map { call: "read another agent's", map: OWNER_MAP, source };
    let maps = match owner_maps() {
        Ok(maps) => maps,
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    for (_, map) in maps.into_iter().filter(|(id, _)| *id < own_map) {
        let Some(other) = written(&map).map_err(failed)? else { continue };
        if let Some((direction, port)) = record::overlap(own, &other)
            && record::is_live(&other)
        {
            let owner = record::owner(&other);
            return Err(RedirectError::AlreadySteered {
                port,
                direction,
                pid: owner.pid,
                description: owner.description,
                since: owner.since,
            });
        }
    }
    Ok(true)
}

/// The map's record, waiting a moment for one that is about to be written. None: it never was, or it is of a version
/// with a smaller record.
fn written(map: &OtherMap) -> io::Result<Option<OwnerRecord>> {
    for _ in 0..UNWRITTEN_ROUNDS {
        match map.read()? {
            Some(record) if record.version == 0 => std::thread::sleep(UNWRITTEN_WAIT),
            other => return Ok(other),
        }
    }
    Ok(None)
}

struct OtherMap {
    data: MapData,
    value_size: u32,
}

impl OtherMap {
    /// What its record says now; all zeros if it is not written yet.
    fn read(&self) -> io::Result<Option<OwnerRecord>> {
        crate::bpf::first_entry_prefix(self.data.fd(), self.value_size)
    }
}

/// Every loaded map of the name, by id. One that goes away meanwhile is left out.
fn owner_maps() -> io::Result<Vec<(u32, OtherMap)>> {
    let mut found = Vec::new();
    for next in loaded_maps() {
        let info: MapInfo = match next.map_err(|error| errno_of(&error)) {
            Ok(info) => info,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
            Err(error) => return Err(error),
        };
        if info.name() != OWNER_MAP.as_bytes() {
            continue;
        }
        match MapData::from_id(info.id()).map_err(|error| errno_of(&error)) {
            Ok(data) => found.push((info.id(), OtherMap { data, value_size: info.value_size() })),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The operating system's error inside a loader's error.
pub(crate) fn errno_of(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(errno) = inner.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(errno);
        }
        cause = inner.source();
    }
    io::Error::other(error.to_string())
}
