//! Which exchanges become spans.

use std::time::Duration;

use flowfold_flow::{DnsRcode, Exchange, Operation, Outcome};

use super::SpanOptions;

/// Which exchanges become spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    ratio: f64,
    errors: bool,
    /// Longer than anything where no duration is enough.
    slower_than: Duration,
}

impl Sampling {
    pub(super) fn new(options: &SpanOptions) -> Self {
        let slower_than = options.slower_than.unwrap_or(Duration::MAX);
        Self { ratio: options.ratio, errors: options.errors, slower_than }
    }

    /// Whether an exchange becomes a span.
    #[inline]
    pub(super) fn wants(&self, exchange: &Exchange<'_>) -> bool {
        let is_sampled = match exchange.trace {
            Some(trace) => trace.sampled,
            None => self.ratio > 0.0 && fastrand::f64() < self.ratio,
        };
        is_sampled || time_taken(exchange) >= self.slower_than || self.errors && failed(exchange)
    }
}

/// How long an exchange took, without the time that the client let the server wait: a long poll is not slow.
fn time_taken(exchange: &Exchange<'_>) -> Duration {
    let allowed = match &exchange.operation {
        Operation::Kafka(kafka) => kafka.max_wait,
        _ => None,
    };
    exchange.duration.saturating_sub(allowed.unwrap_or_default())
}

/// Whether an exchange is an error to any of the sides that it is reported for.
fn failed(exchange: &Exchange<'_>) -> bool {
    let reporters = exchange.connection.reporters;
    reporters.client && is_error(exchange, true) || reporters.server && is_error(exchange, false)
}

/// Whether an exchange is an error to its client or to its server, by the conventions: a server is not to blame for
/// what clients ask for.
pub(super) fn is_error(exchange: &Exchange<'_>, is_client: bool) -> bool {
    if let Outcome::Failed(_) = exchange.outcome {
        return true;
    }
    match &exchange.operation {
        Operation::Http(http) => http.status.is_some_and(|status| status >= if is_client { 400 } else { 500 }),
        Operation::Grpc(grpc) => grpc.status.is_some_and(|status| {
            if is_client { status != flowfold_flow::GrpcStatus::Ok } else { status.is_server_error() }
        }),
        Operation::Kafka(kafka) => kafka.error.is_error(),
        Operation::Dns(dns) => dns.answer.is_some_and(|answer| {
            let rcode = answer.rcode;
            if is_client { rcode != DnsRcode::NOERROR } else { rcode == DnsRcode::SERVFAIL }
        }),
        _ => false,
    }
}
