//! The key of what a Kafka exchange adds to a label set.

use flowfold_flow::{KafkaApi, KafkaError, KafkaTransfer, Outcome};

use super::key::{ANSWERED, ENDING, ErrorType, Key, PRESENT, ending};
use super::{ExchangeFamily, Field};

/// Where the parts of the key are, in bits from the lowest. How the exchange ended is between them.
const API: u32 = 0;
const ERROR: u32 = 8;
const CLIENT: u32 = 16;
const TOPIC: u32 = 32;
const TOPIC_BITS: u16 = (1 << 14) - 1;
const GROUP: u32 = 46;
const GROUP_BITS: u16 = (1 << 12) - 1;
/// Which of Kafka's families it is a key of.
const FAMILY: u32 = 58;
/// Set in the key of a Kafka exchange.
pub(super) const KAFKA: u64 = 1 << 60;

/// The bits that every key of Kafka keeps.
pub(super) const KIND_BITS: u64 = KAFKA | 0b11 << FAMILY;
/// The bits of the error.
pub(super) const ERROR_BITS: u64 = 0xff << ERROR;

/// An API that has no name, and a number that is not small.
const OTHER_API: u8 = u8::MAX;
/// Errors that are no numbers: there was no response; another number than there are places for; -1.
const NO_RESPONSE: u8 = 253;
const OTHER_ERROR: u8 = 254;
const SERVER_ERROR: u8 = 255;

/// The value of a label whose real one there is no place for.
const OTHER: &str = "_OTHER";

/// What of a Kafka exchange is in a key. The places are those of [`KafkaNames`](crate::kafka::KafkaNames).
#[derive(Clone, Copy, Debug)]
pub(crate) struct KafkaKey {
    pub(crate) api: KafkaApi,
    /// Absent where there was no response.
    pub(crate) error: Option<KafkaError>,
    pub(crate) outcome: Outcome,
    pub(crate) topic: u16,
    pub(crate) group: u16,
    pub(crate) client: u16,
}

impl Key {
    /// The key of a Kafka exchange in one of Kafka's families.
    #[inline]
    pub(crate) fn kafka(family: ExchangeFamily, of: &KafkaKey) -> Self {
        let api = u8::try_from(of.api.0).unwrap_or(OTHER_API);
        let error = match of.error {
            None => NO_RESPONSE,
            Some(KafkaError(-1)) => SERVER_ERROR,
            Some(KafkaError(code)) => u8::try_from(code).ok().filter(|code| *code < NO_RESPONSE).unwrap_or(OTHER_ERROR),
        };
        let [client, _] = of.client.to_le_bytes();
        Self(
            PRESENT
                | KAFKA
                | family.place_in_kafka() << FAMILY
                | u64::from(api) << API
                | u64::from(error) << ERROR
                | u64::from(client) << CLIENT
                | ending(of.outcome)
                | u64::from(of.topic & TOPIC_BITS) << TOPIC
                | u64::from(of.group & GROUP_BITS) << GROUP,
        )
    }

    pub(super) fn is_kafka(self) -> bool {
        self.0 & super::dns_key::DNS == KAFKA
    }

    /// The API; -1 for one of those that share a place.
    pub(crate) fn kafka_api(self) -> KafkaApi {
        match self.byte(API) {
            OTHER_API => KafkaApi(-1),
            api => KafkaApi(api.into()),
        }
    }

    pub(crate) fn kafka_topic(self) -> u16 {
        self.two_bytes(TOPIC) & TOPIC_BITS
    }

    pub(crate) fn kafka_group(self) -> u16 {
        self.two_bytes(GROUP) & GROUP_BITS
    }

    pub(crate) fn kafka_client(self) -> u16 {
        self.byte(CLIENT).into()
    }

    /// Calls `take` with the name of the API, or its number.
    pub(super) fn kafka_api_name<T>(self, take: impl FnOnce(&str) -> T) -> T {
        let api = self.kafka_api();
        match api.name() {
            Some(name) => take(name),
            None if api.0 < 0 => take(OTHER),
            None => take(itoa::Buffer::new().format(api.0)),
        }
    }

    /// Calls `take` with the error, by its name or by its number; empty where there was no response.
    pub(super) fn kafka_error<T>(self, by_name: bool, take: impl FnOnce(&str) -> T) -> T {
        let error = match self.byte(ERROR) {
            NO_RESPONSE => return take(""),
            OTHER_ERROR => return take(OTHER),
            SERVER_ERROR => KafkaError(-1),
            code => KafkaError(code.into()),
        };
        match error.name().filter(|_| by_name) {
            Some(name) => take(name),
            None => take(itoa::Buffer::new().format(error.0)),
        }
    }

    /// Which way the exchange carried records.
    pub(super) fn kafka_transfer(self) -> Option<KafkaTransfer> {
        self.kafka_api().transfer()
    }

    /// Whether the broker answered, or was not to.
    pub(crate) fn is_answered(self) -> bool {
        self.byte(ENDING) == ANSWERED
    }

    /// Whether the broker said something.
    pub(crate) fn has_kafka_response(self) -> bool {
        self.is_answered() && self.byte(ERROR) != NO_RESPONSE
    }

    /// Whether the exchange was done as the client asked, as far as can be seen.
    pub(crate) fn is_kafka_success(self) -> bool {
        self.is_answered() && matches!(self.byte(ERROR), 0 | NO_RESPONSE)
    }

    /// What `error_type` says of an exchange that was answered.
    pub(super) fn kafka_error_type(self) -> ErrorType {
        match self.byte(ERROR) {
            0 | NO_RESPONSE => ErrorType::None,
            OTHER_ERROR => ErrorType::Word(OTHER),
            SERVER_ERROR => ErrorType::Word(KafkaError(-1).name().unwrap_or(OTHER)),
            code => KafkaError(code.into()).name().map_or(ErrorType::Status(code.into()), ErrorType::Word),
        }
    }
}

/// The bits that a field of Kafka needs.
pub(super) fn bits_of(field: Field) -> u64 {
    match field {
        Field::KafkaApi
        | Field::HubbleApiKey
        | Field::KafkaDirection
        | Field::MessagingOperation
        | Field::MessagingOperationType => 0xff << API,
        Field::KafkaError | Field::HubbleErrorCode => ERROR_BITS,
        Field::KafkaClient => 0xff << CLIENT,
        Field::KafkaTopic => u64::from(TOPIC_BITS) << TOPIC,
        Field::KafkaGroup => u64::from(GROUP_BITS) << GROUP,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use flowfold_flow::FailureReason;

    use super::super::Reporter;
    use super::*;

    const PRODUCE: KafkaKey = KafkaKey {
        api: KafkaApi::PRODUCE,
        error: Some(KafkaError::NONE),
        outcome: Outcome::Answered,
        topic: TOPIC_BITS,
        group: GROUP_BITS,
        client: 255,
    };

    fn key(of: KafkaKey) -> Key {
        Key::kafka(ExchangeFamily::KafkaThrottle, &of)
    }

    fn error_type(of: KafkaKey) -> String {
        match key(of).error_type(Reporter::Server) {
            ErrorType::None => String::new(),
            ErrorType::Word(word) => word.to_owned(),
            ErrorType::Status(status) => status.to_string(),
        }
    }

    #[test]
    fn what_is_packed_can_be_read_again() {
        let key = key(PRODUCE);
        assert_eq!((key.kafka_topic(), key.kafka_group(), key.kafka_client()), (TOPIC_BITS, GROUP_BITS, 255));
        assert!(key.is_kafka() && key.has_kafka_response() && key.is_kafka_success());
        let others = [ExchangeFamily::KafkaRequest, ExchangeFamily::KafkaRecords, ExchangeFamily::KafkaFetch];
        assert!(others.into_iter().all(|family| Key::kafka(family, &PRODUCE) != key));
    }

    #[test]
    fn an_api_has_its_name_or_its_number() {
        let name = |number| key(KafkaKey { api: KafkaApi(number), ..PRODUCE }).kafka_api_name(str::to_owned);
        assert_eq!([0, 18, 94, 95, 254].map(name), ["Produce", "ApiVersions", "UnregisterController", "95", "254"]);
        assert_eq!([255, 1000, -1, i16::MIN].map(name), ["_OTHER"; 4]);
    }

    #[test]
    fn an_error_has_its_name_or_its_number() {
        let of = |code| KafkaKey { error: Some(KafkaError(code)), ..PRODUCE };
        let name = |code| key(of(code)).kafka_error(true, str::to_owned);
        let number = |code| key(of(code)).kafka_error(false, str::to_owned);
        let codes = [-1, 0, 3, 252, 253, 1000, -2];
        let names = ["UNKNOWN_SERVER_ERROR", "NONE", "UNKNOWN_TOPIC_OR_PARTITION", "252", "_OTHER", "_OTHER", "_OTHER"];
        assert_eq!(codes.map(name), names);
        assert_eq!(codes.map(number), ["-1", "0", "3", "252", "_OTHER", "_OTHER", "_OTHER"]);
        let types = ["UNKNOWN_SERVER_ERROR", "", "UNKNOWN_TOPIC_OR_PARTITION", "252", "_OTHER", "_OTHER", "_OTHER"];
        assert_eq!(codes.map(|code| error_type(of(code))), types);
        assert!(!key(of(3)).is_kafka_success());
    }

    #[test]
    fn without_a_response_there_is_no_error_code() {
        let unacknowledged = KafkaKey { error: None, ..PRODUCE };
        assert_eq!(key(unacknowledged).kafka_error(true, str::to_owned), "");
        assert_eq!(error_type(unacknowledged), "");
        assert!(key(unacknowledged).is_kafka_success() && !key(unacknowledged).has_kafka_response());
        let lost = KafkaKey { outcome: Outcome::Failed(FailureReason::ServerReset), ..unacknowledged };
        assert_eq!(error_type(lost), "server_reset");
        assert!(!key(lost).is_kafka_success());
    }
}
