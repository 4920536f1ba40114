//! Real clients and servers, and clients of our own where a test has to know every byte.

pub mod canned_grpc;
pub mod collector;
pub mod curl;
pub mod dns;
pub mod h2load;
pub mod jaeger;
pub mod kafka;
pub mod nghttpx;
pub mod nginx;
pub mod pipelining;
pub mod prometheus;
pub mod rpc;
pub mod slow;
pub mod waiting;
pub mod wrk;

/// A kind of request, and the status that [`nginx`] answers it with.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The content of the request.
    pub body: &'static str,
    /// The status of the answer.
    pub status: u16,
}

const fn kind(method: &'static str, path: &'static str, body: &'static str, status: u16) -> Kind {
    Kind { method, path, body, status }
}

/// The mix that the load generators send, in turn.
pub const KINDS: [Kind; 12] = [
    kind("GET", "/200", "", 200),
    kind("GET", "/200?page=2", "", 200),
    kind("POST", "/201", "{\"name\":\"flow\"}", 201),
    kind("GET", "/404", "", 404),
    kind("PUT", "/200", "a longer content, sent with its length in front", 200),
    kind("DELETE", "/204", "", 204),
    kind("GET", "/503", "", 503),
    kind("PATCH", "/200", "x", 200),
    kind("OPTIONS", "/204", "", 204),
    kind("GET", "/302", "", 302),
    kind("GET", "/500", "", 500),
    kind("BREW", "/418", "", 418),
];

/// A request that wrk cannot make: it would wait for the content that an answer to HEAD only announces.
pub const HEAD: Kind = kind("HEAD", "/200", "", 200);

/// The kinds of request that curl makes: those without content, and HEAD.
pub fn without_content() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().filter(|kind| kind.body.is_empty()).chain([HEAD])
}
