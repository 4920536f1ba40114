//! h2load, and what it says about its run.

use std::net::SocketAddr;

use crate::process::Launch;

/// What h2load has done, by its own count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests that were answered.
    pub done: u64,
    /// Answers by the first digit of their status, from 2 to 5.
    pub by_class: [u64; 4],
    /// All bytes that it received on its connections.
    pub received: u64,
}

/// Makes exactly `requests` GET requests of these paths in turn, over `connections` with `streams` at a time on each.
pub fn load(h2load: Launch, server: SocketAddr, paths: &[&str], [connections, streams, requests]: [u32; 3]) -> Load {
    let command = h2load
        .args(["-t1", "-c", &connections.to_string(), "-m", &streams.to_string(), "-n", &requests.to_string()])
        .args(paths.iter().map(|path| format!("http://{server}{path}")));
    let said = command.stdout();
    let load = parse(&said).unwrap_or_else(|| panic!("h2load said:\n{said}"));
    assert_eq!(load.done, u64::from(requests), "{said}");
    load
}

fn parse(said: &str) -> Option<Load> {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let before = |text: &str, word: &str| -> Option<u64> { text.split(word).next()?.rsplit(' ').next()?.parse().ok() };
    let statuses = line("status codes: ")?;
    Some(Load {
        done: before(line("requests: ")?, " done")?,
        by_class: [
            before(statuses, " 2xx")?,
            before(statuses, " 3xx")?,
            before(statuses, " 4xx")?,
            before(statuses, " 5xx")?,
        ],
        received: line("traffic: ")?.split(['(', ')']).nth(1)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Load, parse};

    #[test]
    fn its_report_is_read() {
        let said = "finished in 46.70ms, 21411.90 req/s, 1.48MB/s\n\
                    requests: 1000 total, 1000 started, 999 done, 336 succeeded, 664 failed, 0 errored, 0 timeout\n\
                    status codes: 336 2xx, 0 3xx, 332 4xx, 332 5xx\n\
                    traffic: 70.86KB (72556) total, 48.50KB (49664) headers (space savings 49.50%), 4.59KB (4696) data\n";
        assert_eq!(parse(said), Some(Load { done: 999, by_class: [336, 0, 332, 332], received: 72_556 }));
    }
}
