//! Which name leads to an address, by what each client was told.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use flowfold_flow::{DnsAddress, Workload};
use hashbrown::HashMap;
use hashlink::LinkedHashMap;

/// The shortest time for which an answer is taken to hold: a client that may not keep one still connects with it.
const MIN_TTL: Duration = Duration::from_secs(5);

/// The longest, as for caches of resolvers (RFC 8767 section 4): nothing else ends an answer that says "for ever".
const MAX_TTL: Duration = Duration::from_hours(24);

/// A name is not written down anew for less than this: a client that asks over and over changes nothing.
const RENEWED_BY: Duration = Duration::from_secs(1);

/// Names by client and address. Answers that tell nothing new, and connections, only read.
#[derive(Debug)]
pub(super) struct ToldNames {
    max: usize,
    grace: Duration,
    clients: RwLock<Clients>,
    evicted: AtomicU64,
}

#[derive(Debug, Default)]
struct Clients {
    by_workload: HashMap<Arc<Workload>, ByAddress>,
    /// How many addresses all of them have.
    count: usize,
}

/// What one client's workload was told, in the order in which it was.
type ByAddress = LinkedHashMap<IpAddr, Known>;

#[derive(Debug)]
struct Known {
    name: Arc<str>,
    /// When the client was told it first, in nanoseconds since 1970.
    told: u64,
    until: Instant,
}

/// When something is told or asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// By the clock of the exchange, in nanoseconds since 1970: an answer is on its way to the client before it is read here.
    pub(super) unix_nanos: u64,
    /// By the clock that names end by.
    pub(super) now: Instant,
}

impl ToldNames {
    pub(super) fn new(max: usize, grace: Duration) -> Self {
        Self { max, grace, clients: RwLock::default(), evicted: AtomicU64::new(0) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Clients> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Clients> {
        self.clients.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn len(&self) -> usize {
        self.read().count
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Writes down that these are addresses of this name to a client. The last name of an address is the one that counts:
    /// what the client connects for is what it asked last.
    pub(super) fn learn(&self, client: &Arc<Workload>, name: &str, addresses: &[DnsAddress], told: Told) {
        if self.max == 0 || self.knows(client, name, addresses, told.now) {
            return;
        }
        let name: Arc<str> = name.into();
        let mut evicted = 0;
        let mut clients = self.write();
        for address in addresses {
            let name = Known { name: Arc::clone(&name), told: told.unix_nanos, until: self.until(address, told.now) };
            evicted += u64::from(clients.add(client, address.ip.to_canonical(), name, self.max));
        }
        drop(clients);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
    }

    /// Whether all of it is written down, and holds for as long.
    fn knows(&self, client: &Workload, name: &str, addresses: &[DnsAddress], now: Instant) -> bool {
        let clients = self.read();
        let Some(told) = clients.by_workload.get(client) else { return false };
        addresses.iter().all(|address| {
            let known = told.get(&address.ip.to_canonical());
            known.is_some_and(|known| *known.name == *name && known.until + RENEWED_BY > self.until(address, now))
        })
    }

    fn until(&self, address: &DnsAddress, now: Instant) -> Instant {
        now + Duration::from_secs(address.ttl.into()).clamp(MIN_TTL, MAX_TTL) + self.grace
    }

    /// The name by which a client knows an address, unless it was told that later than this.
    pub(super) fn name_of(&self, client: &Workload, ip: IpAddr, asked: Told) -> Option<Arc<str>> {
        let clients = self.read();
        let known = clients.by_workload.get(client)?.get(&ip.to_canonical())?;
        (known.told <= asked.unix_nanos && asked.now < known.until).then(|| Arc::clone(&known.name))
    }

    /// Forgets the names whose time is over. It locks for the addresses of one client at a time.
    pub(super) fn expire(&self, now: Instant) {
        let clients: Vec<_> = self.read().by_workload.keys().cloned().collect();
        for client in clients {
            self.write().expire(&client, now);
        }
    }
}

impl Clients {
    /// Adds a name. Whether another one had to go for it.
    fn add(&mut self, client: &Arc<Workload>, ip: IpAddr, mut name: Known, max: usize) -> bool {
        let told = self.by_workload.entry(Arc::clone(client)).or_default();
        if let Some(before) = told.remove(&ip) {
            if before.name == name.name {
                name.told = before.told.min(name.told);
            } else if before.told > name.told {
                // Another worker read a later answer first.
                name = before;
            }
            told.insert(ip, name);
            return false;
        }
        told.insert(ip, name);
        self.count += 1;
        let has_to_go = self.count > max;
        if has_to_go {
            self.give_up_one(client, max);
        }
        has_to_go
    }

    /// Gives up the oldest name of a client that has more than its share: the one that was told something new, or else
    /// whoever has most.
    fn give_up_one(&mut self, client: &Arc<Workload>, max: usize) {
        let share = (max / self.by_workload.len().max(1)).max(1);
        let has_more = self.by_workload.get(client).is_some_and(|told| told.len() > share);
        let others = || self.by_workload.iter().filter(|(other, _)| *other != client);
        let most = || others().max_by_key(|(_, told)| told.len()).map(|(most, _)| most);
        let from = Arc::clone(if has_more { client } else { most().unwrap_or(client) });
        let Some(told) = self.by_workload.get_mut(&from) else { return };
        self.count -= usize::from(told.pop_front().is_some());
        if told.is_empty() {
            self.by_workload.remove(&from);
        }
    }

    fn expire(&mut self, client: &Workload, now: Instant) {
        let Some(told) = self.by_workload.get_mut(client) else { return };
        let before = told.len();
        told.retain(|_, name| now < name.until);
        self.count -= before - told.len();
        if told.is_empty() {
            self.by_workload.remove(client);
        } else if told.len() < told.capacity() / 4 {
            told.shrink_to_fit();
        }
    }
}

/// The name of a host, as DNS shows it. What else can be looked up is a label's value for no good reason: names with other
/// bytes, and those that look like addresses (RFC 1123 section 2.1).
pub(super) fn host_name(name: &[u8]) -> Option<&str> {
    let is_usual = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let last = name.rsplit(|byte| *byte == b'.').next()?;
    let is_host = name.iter().all(is_usual) && !last.iter().all(u8::is_ascii_digit);
    is_host.then(|| std::str::from_utf8(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn workload(name: &str) -> Arc<Workload> {
        Arc::new(Workload::named(name))
    }

    fn address(last: u16, ttl: u32) -> DnsAddress {
        let [high, low] = last.to_be_bytes();
        DnsAddress { ip: [10, 0, high, low].into(), ttl }
    }

    /// Told at the beginning, for names that end by this clock.
    fn at(now: Instant) -> Told {
        Told { unix_nanos: 0, now }
    }

    fn name(names: &ToldNames, client: &Workload, last: u16, now: Instant) -> Option<String> {
        names.name_of(client, address(last, 0).ip, at(now)).map(|name| (*name).to_owned())
    }

    #[test]
    fn a_name_is_kept_for_its_time_and_the_grace() {
        let names = ToldNames::new(10, GRACE);
        let (web, start) = (workload("web"), Instant::now());
        names.learn(&web, "api.test", &[address(1, 60), address(2, 0), address(3, u32::MAX)], at(start));
        let later = |seconds| start + Duration::from_secs(seconds);
        let known = |seconds| [1, 2, 3].map(|last| name(&names, &web, last, later(seconds)).is_some());
        assert_eq!(known(0), [true; 3]);
        assert_eq!(known(14), [true; 3], "even what is not to be kept is, for a moment");
        assert_eq!(known(15), [true, false, true]);
        assert_eq!(known(69), [true, false, true]);
        assert_eq!(known(70), [false, false, true]);
        assert_eq!(known(24 * 3600 + 10), [false; 3], "for ever is a day");
        names.expire(later(15));
        assert_eq!(names.len(), 2);
        names.learn(&web, "api.test", &[address(1, 60)], at(later(40)));
        names.expire(later(109));
        assert_eq!((known(109), names.len()), ([true, false, true], 2));
        names.expire(later(100_000));
        assert_eq!((names.len(), names.evicted()), (0, 0));
        assert!(names.read().by_workload.is_empty());
    }

    #[test]
    fn the_last_name_of_an_address_counts() {
        let names = ToldNames::new(10, GRACE);
        let (web, start) = (workload("web"), Instant::now());
        for told in ["one.test", "two.test", "two.test"] {
            names.learn(&web, told, &[address(1, 60)], at(start));
            assert_eq!(name(&names, &web, 1, start).as_deref(), Some(told));
        }
        assert_eq!(names.len(), 1);
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(names.name_of(&web, mapped, at(start)).as_deref(), Some("two.test"));
    }

    #[test]
    fn an_answer_counts_for_connections_behind_it() {
        let names = ToldNames::new(10, GRACE);
        let (web, now) = (workload("web"), Instant::now());
        let told = |unix_nanos| Told { unix_nanos, now };
        let known = |unix_nanos| names.name_of(&web, address(1, 0).ip, told(unix_nanos));
        names.learn(&web, "one.test", &[address(1, 60)], told(50));
        assert_eq!((known(49), known(50).as_deref()), (None, Some("one.test")));
        // The same for longer is no other name.
        names.learn(&web, "one.test", &[address(1, 600)], told(80));
        assert_eq!(known(50).as_deref(), Some("one.test"));
        names.learn(&web, "two.test", &[address(1, 60)], told(90));
        assert_eq!((known(89), known(90).as_deref()), (None, Some("two.test")));
    }

    #[test]
    fn an_answer_counts_for_whom_it_was_given_to() {
        let names = ToldNames::new(10, GRACE);
        let (web, evil, start) = (workload("web"), workload("evil"), Instant::now());
        names.learn(&web, "api.test", &[address(1, 60)], at(start));
        names.learn(&evil, "not.api.test", &[address(1, 60)], at(start));
        assert_eq!(name(&names, &web, 1, start).as_deref(), Some("api.test"));
        assert_eq!(name(&names, &evil, 1, start).as_deref(), Some("not.api.test"));
        assert_eq!(name(&names, &workload("other"), 1, start), None);
        let elsewhere = Workload { namespace: "shop".into(), ..Workload::named("web") };
        assert_eq!(name(&names, &elsewhere, 1, start), None);
    }

    #[test]
    fn there_are_no_more_than_asked_for_and_who_has_most_loses_its_oldest() {
        let names = ToldNames::new(8, GRACE);
        let (web, evil, start) = (workload("web"), workload("evil"), Instant::now());
        for last in 0..3 {
            names.learn(&web, "api.test", &[address(last, 60)], at(start));
        }
        for last in 0..1000 {
            names.learn(&evil, &format!("x{last}.test"), &[address(last, 60)], at(start));
            assert!(names.len() <= 8);
        }
        let known = |client: &Workload, lasts: std::ops::Range<u16>| {
            lasts.filter(|last| name(&names, client, *last, start).is_some()).count()
        };
        assert_eq!((known(&web, 0..3), known(&evil, 995..1000)), (3, 5));
        assert_eq!(names.evicted(), 995);
        // One that has less than its share gets room.
        names.learn(&web, "api.test", &[address(3, 60)], at(start));
        assert_eq!((known(&web, 0..4), known(&evil, 996..1000)), (4, 4));
        let others: Vec<_> = (0..20).map(|number| workload(&format!("w{number}"))).collect();
        for other in &others {
            names.learn(other, "api.test", &[address(1, 60)], at(start));
            assert_eq!(name(&names, other, 1, start).as_deref(), Some("api.test"));
        }
        assert_eq!((names.len(), names.read().by_workload.len()), (8, 8));
    }

    #[test]
    fn an_answer_with_more_than_there_is_room_for_keeps_its_last_ones() {
        let names = ToldNames::new(2, GRACE);
        let (web, start) = (workload("web"), Instant::now());
        let many: Vec<_> = (0..5).map(|last| address(last, 60)).collect();
        names.learn(&web, "api.test", &many, at(start));
        assert_eq!((names.len(), names.evicted()), (2, 3));
        assert!(name(&names, &web, 4, start).is_some());
        let none = ToldNames::new(0, GRACE);
        none.learn(&web, "api.test", &many, at(start));
        assert_eq!((none.len(), none.evicted()), (0, 0));
    }

    #[test]
    fn names_of_hosts_alone_are_learned() {
        for host in ["api.payments.example", "localhost", "_sip._tcp.example", "xn--bcher-kva.example", "4.example"] {
            assert_eq!(host_name(host.as_bytes()), Some(host));
        }
        for other in [&b""[..], b"a b", b"a?.test", b"10.0.0.1", b"host.7", b"\xff.test", b"a\".test"] {
            assert_eq!(host_name(other), None, "{}", other.escape_ascii());
        }
    }
}
