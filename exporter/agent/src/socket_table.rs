//! The kernel's table of TCP sockets, /proc/net/tcp and tcp6 (proc(5)), of the calling thread's network namespace.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) state: State,
    /// The inode number by which a process' descriptors name it.
    pub(crate) inode: u64,
}

/// The states that are told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Both directions are open.
    Established,
    /// Waiting for connections.
    Listening,
    /// Any other.
    Other,
}

/// The rows of both tables. The listening sockets come first in each.
pub(crate) fn tables() -> [Rows; 2] {
    ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].map(Rows::open)
}

/// The rows of one table, read as they are asked for. A table that cannot be read has none.
#[derive(Debug)]
pub(crate) struct Rows(Option<Lines<BufReader<File>>>);

impl Rows {
    fn open(path: &str) -> Self {
        let lines = File::open(path).map(|file| BufReader::new(file).lines());
        Self(lines.ok().and_then(|mut lines| lines.next().map(|_heading| lines)))
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let line: io::Result<String> = self.0.as_mut()?.next()?;
        parse(&line.ok()?)
    }
}

/// The socket of a line: `0: 0100007F:1F90 00000000:0000 0A tx:rx tr:when retransmits uid timeout inode …`.
fn parse(line: &str) -> Option<Row> {
    let mut fields = line.split_ascii_whitespace();
    let local = parse_address(fields.nth(1)?)?;
    let remote = parse_address(fields.next()?)?;
    let state = match fields.next()? {
        "01" => State::Established,
        "0A" => State::Listening,
        _ => State::Other,
    };
    Some(Row { local, remote, state, inode: fields.nth(5)?.parse().ok()? })
}

/// An address in the kernel's notation: 32-bit words in the machine's byte order, in hexadecimal, and the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |index: usize| {
        let digits = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_is_read_in_both_families() {
        let v4 = "   0: 0100007F:1F90 0200007F:0050 0A 00000000:00000000 00:00000000 00000000   0   0 4711 1 0 100 0";
        let row = parse(v4).unwrap();
        assert_eq!((row.local, row.remote), ("127.0.0.1:8080".parse().unwrap(), "127.0.0.2:80".parse().unwrap()));
        assert_eq!((row.state, row.inode), (State::Listening, 4711));
        let v6 = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 01 \
                  00000000:00000000 00:00000000 00000000   0   0 12 1";
        let row = parse(v6).unwrap();
        assert_eq!((row.local, row.state, row.inode), ("[::1]:80".parse().unwrap(), State::Established, 12));
        let mapped = parse(&v6.replace("00000000000000000000000001000000", "0000000000000000FFFF00000100007F"));
        assert_eq!(mapped.unwrap().local, "127.0.0.1:80".parse().unwrap());
    }

    #[test]
    fn a_line_that_is_no_socket_is_none() {
        for line in ["", "0:", "0: x:y z 0A a b c d 1", "0: 0100007F:1F90 0:0 0A a b c d 1", "0: 0100007F:1F90"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_listener_of_this_process_is_among_the_first_rows() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let [v4, _] = tables();
        let mut listening = v4.take_while(|row| row.state == State::Listening);
        assert!(listening.any(|row| row.local == address));
    }
}
