//! The agent's sockets for datagrams.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use flowfold_redirect_abi::{Endpoint, UDP_SERVERS_PER_FAMILY};
use rustix::net::sockopt;

use crate::address::endpoint;
use crate::object::Object;
use crate::{Listeners, RedirectError};

/// Room (bytes) for datagrams that wait to be read. All clients of a server share a socket here, where each would have
/// the room of its own without the agent; small datagrams take about 800 bytes each of it.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Opens one at a free port.
pub(crate) fn open(address: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_nonblocking(true)?;
    // Without the privilege the system's limit (`net.core.rmem_max`) holds.
    if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
    }
    Ok(socket)
}

/// Tells the programs which sockets there are.
pub(crate) fn publish(object: &Object, listeners: &Listeners) -> Result<(), RedirectError> {
    const MAP: &str = "UDP_POOL";
    let sockets = listeners
        .datagram_addrs()
        .map_err(|source| RedirectError::Call { call: "getsockname of a socket for datagrams", source })?;
    if sockets.is_empty() {
        return Err(RedirectError::NoDatagramSockets);
    }
    let pool = object.records::<u32, Endpoint>(MAP)?;
    for (first, is_v4) in [(0, true), (UDP_SERVERS_PER_FAMILY, false)] {
        let of_family = sockets.iter().filter(|socket: &&SocketAddr| socket.is_ipv4() == is_v4);
        for (place, socket) in (first..first + UDP_SERVERS_PER_FAMILY).zip(of_family) {
            pool.put(&place, &endpoint(*socket)).map_err(|source| RedirectError::Map {
                call: "put a socket into",
                map: MAP,
                source,
            })?;
        }
    }
    Ok(())
}
