//! The agent's listening sockets inside the network namespace that is steered.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Connections that may wait for `accept`, per listener; the kernel lowers it to `net.core.somaxconn`, whose default
/// is this number since Linux 5.4.
const BACKLOG: i32 = 4096;

/// How often another port is tried when the one that IPv4 got is taken for IPv6.
const PORT_ATTEMPTS: usize = 16;

/// The sockets of one worker.
#[derive(Debug)]
pub struct WorkerListeners {
    /// Listens on 127.0.0.1; nonblocking.
    pub v4: TcpListener,
    /// Listens on `::1` at the same port; nonblocking. None where the namespace has no IPv6.
    pub v6: Option<TcpListener>,
}

/// One pair of listeners per worker, all at the same port. The sockets of a family are one `SO_REUSEPORT` group, so
/// the kernel spreads connections over the workers, steered ones too.
#[derive(Debug)]
pub struct Listeners {
    workers: Vec<WorkerListeners>,
    port: u16,
    without_ipv6: Option<io::Error>,
}

impl Listeners {
    /// Opens listeners for `workers` workers (at least one) in the network namespace of the calling thread.
    ///
    /// A namespace without IPv6 gets IPv4 listeners only; [`Listeners::without_ipv6`] then says why.
    pub fn open(workers: usize) -> io::Result<Self> {
        if !loopback_is_up()? {
            return Err(io::Error::new(
                io::ErrorKind::NetworkUnreachable,
                "the loopback device of this network namespace is down; bring it up with `ip link set lo up`",
            ));
        }
        for _ in 1..PORT_ATTEMPTS {
            match Self::open_at_one_port(workers.max(1)) {
                Err(Errno::ADDRINUSE) => {}
                outcome => return Ok(outcome?),
            }
        }
        Ok(Self::open_at_one_port(workers.max(1))?)
    }

    /// Where the IPv4 listeners are.
    pub fn v4_addr(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port)
    }

    /// Where the IPv6 listeners are, unless the namespace has no IPv6.
    pub fn v6_addr(&self) -> Option<SocketAddrV6> {
        self.without_ipv6.is_none().then(|| SocketAddrV6::new(Ipv6Addr::LOCALHOST, self.port, 0, 0))
    }

    /// Why there are no IPv6 listeners; IPv6 connections then go direct. None when there are.
    pub fn without_ipv6(&self) -> Option<&io::Error> {
        self.without_ipv6.as_ref()
    }

    /// Hands the sockets out, one entry per worker. Call it after [`Redirect::attach`](crate::Redirect::attach).
    pub fn into_workers(self) -> Vec<WorkerListeners> {
        self.workers
    }

    /// One listener of each family; the kernel finds the rest of its group through it.
    pub(crate) fn groups(&self) -> Option<(BorrowedFd<'_>, Option<BorrowedFd<'_>>)> {
        let first = self.workers.first()?;
        Some((first.v4.as_fd(), first.v6.as_ref().map(AsFd::as_fd)))
    }

    fn open_at_one_port(workers: usize) -> Result<Self, Errno> {
        let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let first_v4 = bind_alone(any_port.into())?;
        let port = rustix::net::getsockname(&first_v4).and_then(SocketAddr::try_from).map(|address| address.port())?;
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let (mut first_v6, without_ipv6) = match bind_alone(v6) {
            Ok(socket) => (Some(socket), None),
            Err(errno @ (Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT)) => (None, Some(errno.into())),
            Err(errno) => return Err(errno),
        };
        let mut first_v4 = Some(first_v4);
        let mut sockets = Vec::with_capacity(workers);
        for _ in 0..workers {
            let join = |first: &mut Option<OwnedFd>, address| match first.take() {
                Some(socket) => listen(socket),
                None => bind_shared(address).and_then(listen),
            };
            sockets.push(WorkerListeners {
                v4: join(&mut first_v4, v4)?,
                v6: if without_ipv6.is_none() { Some(join(&mut first_v6, v6)?) } else { None },
            });
        }
        Ok(Self { workers: sockets, port, without_ipv6 })
    }
}

/// Binding and listening work without it. Connecting a datagram socket sends nothing, but needs a route.
fn loopback_is_up() -> io::Result<bool> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    match socket.connect((Ipv4Addr::LOCALHOST, 9)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NetworkUnreachable => Ok(false),
        Err(error) => Err(error),
    }
}

/// Binds the first socket of a group. `SO_REUSEPORT` comes after `bind`, or the socket could land in a group that
/// another process of the same user holds at this port.
fn bind_alone(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = stream_socket(address)?;
    rustix::net::bind(&socket, &address)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    Ok(socket)
}

fn bind_shared(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = stream_socket(address)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

/// `SO_REUSEADDR` is for the accepted sockets, which inherit it: they hold the *server's* port, and without it a server
/// that restarts could not bind its own port again while one of them is open or in TIME-WAIT. It comes last, so that it
/// lets nobody share the listener's own port.
fn listen(socket: OwnedFd) -> Result<TcpListener, Errno> {
    rustix::net::listen(&socket, BACKLOG)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(TcpListener::from(socket))
}

fn stream_socket(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if address.is_ipv6() {
        // Bound to ::1 it could not take IPv4 anyway, but sk_assign looks at the flag, not at the address.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}
