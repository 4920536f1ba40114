//! From the bytes of a head to what is kept of it.
//!
//! The grammar is httparse's; [`crate::http1`] lists what it does where RFC 9112 leaves a choice.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::fields::Fields;
use super::length::{self, Length};
use super::{Http1Error, RequestHead, ResponseHead, ResponseTo, Tunnel, Version, target};
use crate::{grpc, limits};

/// A whole head, as found at the front of some bytes.
#[derive(Debug)]
pub(super) struct Whole<H> {
    pub(super) head: H,
    /// How far the content behind it reaches.
    pub(super) length: Length,
    /// Bytes of the head.
    pub(super) bytes: usize,
}

/// Room for fields. Left uninitialised, because writing 4 KiB takes as long as parsing a head.
fn no_fields<'b>() -> [MaybeUninit<Header<'b>>; limits::FIELDS] {
    [const { MaybeUninit::uninit() }; limits::FIELDS]
}

/// Parses a request head at the front of `input`, which starts with its first line. None where the input ends before
/// the head does.
pub(super) fn request(input: &[u8]) -> Result<Option<Whole<RequestHead<'_>>>, Http1Error> {
    let mut fields = no_fields();
    let mut request = httparse::Request::new(&mut []);
    let Status::Complete(bytes) = request.parse_with_uninit_headers(input, &mut fields).map_err(refused)? else {
        return Ok(None);
    };
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Http1Error::MalformedHead);
    };
    let version = minor(version);
    let fields = Fields::gather(request.headers);
    let length = length::of_request(version, fields.content_length, fields.codings)?;
    // RFC 9110 section 7.8: an upgrade is ignored in HTTP/1.0. The `upgrade` connection option isn't asked for: a server
    // that doesn't either would surprise us with its 101.
    let upgrade = fields.upgrade && version == Version::Http11;
    let response_to = match method {
        "CONNECT" => ResponseTo::Connect,
        "HEAD" if upgrade => ResponseTo::HeadUpgrade,
        "HEAD" => ResponseTo::Head,
        _ if upgrade => ResponseTo::Upgrade,
        _ => ResponseTo::Other,
    };
    let parts = target::parts(target.as_bytes(), response_to == ResponseTo::Connect);
    let head = RequestHead {
        method: method.as_bytes(),
        target: target.as_bytes(),
        path: parts.path,
        version,
        host: parts.authority.or(fields.host.value()),
        trace: fields.trace(),
        content_type: fields.content_type.value(),
        // A server ignores the expectation of an HTTP/1.0 client (RFC 9110 section 10.1.1).
        expect_continue: fields.expect_continue && version == Version::Http11,
        keep_alive: fields.persists(version),
        upgrade_h2c: fields.upgrade_h2c && upgrade,
        response_to,
        head_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    };
    Ok(Some(Whole { head, length, bytes }))
}

/// Parses a response head at the front of `input`, which starts with its first line. None where the input ends before
/// the head does. An interim response has no content.
pub(super) fn response(input: &[u8], to: ResponseTo) -> Result<Option<Whole<ResponseHead<'_>>>, Http1Error> {
    let mut fields = no_fields();
    let mut response = httparse::Response::new(&mut []);
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let Status::Complete(bytes) =
        config.parse_response_with_uninit_headers(&mut response, input, &mut fields).map_err(refused)?
    else {
        return Ok(None);
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(Http1Error::MalformedHead);
    };
    let version = minor(version);
    let fields = Fields::gather(response.headers);
    let tunnel = tunnel(status, to)?;
    let length = if tunnel == Tunnel::Granted || is_interim(status) {
        Length::Exactly(0)
    } else {
        length::of_response(status, to, version, fields.content_length, fields.codings)?
    };
    let head = ResponseHead {
        status,
        version,
        content_type: fields.content_type.value(),
        grpc_status: fields.grpc_status.value().and_then(grpc::status),
        keep_alive: fields.persists(version) && length != Length::UntilClose,
        h2c: fields.upgrade_h2c && status == 101,
        tunnel,
        head_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    };
    Ok(Some(Whole { head, length, bytes }))
}

/// Another response follows for the same request (RFC 9110 section 15.2). 101 is the last one of its kind.
pub(super) const fn is_interim(status: u16) -> bool {
    matches!(status, 100 | 102..=199)
}

/// What a response says about a tunnel (RFC 9110 sections 7.8 and 9.3.6).
fn tunnel(status: u16, to: ResponseTo) -> Result<Tunnel, Http1Error> {
    match (status, to) {
        (101, ResponseTo::Upgrade | ResponseTo::HeadUpgrade) | (200..=299, ResponseTo::Connect) => Ok(Tunnel::Granted),
        // A switch that nobody asked for: to whom would the bytes behind it mean what?
        (101, _) => Err(Http1Error::UnexpectedResponse),
        (_, to) if to.may_tunnel() && !is_interim(status) => Ok(Tunnel::Refused),
        _ => Ok(Tunnel::NotAsked),
    }
}

/// Parses a trailer section, which lies whole in `bytes`. Nothing of it is kept.
pub(super) fn trailers(bytes: &[u8]) -> Result<(), Http1Error> {
    let mut fields = [httparse::EMPTY_HEADER; limits::FIELDS];
    match httparse::parse_headers(bytes, &mut fields).map_err(refused)? {
        Status::Complete(_) => Ok(()),
        Status::Partial => Err(Http1Error::MalformedHead),
    }
}

/// HTTP/1.0 or 1.1: httparse lets no other version pass.
const fn minor(version: u8) -> Version {
    if version == 0 { Version::Http10 } else { Version::Http11 }
}

fn refused(error: httparse::Error) -> Http1Error {
    match error {
        httparse::Error::TooManyHeaders => Http1Error::HeadTooLarge,
        _ => Http1Error::MalformedHead,
    }
}
