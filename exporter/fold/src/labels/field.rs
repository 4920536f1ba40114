//! What can stand in a column of a view.

use super::context::is_named;
use super::key::ErrorType;
use super::{Answers, Contexts, ExchangeLabels, Vocabulary};
use crate::destination_names::OTHER_NAME;
use crate::kafka;

/// A label of a view: its name, and what of the store's label set is its value.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) field: Field,
}

/// A part of the store's label set, in the spelling of one view or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Reporter,
    ServerPort,
    SourceWorkload,
    SourceNamespace,
    DestinationWorkload,
    DestinationNamespace,
    /// The name by which the client knows a server that no workload is known of.
    DestinationName,
    /// The same where there is one, else the server's workload.
    DestinationNode,
    ErrorType,
    HttpMethod,
    HttpStatus,
    HttpRoute,
    HttpVersion,
    UrlScheme,
    /// The learned pattern of the path.
    UrlTemplate,
    RpcSystem,
    /// `package.Service/Method`
    RpcMethod,
    /// In capitals.
    RpcStatus,
    /// Who streamed.
    GrpcType,
    /// `package.Service`
    GrpcService,
    /// `Method`
    GrpcMethod,
    /// The status as Go names it. A call always has one there: where it is not known, `Unknown`.
    GrpcCode,
    /// The end of the name that was looked up.
    DnsName,
    /// The type of the records that were asked for.
    DnsKind,
    /// The response code as `dig` prints it.
    DnsRcode,
    DnsTransport,
    /// How many records of an answer are of this kind. Not shown, but counted by.
    DnsAnswers(Answers),
    /// The response code as Hubble writes it.
    HubbleRcode,
    /// The name that was looked up, as Hubble writes it.
    HubbleQuery,
    /// How many addresses were told.
    HubbleAddresses,
    /// As Hubble has it.
    HttpProtocol,
    /// What Hubble says of the client.
    Source(Contexts),
    /// What Hubble says of the server.
    Destination(Contexts),
    /// The family of a connection's addresses.
    IpFamily,
    /// The reporter in Hubble's other words.
    TrafficDirection,
    /// `virtual_node` where one end is known by its address alone.
    ConnectionType,
    /// The request by its name in Kafka.
    KafkaApi,
    /// The same, as Hubble has it.
    HubbleApiKey,
    /// The one topic of an exchange, or that of records.
    KafkaTopic,
    /// The consumer group.
    KafkaGroup,
    /// The client by the name that it gives itself.
    KafkaClient,
    /// What the broker says, by its name.
    KafkaError,
    /// The same, by its number.
    HubbleErrorCode,
    /// Which way records went.
    KafkaDirection,
    /// What the conventions of messaging call the request.
    MessagingOperation,
    /// What kind of operation that is.
    MessagingOperationType,
    /// The same for every series.
    Constant(&'static str),
}

impl Field {
    /// Calls `take` once, with the value that this label set has here; empty where it has none.
    pub(crate) fn value<T>(self, labels: &ExchangeLabels, vocabulary: &Vocabulary, take: impl FnOnce(&str) -> T) -> T {
        let key = labels.key;
        match self {
            Self::Reporter => take(labels.reporter.as_label()),
            Self::ServerPort => number(labels.port, take),
            Self::SourceWorkload => take(labels.source.as_deref().map_or("", |workload| &workload.name)),
            Self::SourceNamespace => take(labels.source.as_deref().map_or("", |workload| &workload.namespace)),
            Self::DestinationWorkload => take(labels.destination.as_deref().map_or("", |workload| &workload.name)),
            Self::DestinationNamespace => {
                take(labels.destination.as_deref().map_or("", |workload| &workload.namespace))
            }
            Self::DestinationName => take(labels.destination_name.as_deref().unwrap_or_default()),
            Self::DestinationNode => {
                let name = labels.destination_name.as_deref().filter(|name| *name != OTHER_NAME);
                take(name.unwrap_or_else(|| labels.destination.as_deref().map_or("", |workload| &workload.name)))
            }
            Self::ErrorType => match key.error_type(labels.reporter) {
                ErrorType::None => take(""),
                ErrorType::Status(status) => number(status, take),
                ErrorType::Word(word) => take(word),
            },
            // A call is a POST.
            Self::HttpMethod if key.is_rpc() => take("POST"),
            Self::HttpMethod => take(vocabulary.methods.label(key.http_method())),
            Self::HttpStatus => number(key.http_status(), take),
            Self::HttpRoute => take(vocabulary.routes.label(key.http_route()).unwrap_or_default()),
            Self::HttpVersion => take(key.http_version()),
            Self::UrlScheme => take(key.url_scheme()),
            Self::UrlTemplate => take(vocabulary.url_templates.label(key.url_template())),
            Self::RpcSystem => take(key.rpc_system()),
            Self::RpcMethod => take(vocabulary.rpc_methods.label(key.rpc_method())),
            Self::RpcStatus => take(key.rpc_status().map_or("", |status| status.as_label())),
            Self::GrpcType => take(key.rpc_call().map_or("", |call| call.as_label())),
            Self::GrpcService => take(vocabulary.rpc_methods.service_and_method(key.rpc_method()).0),
            Self::GrpcMethod => take(vocabulary.rpc_methods.service_and_method(key.rpc_method()).1),
            Self::GrpcCode => take(key.rpc_status().map_or("Unknown", |status| status.as_go_name())),
            Self::DnsName => take(vocabulary.dns.label(key.dns_name())),
            Self::DnsKind => take(key.dns_kind_name()),
            Self::DnsRcode => take(key.dns_rcode()),
            Self::DnsTransport => take(key.dns_transport()),
            Self::DnsAnswers(which) => take(itoa::Buffer::new().format(key.dns_answers(which))),
            Self::HubbleRcode => take(key.hubble_rcode()),
            Self::HubbleQuery => vocabulary.dns.query(key.dns_name(), take),
            Self::HubbleAddresses => take(itoa::Buffer::new().format(key.dns_addresses())),
            Self::HttpProtocol => take(key.http_protocol()),
            Self::Source(contexts) => contexts.value(labels.source.as_deref(), None, take),
            Self::Destination(contexts) => {
                contexts.value(labels.destination.as_deref(), labels.destination_name.as_deref(), take)
            }
            Self::IpFamily => take(key.ip_family()),
            Self::TrafficDirection => take(labels.reporter.as_traffic_direction()),
            Self::ConnectionType => {
                let ends = [&labels.source, &labels.destination];
                let is_named = ends.into_iter().flatten().all(|workload| is_named(workload));
                take(if is_named { "" } else { "virtual_node" })
            }
            Self::KafkaApi => key.kafka_api_name(take),
            Self::HubbleApiKey => kafka::hubble_api_key(key.kafka_api(), take),
            Self::KafkaTopic => vocabulary.kafka.topics.label(key.kafka_topic(), take),
            Self::KafkaGroup => vocabulary.kafka.groups.label(key.kafka_group(), take),
            Self::KafkaClient => vocabulary.kafka.clients.label(key.kafka_client(), take),
            Self::KafkaError => key.kafka_error(true, take),
            Self::HubbleErrorCode => key.kafka_error(false, take),
            Self::KafkaDirection => take(key.kafka_transfer().map_or("", |transfer| transfer.as_label())),
            Self::MessagingOperation => take(kafka::messaging_operation(key.kafka_api()).map_or("", |(name, _)| name)),
            Self::MessagingOperationType => {
                take(kafka::messaging_operation(key.kafka_api()).map_or("", |(_, kind)| kind))
            }
            Self::Constant(text) => take(text),
        }
    }
}

/// A number in digits; 0 stands for none.
fn number<T>(number: u16, take: impl FnOnce(&str) -> T) -> T {
    if number == 0 { take("") } else { take(itoa::Buffer::new().format(number)) }
}
