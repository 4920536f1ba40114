//! How many series a configuration can make.

use flowfold_flow::{ConnectionOutcome, DnsRcode, DnsTransport, DnsType, FailureReason, GrpcCall, GrpcStatus};

use crate::FoldOptions;
use crate::labels::{ExchangeFamily, Field};
use crate::views::Rows;

/// The status codes that servers may send: 100 to 599 (RFC 9110 section 15).
const HTTP_STATUSES: u64 = 500;

/// The values of a byte of a key that says an API of Kafka or an error.
const KAFKA_NUMBERS: u64 = 256;

/// The APIs of Kafka that carry records.
const KAFKA_TRANSFERS: u64 = 3;

/// The most label sets of one family that a client, a server and a port can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyPreview {
    /// The metric that the family is named after.
    pub family: &'static str,
    /// How many label sets.
    pub most: u64,
    /// Of what they are made: the labels with the number of their values, `HTTP methods` with 11 and so on.
    pub made_of: Vec<(&'static str, u64)>,
}

impl FoldOptions {
    /// The most label sets that each family can have for one client, server and port. All of them together are at most
    /// `max_series`, whatever this says.
    pub fn preview(&self) -> Vec<FamilyPreview> {
        let rows = Rows::new(&self.views, &self.hubble, &self.labels);
        let is_kept = |family: &ExchangeFamily| *family != ExchangeFamily::Connection || rows.shows(*family);
        ExchangeFamily::ALL.into_iter().filter(is_kept).map(|family| self.preview_of(&rows, family)).collect()
    }

    fn preview_of(&self, rows: &Rows, family: ExchangeFamily) -> FamilyPreview {
        let uses = rows.uses()[family as usize];
        let kept = uses.key;
        let keeps = |field: Field| {
            let mut of_field = crate::labels::Uses::default();
            of_field.add(family, field);
            let mut of_none = crate::labels::Uses::default();
            of_none.add(family, Field::Constant(""));
            let bits = of_field.key & !of_none.key;
            bits != 0 && kept & bits == bits
        };
        // An answer, an end that nobody saw, or a failure.
        let ends = 2 + FailureReason::ALL.len() as u64;
        let routes = self.routes.len() + self.workload_routes.iter().map(|of| of.routes.len()).max().unwrap_or(0);
        let or_other = |count: usize| count as u64 + 1;
        // Beside the names: none, another one, and one that is not seen.
        let topics = self.kafka.max_topics as u64 + 3;
        let client_ids = if self.kafka.max_client_ids == 0 { 1 } else { self.kafka.max_client_ids as u64 + 2 };
        let names = if self.dns.question_labels == 0 { 0 } else { self.dns.max_names as u64 };
        let factors: &[(&str, Field, u64)] = match family {
            ExchangeFamily::HttpServer | ExchangeFamily::HttpClient => &[
                ("methods", Field::HttpMethod, or_other(self.methods.len())),
                ("routes", Field::HttpRoute, or_other(routes)),
                ("learned patterns", Field::UrlTemplate, or_other(self.max_url_templates)),
                ("status codes", Field::HttpStatus, HTTP_STATUSES + 1),
                ("ways to end", Field::ErrorType, ends),
                ("versions", Field::HttpVersion, 3),
                ("schemes", Field::UrlScheme, 2),
            ],
            ExchangeFamily::RpcServer | ExchangeFamily::RpcClient => &[
                ("methods", Field::RpcMethod, or_other(self.rpc_methods.max())),
                ("statuses", Field::RpcStatus, or_other(GrpcStatus::ALL.len())),
                ("ways to end", Field::ErrorType, ends),
                ("systems", Field::RpcSystem, 2),
                ("types of call", Field::GrpcType, GrpcCall::ALL.len() as u64),
                ("HTTP status codes", Field::HttpStatus, HTTP_STATUSES + 1),
            ],
            ExchangeFamily::KafkaRequest => &[
                ("reporters", Field::Reporter, 2),
                ("APIs", Field::KafkaApi, KAFKA_NUMBERS),
                ("topics", Field::KafkaTopic, topics),
                ("error codes", Field::KafkaError, KAFKA_NUMBERS),
                ("ways to end", Field::ErrorType, ends),
                ("groups", Field::KafkaGroup, self.kafka.max_groups as u64 + 2),
                ("client ids", Field::KafkaClient, client_ids),
            ],
            ExchangeFamily::KafkaRecords => &[
                ("reporters", Field::Reporter, 2),
                ("APIs", Field::KafkaApi, KAFKA_TRANSFERS),
                ("topics", Field::KafkaTopic, topics),
                ("error codes", Field::KafkaError, KAFKA_NUMBERS),
                ("ways to end", Field::ErrorType, ends),
            ],
            ExchangeFamily::KafkaThrottle => &[
                ("reporters", Field::Reporter, 2),
                ("APIs", Field::KafkaApi, KAFKA_NUMBERS),
                ("client ids", Field::KafkaClient, client_ids),
            ],
            ExchangeFamily::DnsLookup => &[
                ("reporters", Field::Reporter, 2),
                ("names", Field::DnsName, if names == 0 { 1 } else { names + 2 }),
                ("question types", Field::DnsKind, or_other(DnsType::KNOWN.len())),
                ("response codes", Field::DnsRcode, or_other(DnsRcode::KNOWN.len()) + 1),
                ("ways to end", Field::ErrorType, ends),
                ("transports", Field::DnsTransport, DnsTransport::ALL.len() as u64),
                ("numbers of addresses", Field::HubbleAddresses, 128),
            ],
            ExchangeFamily::FirstByte | ExchangeFamily::FirstMessage | ExchangeFamily::KafkaFetch => {
                &[("reporters", Field::Reporter, 2)]
            }
            ExchangeFamily::Connection => &[
                ("reporters", Field::Reporter, 2),
                // Flows of datagrams, which end in silence, are left out.
                ("ways to end", Field::ErrorType, ConnectionOutcome::ALL.len() as u64 - 1),
                ("versions of IP", Field::IpFamily, 2),
            ],
        };
        // The server's reports have none.
        let is_named =
            uses.destination_name && !matches!(family, ExchangeFamily::HttpServer | ExchangeFamily::RpcServer);
        let server_names = match self.destination_names.max_names {
            0 => 1,
            max => max as u64 + 2,
        };
        let is_made_of =
            |(_, field, count): &&(&str, Field, u64)| *count > 1 && (*field == Field::Reporter || keeps(*field));
        let mut made_of: Vec<_> = factors.iter().filter(is_made_of).map(|(name, _, count)| (*name, *count)).collect();
        if is_named && server_names > 1 {
            made_of.push(("names of the server", server_names));
        }
        let most = made_of.iter().fold(1_u64, |most, (_, count)| most.saturating_mul(*count));
        FamilyPreview { family: family.metric().name, most, made_of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HubbleMetric, LabelChoices, RouteTable, View};

    fn most(options: &FoldOptions, family: ExchangeFamily) -> u64 {
        let of_family = |preview: &FamilyPreview| preview.family == family.metric().name;
        options.preview().into_iter().find(of_family).map_or(0, |preview| preview.most)
    }

    #[test]
    fn a_preview_multiplies_what_is_shown() {
        let routes = RouteTable::parse(["/a", "/b/{c}"]).unwrap();
        let mut options = FoldOptions { routes, ..FoldOptions::default() };
        assert_eq!(most(&options, ExchangeFamily::HttpServer), 11 * 3 * 501 * 14 * 3 * 2);
        assert_eq!(most(&options, ExchangeFamily::RpcServer), 501 * 18 * 14 * 2);
        assert_eq!(most(&options, ExchangeFamily::FirstByte), 2);
        assert_eq!(most(&options, ExchangeFamily::KafkaRequest), 2 * 256 * 503 * 256 * 14 * 202);
        assert_eq!(most(&options, ExchangeFamily::KafkaRecords), 2 * 3 * 503 * 256 * 14);
        assert_eq!(most(&options, ExchangeFamily::KafkaThrottle), 2 * 256);
        assert_eq!(most(&options, ExchangeFamily::DnsLookup), 2 * 23 * 22 * 14 * 2);
        let mut labels = LabelChoices::default();
        labels.include("http_server_request_duration_seconds", &["http_route", "destination_workload"]).unwrap();
        options.labels = labels;
        assert_eq!(most(&options, ExchangeFamily::HttpServer), 3);
        assert_eq!(most(&options, ExchangeFamily::HttpClient), 11 * 3 * 501 * 14 * 3 * 2);
        options.max_url_templates = 9;
        assert_eq!(most(&options, ExchangeFamily::HttpServer), 3, "it is not shown there");
        options.destination_names.max_names = 8;
        assert_eq!(most(&options, ExchangeFamily::HttpClient), 10 * 10 * 11 * 3 * 501 * 14 * 3 * 2);
        assert_eq!(most(&options, ExchangeFamily::HttpServer), 3, "the server's reports have none");
        options.views = vec![View::GoGrpcPrometheus];
        assert_eq!(most(&options, ExchangeFamily::HttpServer), 1);
        assert_eq!(most(&options, ExchangeFamily::RpcServer), 501 * 18 * 4);
        assert_eq!(options.preview().len(), 11);
        options.views = vec![View::Hubble];
        options.hubble = HubbleMetric::parse_all(["tcp"]).unwrap();
        assert_eq!(most(&options, ExchangeFamily::Connection), 2 * 6 * 2);
    }
}
