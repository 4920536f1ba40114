//! The names of the labels.

/// The request of a Kafka exchange, by its name in Kafka.
pub const API: &str = "api";
/// Hubble's name for the request of a Kafka exchange.
pub const API_KEY: &str = "api_key";
/// The class of bytes.
pub const CLASS: &str = "class";
/// The workload that an edge of the service graph starts at.
pub const CLIENT: &str = "client";
/// The name that a Kafka client gives itself.
pub const CLIENT_ID: &str = "client_id";
/// `virtual_node` where one end of an edge is known by its address alone.
pub const CONNECTION_TYPE: &str = "connection_type";
/// Hubble's name for the side that a flow goes to.
pub const DESTINATION: &str = "destination";
/// The address of the side that a flow goes to, where nothing else is known of it.
pub const DESTINATION_IP: &str = "destination_ip";
/// The name by which the client knows a server that no workload is known of, learned from DNS; `_OTHER` beyond those that
/// may be shown.
pub const DESTINATION_NAME: &str = "destination_name";
/// The namespace of the server's workload.
pub const DESTINATION_NAMESPACE: &str = "destination_namespace";
/// The server's workload.
pub const DESTINATION_WORKLOAD: &str = "destination_workload";
/// The rules that steered a connection: ingress, egress or both. Of Kafka's records: produce or fetch.
pub const DIRECTION: &str = "direction";
/// The end of the name that was looked up, as much of it as is asked for, or `_OTHER`.
pub const DNS_QUESTION_NAME: &str = "dns_question_name";
/// The type of the records that were asked for.
pub const DNS_QUESTION_TYPE: &str = "dns_question_type";
/// The response code of DNS, as `dig` prints it.
pub const DNS_RESPONSE_CODE: &str = "dns_response_code";
/// What a Kafka broker said, by the error's name in Kafka; `NONE` for no error.
pub const ERROR_CODE: &str = "error_code";
/// What went wrong: a status code or the reason of a failure.
pub const ERROR_TYPE: &str = "error_type";
/// The name of a family of exchange series; the version of IP in Hubble's family of TCP flags.
pub const FAMILY: &str = "family";
/// A flag of TCP, or two that come together.
pub const FLAG: &str = "flag";
/// A format of exposition.
pub const FORMAT: &str = "format";
/// The status of a gRPC call, named as Go does.
pub const GRPC_CODE: &str = "grpc_code";
/// The method of a gRPC call, without its service.
pub const GRPC_METHOD: &str = "grpc_method";
/// The service of a gRPC call, with its package.
pub const GRPC_SERVICE: &str = "grpc_service";
/// Who streamed in a gRPC call.
pub const GRPC_TYPE: &str = "grpc_type";
/// The consumer group of Kafka, or `_OTHER`.
pub const GROUP: &str = "group";
/// The method, or `_OTHER`.
pub const HTTP_REQUEST_METHOD: &str = "http_request_method";
/// The status code of the final answer.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http_response_status_code";
/// The route template that the path matches.
pub const HTTP_ROUTE: &str = "http_route";
/// How many addresses an answer of DNS tells, to Hubble.
pub const IPS_RETURNED: &str = "ips_returned";
/// The id that Kafka's brokers give their cluster, by the conventions.
pub const KAFKA_CLUSTER_ID: &str = "kafka_cluster_id";
/// The consumer group by the conventions.
pub const MESSAGING_CONSUMER_GROUP_NAME: &str = "messaging_consumer_group_name";
/// The topic by the conventions.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging_destination_name";
/// What the client did: `send`, `poll` or `commit`.
pub const MESSAGING_OPERATION_NAME: &str = "messaging_operation_name";
/// The kind of that: `send`, `receive` or `settle`.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging_operation_type";
/// `kafka`.
pub const MESSAGING_SYSTEM: &str = "messaging_system";
/// Hubble's name for the HTTP method.
pub const METHOD: &str = "method";
/// The version of HTTP.
pub const NETWORK_PROTOCOL_VERSION: &str = "network_protocol_version";
/// `udp` or `tcp`.
pub const NETWORK_TRANSPORT: &str = "network_transport";
/// `true` on the one series that takes what `max_series` turned away.
pub const OTEL_METRIC_OVERFLOW: &str = "otel_metric_overflow";
/// How something ended.
pub const OUTCOME: &str = "outcome";
/// The name of a BPF program.
pub const PROGRAM: &str = "program";
/// What a connection spoke.
pub const PROTOCOL: &str = "protocol";
/// Hubble's name for the type of the records that were asked for.
pub const QTYPES: &str = "qtypes";
/// Hubble's name for the name that was looked up.
pub const QUERY: &str = "query";
/// Hubble's name for the response code of DNS.
pub const RCODE: &str = "rcode";
/// Why, out of a fixed list.
pub const REASON: &str = "reason";
/// For whom it is reported: server or client.
pub const REPORTER: &str = "reporter";
/// The commit of a build.
pub const REVISION: &str = "revision";
/// The full method of a call, `package.Service/Method`, or `_OTHER`.
pub const RPC_METHOD: &str = "rpc_method";
/// The status of a call, by name. The conventions are about to call this label `rpc_status_code`.
pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc_response_status_code";
/// The variant of gRPC.
pub const RPC_SYSTEM_NAME: &str = "rpc_system_name";
/// The workload that an edge of the service graph leads to.
pub const SERVER: &str = "server";
/// The port that the client asked for.
pub const SERVER_PORT: &str = "server_port";
/// The direction of bytes.
pub const SIDE: &str = "side";
/// Hubble's name for the side that a flow comes from.
pub const SOURCE: &str = "source";
/// The address of the side that a flow comes from, where nothing else is known of it.
pub const SOURCE_IP: &str = "source_ip";
/// The namespace of the client's workload.
pub const SOURCE_NAMESPACE: &str = "source_namespace";
/// The client's workload.
pub const SOURCE_WORKLOAD: &str = "source_workload";
/// Hubble's name for the status code.
pub const STATUS: &str = "status";
/// The protocol of a flow to Hubble.
pub const SUBTYPE: &str = "subtype";
/// The topic of Kafka: `_OTHER` beyond those that are told by name, `unknown` where only an id was seen.
pub const TOPIC: &str = "topic";
/// `ingress` or `egress`: Hubble's second name for the reporter.
pub const TRAFFIC_DIRECTION: &str = "traffic_direction";
/// The kind of a flow to Hubble.
pub const TYPE: &str = "type";
/// `http` or `https`.
pub const URL_SCHEME: &str = "url_scheme";
/// The pattern of the path that was learned, where no route template matches.
pub const URL_TEMPLATE: &str = "url_template";
/// What became of a flow.
pub const VERDICT: &str = "verdict";
/// The version of a build.
pub const VERSION: &str = "version";
