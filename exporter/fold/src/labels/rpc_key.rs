//! The key of a gRPC call.

use flowfold_flow::{FailureReason, GrpcCall, GrpcExchange, GrpcFlavour, GrpcStatus, Outcome};

use super::Field;
use super::key::{Key, PRESENT, RPC, ending, http_status};

/// Where the parts of the key are, in bits from the lowest. What is below they have in common with those of HTTP.
const FLAVOUR: u32 = 0;
const CALL: u32 = 4;
const METHOD: u32 = 32;
const STATUS: u32 = 48;

/// The bits of the status.
pub(super) const STATUS_BITS: u64 = 0xff << STATUS;

const FLAVOURS: [GrpcFlavour; 2] = [GrpcFlavour::Grpc, GrpcFlavour::Web];

impl Key {
    /// The key of a gRPC call with the method of this place.
    #[inline]
    pub(crate) fn rpc(method: u16, grpc: &GrpcExchange<'_>, outcome: Outcome) -> Self {
        // No status is 0, so that a key without one has none.
        let status = known_status(grpc, outcome).map_or(0, |status| u64::from(status.code()) + 1);
        Self(
            PRESENT
                | RPC
                | u64::from(method) << METHOD
                | http_status(grpc.http_status)
                | status << STATUS
                | (grpc.flavour as u64) << FLAVOUR
                | (grpc.call as u64) << CALL
                | ending(outcome),
        )
    }

    pub(super) const fn rpc_method(self) -> u16 {
        self.two_bytes(METHOD)
    }

    pub(super) fn rpc_status(self) -> Option<GrpcStatus> {
        let place = usize::from(self.byte(STATUS)).checked_sub(1)?;
        GrpcStatus::ALL.get(place).copied()
    }

    pub(super) fn rpc_system(self) -> &'static str {
        FLAVOURS.get(usize::from(self.byte(FLAVOUR) & 0xf)).map_or("", |flavour| flavour.as_label())
    }

    pub(super) fn rpc_call(self) -> Option<GrpcCall> {
        GrpcCall::ALL.get(usize::from(self.byte(CALL) & 0xf)).copied()
    }
}

/// The bits that a field of gRPC needs.
pub(super) fn bits_of(field: Field) -> u64 {
    match field {
        Field::RpcSystem => 0xf << FLAVOUR,
        Field::RpcMethod | Field::GrpcService | Field::GrpcMethod => 0xffff << METHOD,
        Field::RpcStatus | Field::GrpcCode => STATUS_BITS,
        Field::GrpcType => 0xf << CALL,
        _ => 0,
    }
}

/// The status of a call. Where the client gave it up, that is a status by itself, whether or not one was told.
fn known_status(grpc: &GrpcExchange<'_>, outcome: Outcome) -> Option<GrpcStatus> {
    match outcome {
        Outcome::Failed(FailureReason::ClientCancelled) => grpc.status.or(Some(GrpcStatus::Cancelled)),
        Outcome::Failed(FailureReason::DeadlineExceeded) => grpc.status.or(Some(GrpcStatus::DeadlineExceeded)),
        _ => grpc.status,
    }
}

#[cfg(test)]
mod tests {
    use flowfold_flow::{GrpcMessages, UrlScheme};

    use super::super::Reporter;
    use super::super::key::ErrorType;
    use super::*;

    fn call(status: Option<GrpcStatus>) -> GrpcExchange<'static> {
        GrpcExchange {
            flavour: GrpcFlavour::Grpc,
            method: b"shop.Cart/Add",
            status,
            http_status: Some(200),
            call: GrpcCall::Unary,
            request: GrpcMessages::default(),
            response: GrpcMessages::default(),
            timeout: None,
            time_to_first_message: None,
            scheme: UrlScheme::Http,
        }
    }

    fn error(reporter: Reporter, status: Option<GrpcStatus>, outcome: Outcome) -> &'static str {
        match Key::rpc(0, &call(status), outcome).error_type(reporter) {
            ErrorType::None => "",
            ErrorType::Word(word) => word,
            ErrorType::Status(status) => panic!("a call has no HTTP status here: {status}"),
        }
    }

    #[test]
    fn what_is_packed_can_be_read_again() {
        for flavour in FLAVOURS {
            for kind in GrpcCall::ALL {
                for status in GrpcStatus::ALL.map(Some).into_iter().chain([None]) {
                    let call = GrpcExchange { flavour, call: kind, ..call(status) };
                    let key = Key::rpc(65_535, &call, Outcome::Answered);
                    assert_eq!(
                        (key.rpc_method(), key.rpc_status(), key.rpc_system(), key.rpc_call()),
                        (65_535, status, flavour.as_label(), Some(kind))
                    );
                }
            }
        }
        assert!(FLAVOURS.into_iter().enumerate().all(|(place, flavour)| flavour as usize == place));
        assert!(GrpcCall::ALL.into_iter().enumerate().all(|(place, call)| call as usize == place));
    }

    #[test]
    fn an_answered_call_is_an_error_by_its_status_and_side() {
        for status in GrpcStatus::ALL {
            let name = status.as_label();
            let answered = |reporter| error(reporter, Some(status), Outcome::Answered);
            assert_eq!(answered(Reporter::Client), if status == GrpcStatus::Ok { "" } else { name });
            assert_eq!(answered(Reporter::Server), if status.is_server_error() { name } else { "" });
        }
    }

    #[test]
    fn a_call_that_the_client_gave_up_has_a_status() {
        let cancelled = Outcome::Failed(FailureReason::ClientCancelled);
        assert_eq!(error(Reporter::Client, None, cancelled), "CANCELLED");
        assert_eq!(error(Reporter::Server, Some(GrpcStatus::Cancelled), cancelled), "");
        let late = Outcome::Failed(FailureReason::DeadlineExceeded);
        assert_eq!(error(Reporter::Client, Some(GrpcStatus::DeadlineExceeded), late), "DEADLINE_EXCEEDED");
        assert_eq!(error(Reporter::Server, None, late), "DEADLINE_EXCEEDED");
        assert_eq!(Key::rpc(0, &call(None), cancelled).rpc_status(), Some(GrpcStatus::Cancelled));
    }

    #[test]
    fn any_other_end_is_told_by_its_reason_to_both_sides() {
        for reporter in [Reporter::Server, Reporter::Client] {
            let lost = Outcome::Failed(FailureReason::ServerReset);
            assert_eq!(error(reporter, Some(GrpcStatus::Unavailable), lost), "server_reset");
            assert_eq!(error(reporter, None, Outcome::Unfinished), "unfinished");
        }
    }
}
