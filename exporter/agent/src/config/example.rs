//! The configuration file that documents every key. A test reads it.

/// A file with every key, its default or an example, and what it means.
pub const EXAMPLE: &str = r#"# A configuration of flowfold. Every key is optional but `visibility` (or the flag --visibility).
# Unknown keys are refused. A flag of `flowfold run` wins over the key of the same name.

# Which traffic is steered. <direction/port/L4/L7>:
#   direction  Ingress: to local servers on this port; Egress: from local clients to any server on this port
#   L4         TCP; or UDP for DNS
#   L7         HTTP, GRPC, KAFKA, DNS, or AUTO for whatever the first bytes tell.
# The same as a map: {direction: ingress, port: 9080, l4: TCP, l7: HTTP}; l4 and l7 may be left out (TCP, AUTO).
visibility:
  - <Ingress/9080/TCP/HTTP>
  - {direction: egress, port: 80, l7: HTTP}

# The processes that egress rules hold for: a directory of the cgroup2 tree. Default: its root, which is every process.
# Ingress rules hold for every server of the network namespace.
#cgroup: /sys/fs/cgroup/system.slice

# The network namespace that is steered. Default: the one that flowfold is started in.
#netns: /run/netns/shop

# Where /metrics, /healthz and /readyz are served, in the namespace that flowfold is started in.
metrics:
  listen: 127.0.0.1:9464
  # The names under which exchanges are shown; each view shows the same numbers:
  #   opentelemetry       http_server_request_duration_seconds, rpc_server_call_duration_seconds and so on
  #   go-grpc-prometheus  grpc_server_handled_total, grpc_server_handling_seconds and so on, for gRPC alone
  #   hubble              hubble_http_requests_total and so on, as `hubble` below asks for
  #   service-graph       traces_service_graph_request_total and so on
  views: [opentelemetry]
  # Whether OpenMetrics gets lines that say when each counter and histogram began (`_created`): one more series each.
  created_lines: false
  # What the view hubble shows, in the words of Hubble's own configuration (hubble.metrics.enabled): http, httpV2, flow
  # and tcp, with the options sourceContext, destinationContext and labelsContext.
  #hubble:
  #  - httpV2:labelsContext=source_namespace,source_workload,destination_namespace,destination_workload,traffic_direction
  #  - flow:sourceContext=workload|ip;destinationContext=workload|ip
  # Which labels a metric shows: all but those of `exclude`, or those of `include` alone. Series that then look alike are
  # added up; what no metric shows makes no series.
  #labels:
  #  http_server_request_duration_seconds: {exclude: [source_namespace, url_scheme]}

# Worker threads. Default: one per core.
#workers: 2

# Connections that are relayed at once. Near the limit new ones go direct, unobserved and counted.
# Default: what the limit of open files carries, two per connection.
#max_connections: 9000

# How long open exchanges may go on after SIGTERM or SIGINT, up to 1h.
drain_timeout: 10s

# Who is who. The first entry that matches a side of a connection names it. Within an entry, every criterion that is
# given must match; within a criterion, any of its values. `port` is the server's port and matches servers alone.
# `cgroup` is a path as /proc/PID/cgroup shows it behind 0::, and holds for everything below it.
# A side that no entry matches is called after its systemd unit, its container id (12 digits) or its command, if it is a
# process of this host, else after its IP address.
workloads:
  - name: reviews
    namespace: shop
    labels: {tier: backend}
    match: {port: [9080]}
    # Route templates of this workload, before those of `routes` below.
    routes: ["/reviews/{id}"]
  - name: office
    match: {ip: [10.20.0.0/16, 2001:db8::/32]}
  - name: cron
    match: {cgroup: [/system.slice/cron.service]}

identity:
  # Whether a peer that nothing else tells is called after its IP address; false: `unknown`.
  show_ips: true

# Paths become the label http_route by these templates alone, the first that matches (at most 100).
# {name} stands for one segment, {name...} for all the rest. As a map, a template can be for one method.
routes:
  - /products/{id}
  - {method: GET, template: "/static/{file...}"}

# Where no template matches, patterns of paths can be learned: numbers, UUIDs, hashes and long tokens become {id}, and the
# rest is the label url_template. So many for each service, once a request was answered well; 0: none.
# `flowfold routes suggest` prints them as templates for this file.
max_url_templates: 0

# Methods that are shown by name, in place of the usual ones; any other is shown as _OTHER.
#known_methods: [GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH, QUERY]

# gRPC methods are shown by name, package.Service/Method, once a server has answered a call of theirs; up to so many, any
# other is shown as _OTHER. In place of that, known_rpc_methods names all that are shown.
max_rpc_methods: 500
#known_rpc_methods: [shop.Cart/Add, shop.Cart/List]

# Topics and consumer groups of Kafka are shown by name, once a broker has answered for them; up to so many, any other is
# shown as _OTHER. Names that clients give themselves become the label client_id if there is a number of them, too.
max_kafka_topics: 500
max_kafka_groups: 200
max_kafka_client_ids: 0
# For how many partitions offsets are kept, from which consumers' lags are told: a partition counts once for itself, once
# for each group, and once for each workload that fetches from it. 0: no lags.
max_kafka_partitions: 10000

# How many of the last labels of a name that is looked up become dns_question_name, as in 2 for example.com; 0: there is no
# such label. Names are shown once a server has answered for them; up to so many, any other is shown as _OTHER.
dns_question_labels: 0
max_dns_names: 200

# Servers that no workload is known of can be told by the names that their clients have looked up before, if these lookups
# are steered, too, as by <Egress/53/UDP/DNS>: the label destination_name. So many names at once, any other is shown as
# _OTHER (500 is a good start); 0: no names are learned.
max_destination_names: 0
# For how many addresses names are kept, and for how long beyond the TTL of the answer: clients go on using an address.
max_destination_addresses: 4096
destination_name_grace: 5m

# The most series of exchanges, and the most memory that they may take. Beyond either, further ones are counted in one
# overflow series per family.
max_series: 20000
max_bytes: 128MiB

# How long a series is kept without an exchange; 0: for ever. Then it vanishes, and returns at zero with its next exchange.
series_ttl: 15m

# Pushing by OTLP. Metrics are pushed once an endpoint is given, here or in the environment. The variables of
# OpenTelemetry (OTEL_EXPORTER_OTLP_*, also per signal, OTEL_METRIC_EXPORT_INTERVAL and the others of the same meaning) win
# over these keys. Over HTTP, /v1/metrics and /v1/traces are added to the endpoint.
#otlp:
#  endpoint: http://127.0.0.1:4318
#  # http/protobuf or grpc
#  protocol: http/protobuf
#  headers: {api-key: "..."}
#  # none or gzip
#  compression: none
#  timeout: 10s
#  # PEM files: whom to trust in place of the system's authorities, and what to show
#  certificate: /etc/flowfold/ca.pem
#  client_certificate: /etc/flowfold/client.pem
#  client_key: /etc/flowfold/client.key
#  # whether gRPC goes without TLS where the endpoint has no scheme
#  insecure: false
#  # false: spans alone
#  metrics: true
#  interval: 60s
#  # cumulative, delta, or lowmemory (histograms as delta)
#  temporality: cumulative
#  # explicit_bucket_histogram or base2_exponential_bucket_histogram
#  histograms: explicit_bucket_histogram

# A span for each exchange that is worth one, sent by OTLP as above. Off unless this key is there. They tell paths.
#spans:
#  # The part of the exchanges without a trace that begins one; those with a trace follow their sender.
#  ratio: 0.01
#  # Every failed exchange, sampled or not
#  errors: true
#  # Every exchange that takes at least so long, sampled or not. Default: none for its duration.
#  slower_than: 1s
#  # Spans that may wait to be sent. Further ones are dropped and counted.
#  max_queued: 2048

# What the agent says that it is: attributes of the resource, in OTLP and as labels of target_info. OTEL_RESOURCE_ATTRIBUTES
# and OTEL_SERVICE_NAME win. Metrics and spans of a workload go out as that workload, with those of these attributes that do
# not begin with `service.`.
#resource: {deployment.environment.name: production}

log:
  # human or json
  format: human
  # error, warn, info, debug, trace, or directives such as info,flowfold_proxy=debug. The environment variable
  # FLOWFOLD_LOG wins.
  filter: info
"#;
