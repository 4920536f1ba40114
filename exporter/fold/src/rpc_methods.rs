//! The gRPC methods that are reported by their name.

use flowfold_flow::{GrpcExchange, GrpcStatus, Outcome};
use hashbrown::HashSet;

use crate::learned::{LearnedNames, LearnedPlaces};

/// The most methods that are learned where the configuration names no other number.
pub const DEFAULT_MAX_RPC_METHODS: usize = 500;

/// The most methods that can be asked for: their places are 16 bits of a key.
pub const MAX_MAX_RPC_METHODS: usize = 10_000;

/// The longest name of a method in bytes. A longer one is no method, or may have been cut.
const MAX_NAME_BYTES: usize = 250;

/// The value of `rpc_method` for a method that is not known.
const OTHER: &str = "_OTHER";

/// The place that stands for [`OTHER`].
const OTHER_PLACE: u16 = 0;

/// The gRPC methods that are reported by their name, `package.Service/Method`; any other is reported as `_OTHER`.
///
/// They are given, or they are learned up to a number: a method becomes known by the first call that the server answered
/// with a status that only a server which has it would send, so that calls to made-up methods can't use the number up.
/// Known methods stay known.
#[derive(Clone, Debug)]
pub struct RpcMethods {
    /// [`label`](Self::label) reads them without a lock.
    names: LearnedNames,
    learns: bool,
}

impl Default for RpcMethods {
    /// Learns up to [`DEFAULT_MAX_RPC_METHODS`].
    fn default() -> Self {
        Self::learned(DEFAULT_MAX_RPC_METHODS)
    }
}

impl RpcMethods {
    /// Methods that are learned, at most so many (and at most [`MAX_MAX_RPC_METHODS`]).
    pub fn learned(max: usize) -> Self {
        Self { names: LearnedNames::with_room(max.min(MAX_MAX_RPC_METHODS)), learns: true }
    }

    /// Exactly these methods. What the list names twice counts once.
    pub fn only<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, RpcMethodsError> {
        let mut kept: Vec<S> = Vec::new();
        let mut seen = HashSet::new();
        for name in names {
            if !is_method(name.as_ref().as_bytes()) {
                return Err(RpcMethodsError::NotAMethod { name: name.as_ref().to_owned() });
            }
            if seen.insert(name.as_ref().to_owned()) {
                kept.push(name);
            }
        }
        if kept.len() > MAX_MAX_RPC_METHODS {
            return Err(RpcMethodsError::TooMany { given: kept.len() });
        }
        let names = LearnedNames::with_room(kept.len());
        for name in &kept {
            names.add(name.as_ref());
        }
        Ok(Self { names, learns: false })
    }

    /// How many methods are known.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no method is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most methods that may be known.
    pub fn max(&self) -> usize {
        self.names.max()
    }

    /// The label value of a place.
    pub(crate) fn label(&self, place: u16) -> &str {
        self.names.name(place).unwrap_or(OTHER)
    }

    /// The service and the method of a place.
    pub(crate) fn service_and_method(&self, place: u16) -> (&str, &str) {
        self.names.name(place).and_then(|name| name.rsplit_once('/')).unwrap_or((OTHER, OTHER))
    }
}

/// One worker's way from a method to its place: a look-up without a lock.
#[derive(Debug, Default)]
pub(crate) struct RpcPlaces(LearnedPlaces);

impl RpcPlaces {
    /// The place of a call's method. `last` is the place that the connection's last call had: most connections call one
    /// method again and again.
    #[inline]
    pub(crate) fn place(&mut self, methods: &RpcMethods, grpc: &GrpcExchange<'_>, outcome: Outcome, last: u16) -> u16 {
        if methods.names.name(last).is_some_and(|name| name.as_bytes() == grpc.method) {
            return last;
        }
        let may_learn = || methods.learns && shows_its_method(grpc, outcome) && is_method(grpc.method);
        self.0.place(&methods.names, grpc.method, may_learn).unwrap_or(OTHER_PLACE)
    }
}

/// Whether a call shows that the server has its method: the server itself sent a status, and not that of a method that
/// it does not have.
fn shows_its_method(grpc: &GrpcExchange<'_>, outcome: Outcome) -> bool {
    // Without a 200 the status is made of what something else, such as a gateway, has said.
    outcome == Outcome::Answered
        && grpc.http_status == Some(200)
        && grpc.status.is_some_and(|status| status != GrpcStatus::Unimplemented)
}

/// Whether this can be a full method: a service, a slash and a method, of printable characters without blanks.
fn is_method(name: &[u8]) -> bool {
    let sane = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_alphanumeric() || (c.is_ascii_graphic() && !matches!(c, '"' | '\\')))
    };
    let Ok(text) = std::str::from_utf8(name) else { return false };
    name.len() <= MAX_NAME_BYTES && text.rsplit_once('/').is_some_and(|(service, method)| sane(service) && sane(method))
}

/// Why a list of gRPC methods was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcMethodsError {
    /// More methods than a list takes.
    #[error("{given} gRPC methods are given, and at most {MAX_MAX_RPC_METHODS} are allowed")]
    TooMany {
        /// How many were given.
        given: usize,
    },
    /// A name that no gRPC method can have.
    #[error("{name:?} cannot be a gRPC method: write package.Service/Method")]
    NotAMethod {
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use flowfold_flow::{FailureReason, GrpcCall, GrpcFlavour, GrpcMessages, UrlScheme};

    use super::*;

    fn call(method: &[u8], status: GrpcStatus) -> GrpcExchange<'_> {
        GrpcExchange {
            flavour: GrpcFlavour::Grpc,
            method,
            status: Some(status),
            http_status: Some(200),
            call: GrpcCall::Unary,
            request: GrpcMessages::default(),
            response: GrpcMessages::default(),
            timeout: None,
            time_to_first_message: None,
            scheme: UrlScheme::Http,
        }
    }

    fn label<'a>(
        methods: &'a RpcMethods,
        places: &mut RpcPlaces,
        grpc: &GrpcExchange<'_>,
        outcome: Outcome,
    ) -> &'a str {
        methods.label(places.place(methods, grpc, outcome, OTHER_PLACE))
    }

    #[test]
    fn a_method_becomes_known_by_a_server_that_has_it() {
        let methods = RpcMethods::default();
        let mut places = RpcPlaces::default();
        let answered = Outcome::Answered;
        let ok = call(b"shop.Cart/Add", GrpcStatus::Ok);
        let unanswered = [
            (call(b"shop.Cart/Add", GrpcStatus::Unimplemented), answered),
            (ok, Outcome::Failed(FailureReason::ServerReset)),
            (ok, Outcome::Unfinished),
            (GrpcExchange { status: None, ..ok }, answered),
            (GrpcExchange { http_status: Some(401), status: Some(GrpcStatus::Unauthenticated), ..ok }, answered),
        ];
        for (grpc, outcome) in &unanswered {
            assert_eq!(label(&methods, &mut places, grpc, *outcome), "_OTHER", "{grpc:?}");
        }
        assert_eq!(label(&methods, &mut places, &ok, answered), "shop.Cart/Add");
        // From now on it is known, to another worker too, however its calls end.
        let mut other = RpcPlaces::default();
        for (grpc, outcome) in &unanswered {
            assert_eq!(label(&methods, &mut places, grpc, *outcome), "shop.Cart/Add");
            assert_eq!(label(&methods, &mut other, grpc, *outcome), "shop.Cart/Add");
        }
    }

    #[test]
    fn no_more_methods_than_asked_for() {
        let methods = RpcMethods::learned(2);
        let mut places = RpcPlaces::default();
        let names = [&b"a.B/one"[..], b"a.B/two", b"a.B/three", b"a.B/one"];
        let labels = names.map(|name| label(&methods, &mut places, &call(name, GrpcStatus::Ok), Outcome::Answered));
        assert_eq!(labels, ["a.B/one", "a.B/two", "_OTHER", "a.B/one"]);
        assert_eq!(methods.len(), 2);
    }

    #[test]
    fn what_cannot_be_a_method_is_none() {
        let methods = RpcMethods::default();
        let mut places = RpcPlaces::default();
        let long = format!("a.B/{}", "c".repeat(MAX_NAME_BYTES));
        for name in [&b""[..], b"noslash", b"/method", b"service/", b"a.B/\xff", b"a b/c", b"a/\"c", long.as_bytes()] {
            assert_eq!(label(&methods, &mut places, &call(name, GrpcStatus::Ok), Outcome::Answered), "_OTHER");
        }
        assert!(methods.is_empty());
    }

    #[test]
    fn a_given_list_is_all_there_is() {
        let methods = RpcMethods::only(["shop.Cart/Add", "shop.Cart/Add", "shop.Cart/Drop"]).unwrap();
        let mut places = RpcPlaces::default();
        let unanswered = Outcome::Unfinished;
        let drop = call(b"shop.Cart/Drop", GrpcStatus::Ok);
        assert_eq!(label(&methods, &mut places, &drop, unanswered), "shop.Cart/Drop");
        let other = call(b"shop.Cart/List", GrpcStatus::Ok);
        assert_eq!(label(&methods, &mut places, &other, Outcome::Answered), "_OTHER");
        assert_eq!(methods.clone().names.names().collect::<Vec<_>>(), ["shop.Cart/Add", "shop.Cart/Drop"]);
        assert!(matches!(RpcMethods::only(["Add"]), Err(RpcMethodsError::NotAMethod { name }) if name == "Add"));
    }

    #[test]
    fn a_service_is_what_stands_before_the_last_slash() {
        let methods = RpcMethods::only(["odd/shop.Cart/Add"]).unwrap();
        assert_eq!(methods.service_and_method(1), ("odd/shop.Cart", "Add"));
        assert_eq!(methods.service_and_method(OTHER_PLACE), ("_OTHER", "_OTHER"));
    }
}
