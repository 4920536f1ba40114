//! Patterns of paths that are learned from traffic: what `url_template` says where nobody configured a route.

use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use flowfold_flow::{ConnectionInfo, HttpExchange, Outcome, Workload};
use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

/// The most patterns of all services together: their places are 16 bits of a key, and each is kept for good.
const MAX_TEMPLATES: usize = 4096;

/// The longest pattern in bytes. A path with a longer one has none.
const MAX_BYTES: usize = 200;

/// The most segments of a pattern; what follows becomes `{rest...}`.
const MAX_SEGMENTS: usize = 12;

/// What stands for a segment that looks made up.
const PLACEHOLDER: &[u8] = b"{id}";

/// A pattern that was learned, in the form of a route template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LearnedTemplate {
    /// The namespace of the server's workload.
    pub namespace: String,
    /// The server's workload.
    pub workload: String,
    /// The address at which the server was asked when the pattern was learned.
    pub server: SocketAddr,
    /// The pattern, such as `/orders/{id}`.
    pub template: String,
}

/// The patterns of all services, each service with at most so many. Numbers, UUIDs, hashes, long tokens and what is no plain
/// text become `{id}`. A pattern becomes known by the first exchange with it that was answered well, so that a scanner
/// can't use the number up.
#[derive(Debug)]
pub(crate) struct UrlTemplates {
    max_per_service: usize,
    /// The patterns, each written once; read without a lock.
    known: Box<[OnceLock<LearnedTemplate>]>,
    count: AtomicUsize,
    /// Whoever adds one holds it.
    adding: Mutex<()>,
}

impl UrlTemplates {
    /// At most so many for each service; none where that is 0.
    pub(crate) fn new(max_per_service: usize) -> Self {
        let room = if max_per_service == 0 { 0 } else { MAX_TEMPLATES };
        let known = std::iter::repeat_with(OnceLock::new).take(room).collect();
        Self { max_per_service, known, count: AtomicUsize::new(0), adding: Mutex::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.max_per_service > 0
    }

    pub(crate) fn max_per_service(&self) -> usize {
        self.max_per_service
    }

    /// What is known.
    pub(crate) fn learned(&self) -> impl Iterator<Item = &LearnedTemplate> {
        self.known.iter().map_while(OnceLock::get)
    }

    fn at(&self, place: u16) -> Option<&LearnedTemplate> {
        self.known.get(usize::from(place).checked_sub(1)?)?.get()
    }

    /// The label value of a place; empty where it has none.
    pub(crate) fn label(&self, place: u16) -> &str {
        self.at(place).map_or("", |learned| &learned.template)
    }

    /// Makes a pattern known, if there is room. Returns whether the service can have more.
    fn add(&self, info: &ConnectionInfo, template: &str) -> bool {
        let service = &*info.destination;
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_service = 0;
        for learned in self.learned().filter(|learned| is_of(learned, service)) {
            of_service += 1;
            if learned.template == template {
                return true;
            }
        }
        if of_service >= self.max_per_service {
            return false;
        }
        let learned = LearnedTemplate {
            namespace: (*service.namespace).to_owned(),
            workload: (*service.name).to_owned(),
            server: info.server,
            template: template.to_owned(),
        };
        let count = self.count.load(Ordering::Relaxed);
        if self.known.get(count).is_some_and(|place| place.set(learned).is_ok()) {
            self.count.store(count + 1, Ordering::Release);
        }
        true
    }
}

fn is_of(learned: &LearnedTemplate, service: &Workload) -> bool {
    *learned.workload == *service.name && *learned.namespace == *service.namespace
}

/// One worker's way from a path to the place of its pattern: a look-up without a lock and without an allocation.
#[derive(Debug, Default)]
pub(crate) struct UrlPlaces {
    table: HashTable<u16>,
    hasher: DefaultHashBuilder,
    /// How many known patterns are in `table`.
    met: usize,
    /// The hashes of the services that can have no more.
    full: HashSet<u64>,
    /// Room for a pattern.
    pattern: Vec<u8>,
}

impl UrlPlaces {
    /// The place of the pattern of an exchange's path; 0 where it has none.
    pub(crate) fn place(
        &mut self,
        templates: &UrlTemplates,
        info: &ConnectionInfo,
        http: &HttpExchange<'_>,
        outcome: Outcome,
    ) -> u16 {
        let service = &*info.destination;
        if !templates.is_on() || !pattern_of(http.path, &mut self.pattern) {
            return 0;
        }
        self.meet(templates);
        if let Some(place) = self.known(templates, service) {
            return place;
        }
        let is_good = outcome == Outcome::Answered && http.status.is_some_and(|status| (200..400).contains(&status));
        if !is_good || self.met >= templates.known.len() {
            return 0;
        }
        let of_service = self.hasher.hash_one((&*service.name, &*service.namespace));
        if !self.full.contains(&of_service)
            && let Ok(template) = std::str::from_utf8(&self.pattern)
        {
            if !templates.add(info, template) {
                self.full.insert(of_service);
            }
            self.meet(templates);
            return self.known(templates, service).unwrap_or(0);
        }
        0
    }

    fn known(&self, templates: &UrlTemplates, service: &Workload) -> Option<u16> {
        let hash = self.hasher.hash_one((&*service.name, &*service.namespace, &*self.pattern));
        let is_it = |place: &u16| {
            templates
                .at(*place)
                .is_some_and(|learned| is_of(learned, service) && learned.template.as_bytes() == self.pattern)
        };
        self.table.find(hash, is_it).copied()
    }

    /// Takes in what has become known since.
    fn meet(&mut self, templates: &UrlTemplates) {
        let known = templates.count.load(Ordering::Acquire);
        let hash = |place: &u16| {
            let key = templates.at(*place).map(|l| (&*l.workload, &*l.namespace, l.template.as_bytes()));
            key.map_or(0, |key| self.hasher.hash_one(key))
        };
        while self.met < known {
            self.met += 1;
            let Ok(place) = u16::try_from(self.met) else { return };
            self.table.insert_unique(hash(&place), place, hash);
        }
    }
}

/// Writes the pattern of a path. Returns whether it has one.
fn pattern_of(path: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    for (number, segment) in rest.split(|byte| *byte == b'/').enumerate() {
        out.push(b'/');
        if number == MAX_SEGMENTS {
            out.extend_from_slice(b"{rest...}");
            return out.len() <= MAX_BYTES;
        }
        out.extend_from_slice(if is_made_up(segment) { PLACEHOLDER } else { segment });
        if out.len() > MAX_BYTES {
            return false;
        }
    }
    true
}

/// Whether a segment looks like a value and not like a word: numbers, UUIDs, hashes, long tokens, and whatever has other
/// characters than words in paths have.
fn is_made_up(segment: &[u8]) -> bool {
    let count = |is_it: fn(&u8) -> bool| segment.iter().filter(|byte| is_it(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-~!$:,;=".contains(byte);
    !segment.iter().all(is_word)
        || digits >= 4
        || (digits > 0 && digits == segment.len())
        || (digits > 0 && segment.len() >= 8 && segment.iter().all(u8::is_ascii_hexdigit))
        || (digits > 0 && segment.len() >= 20)
        || segment.len() >= 40
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use flowfold_flow::{HttpVersion, KnownMethod, Reporters, UrlScheme};

    use super::*;

    fn pattern(path: &str) -> String {
        let mut out = Vec::new();
        if pattern_of(path.as_bytes(), &mut out) { String::from_utf8(out).unwrap() } else { "none".to_owned() }
    }

    #[test]
    fn values_are_folded_and_words_are_not() {
        for (path, expected) in [
            ("/", "/"),
            ("/orders/7", "/orders/{id}"),
            ("/orders/7/items/12345/", "/orders/{id}/items/{id}/"),
            ("/api/v1beta2/users/me", "/api/v1beta2/users/me"),
            ("/u/550e8400-e29b-41d4-a716-446655440000", "/u/{id}"),
            ("/u/deadbeef", "/u/deadbeef"),
            ("/commit/0a1b2c3d4e", "/commit/{id}"),
            ("/t/QWxhZGRpbjpvcGVuIHNlc2FtZQ9", "/t/{id}"),
            ("/who/jo@example.org", "/who/{id}"),
            ("/who/J%C3%B6rg", "/who/{id}"),
            ("/order-20260101/x", "/{id}/x"),
            ("/{id}/x", "/{id}/x"),
            ("/assets/app.min.css", "/assets/app.min.css"),
            (
                "/1/2/3/4/5/6/7/8/9/10/11/12/13/14",
                "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{rest...}",
            ),
            ("no slash", "none"),
            ("", "none"),
        ] {
            assert_eq!(pattern(path), expected);
        }
        assert_eq!(pattern(&"/abcdefghijklmnopqrstuvwxyz".repeat(9)), "none");
    }

    fn exchange(path: &str, status: u16) -> HttpExchange<'_> {
        HttpExchange {
            known_method: Some(KnownMethod::Get),
            method: b"GET",
            path: path.as_bytes(),
            status: Some(status),
            version: HttpVersion::Http11,
            scheme: UrlScheme::Http,
            tunnel: false,
        }
    }

    fn to(service: &str, port: u16) -> ConnectionInfo {
        ConnectionInfo {
            reporters: Reporters::SERVER,
            client: SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)),
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            source: Arc::new(Workload::unknown()),
            destination: Arc::new(Workload::named(service)),
        }
    }

    #[test]
    fn a_service_has_so_many_and_no_scanner_uses_them_up() {
        let templates = UrlTemplates::new(2);
        let (mut one, mut other) = (UrlPlaces::default(), UrlPlaces::default());
        let (cart, shop) = (to("cart", 80), to("shop", 81));
        let mut label = |service: &ConnectionInfo, path: &str, status: u16| {
            let places = if status == 200 { &mut one } else { &mut other };
            let place = places.place(&templates, service, &exchange(path, status), Outcome::Answered);
            templates.label(place).to_owned()
        };
        assert_eq!(label(&cart, "/admin.php", 404), "");
        assert_eq!(label(&cart, "/orders/7", 200), "/orders/{id}");
        assert_eq!(label(&cart, "/orders/8", 404), "/orders/{id}");
        assert_eq!(label(&cart, "/items/8", 200), "/items/{id}");
        assert_eq!(label(&cart, "/pages/8", 200), "", "there are two already");
        assert_eq!(label(&shop, "/pages/8", 200), "/pages/{id}");
        let learned: Vec<_> = templates.learned().map(|it| (it.workload.as_str(), it.server.port())).collect();
        assert_eq!(learned, [("cart", 80), ("cart", 80), ("shop", 81)]);
        let off = UrlTemplates::new(0);
        assert_eq!(one.place(&off, &cart, &exchange("/a", 200), Outcome::Answered), 0);
    }
}
