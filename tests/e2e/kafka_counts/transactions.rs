//! Groups that consume, transform and produce in transactions: what they commit counts once the transaction is committed.

use flowfold_e2e::peers::kafka::Told;
use flowfold_e2e::scrape::Scrape;

use super::{LAG, REQUESTS, step};

/// The topic that is copied from. It ends with records that were aborted.
pub(super) const ORIGINALS: &str = "originals";
/// What it takes: records that are committed and aborted, and a marker behind each transaction.
const ENDS_AT: u64 = 20 + 1 + 10 + 1;
/// The topics that the old client copies to.
pub(super) const OLD_COPIES: [&str; 2] = ["copies-old-committed", "copies-old-aborted"];
/// How many records each transaction copies.
const COPIED: u64 = 5;

/// The steps of two transactions, each with how many of these were committed.
const STEPS: [(&str, u64); 6] =
    [("committed", 2), ("aborted", 1), ("left", 1), ("fenced", 1), ("old-committed", 2), ("old-aborted", 1)];
/// What their clients make requests of. Only the old one adds to its transactions itself what it is about to write to.
const APIS: [&str; 6] =
    ["InitProducerId", "AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn", "Produce"];

/// Each group is where its last committed transaction has brought it, and each request is told that the clients made.
pub(super) fn are_followed(scrape: &Scrape, told: &[Told]) {
    for (name, committed) in STEPS {
        let told = step(told, name);
        assert_eq!(told.number("record-send-total"), 2 * COPIED, "{name}");
        assert_eq!(told.number("TxnOffsetCommit"), 2, "{name}");
        let group = format!("group-{name}");
        scrape.expect(LAG, &[("group", &group), ("topic", ORIGINALS)], ENDS_AT - committed * COPIED);
        let is_old = name.starts_with("old");
        for api in APIS {
            let retried = answered(scrape, told, api);
            // only the old client does not wait until the broker has written the end of the last transaction
            assert!(retried == 0 || is_old, "{name}: {api}\n{scrape}");
        }
    }
    // a broker aborts what is open before it lets another producer of that id begin, which has to ask again
    let fencing = step(told, "fencing");
    assert!(answered(scrape, fencing, "InitProducerId") > 0, "{scrape}");
}

/// The client's requests of an API are told, all without an error but those that it was told to repeat. Returns how many these
/// are.
fn answered(scrape: &Scrape, told: &Told, api: &str) -> u64 {
    let of = |error| [("client_id", told.client.as_str()), ("api", api), ("error_code", error)];
    scrape.expect(REQUESTS, &of("NONE"), told.number(api));
    let retried = scrape.count(REQUESTS, &of("CONCURRENT_TRANSACTIONS"));
    scrape.expect(REQUESTS, &[("client_id", &told.client), ("api", api)], told.number(api) + retried);
    retried
}
