//! What others call the requests of Kafka.

use flowfold_flow::KafkaApi;

/// The name of a request's operation and its type by the conventions of messaging; none of a request that is no such
/// operation.
pub fn messaging_operation(api: KafkaApi) -> Option<(&'static str, &'static str)> {
    match api {
        KafkaApi::PRODUCE => Some(("send", "send")),
        KafkaApi::FETCH | KafkaApi::SHARE_FETCH => Some(("poll", "receive")),
        KafkaApi::OFFSET_COMMIT | KafkaApi::TXN_OFFSET_COMMIT => Some(("commit", "settle")),
        KafkaApi::SHARE_ACKNOWLEDGE => Some(("acknowledge", "settle")),
        _ => None,
    }
}

/// The requests that have a name in Hubble, each at its number.
const HUBBLE: [&str; 34] = [
    "produce",
    "fetch",
    "offsets",
    "metadata",
    "leaderandisr",
    "stopreplica",
    "updatemetadata",
    "controlledshutdown",
    "offsetcommit",
    "offsetfetch",
    "findcoordinator",
    "joingroup",
    "heartbeat",
    "leavegroup",
    "syncgroup",
    "describegroups",
    "listgroups",
    "saslhandshake",
    "apiversions",
    "createtopics",
    "deletetopics",
    "deleterecords",
    "initproducerid",
    "offsetforleaderepoch",
    "addpartitionstotxn",
    "addoffsetstotxn",
    "endtxn",
    "writetxnmarkers",
    "txnoffsetcommit",
    "describeacls",
    "createacls",
    "deleteacls",
    "describeconfigs",
    "alterconfigs",
];

/// Calls `take` with what Hubble calls a request: the number of one that has no name there.
pub(crate) fn hubble_api_key<T>(api: KafkaApi, take: impl FnOnce(&str) -> T) -> T {
    match usize::try_from(api.0).ok().and_then(|number| HUBBLE.get(number)) {
        Some(name) => take(name),
        None => take(itoa::Buffer::new().format(api.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubble_names_the_requests_as_kafka_does_in_small_letters() {
        for number in 0..i16::try_from(HUBBLE.len()).unwrap() {
            let api = KafkaApi(number);
            let lower = api.to_string().to_lowercase();
            let expected = if api == KafkaApi::LIST_OFFSETS { "offsets" } else { &lower };
            assert_eq!(hubble_api_key(api, str::to_owned), expected);
        }
        assert_eq!(hubble_api_key(KafkaApi(36), str::to_owned), "36");
        assert_eq!(hubble_api_key(KafkaApi(-1), str::to_owned), "-1");
    }
}
