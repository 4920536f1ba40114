//! The sockets of the calling thread's network namespace, as the kernel lists them to `ss` (`sock_diag(7)`).
//!
//! /proc/net/tcp has the same, but the kernel walks its whole table of connections for it, whatever is read of it: some
//! milliseconds on a machine with much memory, against some ten microseconds for the listening sockets alone.

use std::io;
use std::net::SocketAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as Netlink};

/// One socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The inode number by which a process' descriptors name it.
    pub(crate) inode: u64,
}

/// The sockets that wait for connections.
pub(crate) fn listening() -> io::Result<Vec<Row>> {
    of_both_families(IPPROTO_TCP, &StateFlags::LISTEN)
}

/// The sockets of connections that are open in both directions.
pub(crate) fn established() -> io::Result<Vec<Row>> {
    of_both_families(IPPROTO_TCP, &StateFlags::ESTABLISHED)
}

/// The UDP sockets that are not connected, as those of servers are. Of the kernel that lists none, see
/// [`connected_datagrams`].
pub(crate) fn unconnected_datagrams() -> io::Result<Vec<Row>> {
    of_both_families(IPPROTO_UDP, &StateFlags::CLOSE)
}

/// The UDP sockets that are connected. A kernel may be built without the part that lists them (`CONFIG_INET_UDP_DIAG`).
pub(crate) fn connected_datagrams() -> io::Result<Vec<Row>> {
    of_both_families(IPPROTO_UDP, &StateFlags::ESTABLISHED)
}

fn of_both_families(protocol: u8, states: &StateFlags) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (family, any) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
        list((family, protocol), any, states.clone(), &mut rows)?;
    }
    Ok(rows)
}

fn list((family, protocol): (u8, u8), socket_id: SocketId, states: StateFlags, rows: &mut Vec<Row>) -> io::Result<()> {
    let socket = open()?;
    let request = InetRequest { family, protocol, extensions: ExtensionFlags::empty(), states, socket_id };
    send(&socket, request, NLM_F_REQUEST | NLM_F_DUMP)?;
    loop {
        let (answer, _) = socket.recv_from_full()?;
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(io::Error::other)?;
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => rows.push(row(&found)),
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            // Messages are aligned to four bytes (`netlink(7)`), the last one not necessarily.
            let length = (message.header.length as usize).next_multiple_of(4).max(4);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.connect(&Netlink::new(0, 0))?;
    Ok(socket)
}

fn send(socket: &Socket, request: InetRequest, flags: u16) -> io::Result<()> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).map(drop)
}

fn row(found: &InetResponse) -> Row {
    let id = &found.header.socket_id;
    Row {
        local: SocketAddr::new(id.source_address.to_canonical(), id.source_port),
        remote: SocketAddr::new(id.destination_address.to_canonical(), id.destination_port),
        inode: found.header.inode.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_and_both_ends_of_its_connection_are_listed() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(any) else {
                assert!(any.starts_with('['), "only IPv6 may be missing here");
                continue;
            };
            let server = listener.local_addr().unwrap();
            let connection = TcpStream::connect(server).unwrap();
            let client = connection.local_addr().unwrap();
            let listening = listening().unwrap();
            assert!(listening.iter().any(|row| row.local == server && row.inode > 0));
            assert!(listening.iter().all(|row| row.local != client));
            let established = established().unwrap();
            let has = |local, remote| established.iter().any(|row| (row.local, row.remote) == (local, remote));
            assert!(has(server, client) && has(client, server));
        }
    }

    #[test]
    fn a_connected_socket_for_datagrams_is_listed_where_the_kernel_lists_any() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listed = connected_datagrams().unwrap();
        let local = socket.local_addr().unwrap();
        let unconnected = unconnected_datagrams().unwrap();
        assert!(unconnected.iter().any(|row| row.local == local && row.inode > 0));
        assert!(listed.iter().all(|row| row.local != local), "it is not connected");
        let server = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        socket.connect(server).unwrap();
        match connected_datagrams() {
            Ok(rows) => assert!(rows.iter().any(|row| (row.local, row.remote) == (local, server))),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
        }
        assert!(unconnected_datagrams().unwrap().iter().all(|row| row.local != local));
    }
}
