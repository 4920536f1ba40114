//! The TCP sockets of the calling thread's network namespace, as the kernel lists them to `ss` (`sock_diag(7)`).
//!
//! /proc/net/tcp has the same, but the kernel walks its whole table of connections for it, whatever is read of it: some
//! milliseconds on a machine with much memory, against some ten microseconds for the listening sockets alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as Netlink};

/// One TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The inode number by which a process' descriptors name it.
    pub(crate) inode: u64,
}

/// The sockets that wait for connections.
pub(crate) fn listening() -> io::Result<Vec<Row>> {
    of_both_families(&StateFlags::LISTEN)
}

/// The sockets of connections that are open in both directions.
pub(crate) fn established() -> io::Result<Vec<Row>> {
    of_both_families(&StateFlags::ESTABLISHED)
}

fn of_both_families(states: &StateFlags) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (family, any) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
        list(family, any, states.clone(), &mut rows)?;
    }
    Ok(rows)
}

fn list(family: u8, socket_id: SocketId, states: StateFlags, rows: &mut Vec<Row>) -> io::Result<()> {
    let socket = open()?;
    let request = InetRequest { family, protocol: IPPROTO_TCP, extensions: ExtensionFlags::empty(), states, socket_id };
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

/// Finds single UDP sockets.
#[derive(Debug, Default)]
pub(crate) struct UdpSockets {
    socket: Option<Socket>,
    /// Whether this kernel lists UDP sockets, once that is known. One that doesn't looks for a module with each question.
    are_listed: Option<bool>,
}

impl UdpSockets {
    /// The cookie (`SO_COOKIE`) of the socket that sent a datagram from `local` to `remote`.
    pub(crate) fn cookie(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<u64> {
        if self.are_listed == Some(false) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let found = self.find(local, remote);
        match &found {
            Ok(_) => self.are_listed = Some(true),
            // So it answers for a socket that is gone, too.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.are_listed.is_none() => {
                self.are_listed = self.finds_its_own();
            }
            Err(_) => {}
        }
        found
    }

    /// Whether a socket is found that is certainly there. None: there is none to look for, or it could not be
    /// asked.
    fn finds_its_own(&mut self) -> Option<bool> {
        let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let address = own.local_addr().ok()?;
        match self.find(address, address) {
            Ok(_) => Some(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(
                    "this kernel does not list UDP sockets (CONFIG_INET_UDP_DIAG): the processes that send datagrams stay unknown"
                );
                Some(false)
            }
            Err(_) => None,
        }
    }

    fn find(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<u64> {
        let socket = self.socket.take().map_or_else(open, Ok)?;
        // A socket that failed in the middle of an answer is not asked again.
        let found = ask_for_cookie(&socket, local, remote)?;
        self.socket = Some(socket);
        found
    }
}

/// The answer, if there is one, is an answer to this question: the socket asks one at a time.
fn ask_for_cookie(socket: &Socket, local: SocketAddr, remote: SocketAddr) -> io::Result<io::Result<u64>> {
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    // Of a single UDP socket the kernel wants to know the ends the other way round ("for historical reasons").
    let socket_id = SocketId {
        source_address: remote.ip(),
        source_port: remote.port(),
        destination_address: local.ip(),
        destination_port: local.port(),
        interface_id: LOOPBACK_DEVICE,
        cookie: [0xff; 8],
    };
    let states = StateFlags::all();
    let request = InetRequest { family, protocol: IPPROTO_UDP, extensions: ExtensionFlags::empty(), states, socket_id };
    send(socket, request, NLM_F_REQUEST)?;
    let (answer, _) = socket.recv_from_full()?;
    let message = NetlinkMessage::<SockDiagMessage>::deserialize(&answer).map_err(io::Error::other)?;
    Ok(match message.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => {
            Ok(u64::from_ne_bytes(found.header.socket_id.cookie))
        }
        NetlinkPayload::Error(error) => Err(error.to_io()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    })
}

/// The loopback device, which datagrams to the agent come through: the same in every namespace.
const LOOPBACK_DEVICE: u32 = 1;

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
    use std::net::{TcpListener, TcpStream};

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
    fn a_socket_that_is_gone_is_told_from_a_kernel_that_lists_none() {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut sockets = UdpSockets::default();
        assert_eq!(sockets.cookie(gone, gone).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(sockets.are_listed, Some(true));
        let mut without = UdpSockets { are_listed: Some(false), ..UdpSockets::default() };
        assert_eq!(without.cookie(gone, gone).unwrap_err().kind(), io::ErrorKind::Unsupported);
        assert!(without.socket.is_none(), "nothing was asked");
    }

    #[test]
    fn a_datagrams_sender_is_found() {
        let mut sockets = UdpSockets::default();
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(server) = UdpSocket::bind(any) else {
                assert!(any.starts_with('['), "only IPv6 may be missing here");
                continue;
            };
            let server = server.local_addr().unwrap();
            let unconnected = UdpSocket::bind(any).unwrap();
            let connected = UdpSocket::bind(any).unwrap();
            connected.connect(server).unwrap();
            for socket in [unconnected, connected] {
                let found = sockets.cookie(socket.local_addr().unwrap(), server).unwrap();
                assert_eq!(found, rustix::net::sockopt::socket_cookie(&socket).unwrap());
                let gone = socket.local_addr().unwrap();
                drop(socket);
                assert!(sockets.cookie(gone, server).is_err(), "and the next question is answered all the same");
            }
        }
    }
}
