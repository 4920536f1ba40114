//! The longer parts of the help. A paragraph is one line, which is wrapped to the terminal's width.

pub(super) const TOP: &str = "\
Examples:
  flowfold demo                                             see what it does, with services of its own
  sudo flowfold run --visibility '<Ingress/9080/TCP/HTTP>'  metrics of the server on port 9080
  curl http://127.0.0.1:9464/metrics                        what Prometheus would scrape
  flowfold check --print-example                            a configuration file that explains every key

Exit codes:
  0   done
  1   failed
  64  bad usage or configuration; nothing was attached
  77  a privilege or a kernel feature is missing; the message names it

`flowfold COMMAND --help` tells the rest: defaults, units and what is needed.";

pub(super) const RUN: &str = "\
Examples:
  flowfold run --visibility '<Ingress/9080/TCP/HTTP>,<Egress/80/TCP/HTTP>'
  flowfold run --config /etc/flowfold.yaml
  flowfold run --config /etc/flowfold.yaml --metrics 0.0.0.0:9464 --log-format json
  flowfold run --visibility '<Egress/80/TCP/AUTO>' --cgroup /sys/fs/cgroup/system.slice/app.service

Needs: Linux 5.15 or later, cgroup version 2 mounted anywhere, and CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN \
(CAP_SYS_ADMIN too, to enter another namespace and to see other agents), as root has them; `flowfold check` tells what \
is missing. Once the programs are attached, every capability is dropped but CAP_BPF, \
CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and each thread keeps only those that it needs.

What is seen: new TCP connections of the named ports, and with <Egress/53/UDP/DNS> or <Ingress/53/UDP/DNS> the \
datagrams of DNS, which are read as they pass by and not steered. Those that are open already are left alone and counted as not observed. A connection that an ingress and an egress rule of this host name is relayed once and reported for both \
sides. TLS is relayed and counted as opaque. Near --max-connections, or near the limit of open files (raised to the \
hard one at start), new connections go direct and are counted as not observed.

Going down: on SIGTERM, SIGINT or SIGHUP steering stops, so new connections go direct; open exchanges may finish \
within --drain-timeout; then exit 0. A second signal ends it at once. If it is killed or hangs, new connections go \
direct as well.

The log: on stderr, with a line that says `steering` once traffic is steered, and one that says `ready` when /readyz \
answers 200. The environment variable FLOWFOLD_LOG sets the level (error, warn, info, debug, trace), or one per module.

The configuration file: `flowfold check --print-example` prints one that explains every key. Unknown keys and doubled \
ones are refused, and each error names the file, the line, the key and the fix.

Exit codes:
  0   done
  1   failed
  64  bad usage or configuration; nothing was attached
  77  a privilege or a kernel feature is missing; the message names it";

pub(super) const PROXY: &str = "\
Examples:
  flowfold proxy --listen 127.0.0.1:8081 --upstream 127.0.0.1:8080
  flowfold proxy --listen '[::]:8081' --upstream '[::1]:8080' --metrics 127.0.0.1:0 --workers 1

Connections are reported for the server's side (http_server_...). A port of 0 to listen on takes a free one, and the log says which. \
On SIGTERM, SIGINT or SIGHUP open exchanges may finish within --drain-timeout; then exit 0. A second signal ends it at \
once. The environment variable FLOWFOLD_LOG sets the level of the log on stderr.

Exit codes:
  0   done
  1   failed
  64  bad usage";

pub(super) const CHECK: &str = "\
Examples:
  flowfold check                                   can this host and user steer at all?
  flowfold check --config /etc/flowfold.yaml       is this file right, and can it run here?
  flowfold check --print-example > flowfold.yaml   a file to start from

On stdout, one line for each requirement: ok, missing or taken, what was found, and below it how to put it right.

Exit codes:
  0   `run` with the same flags would start
  1   a port or the address of /metrics is taken
  64  bad usage or configuration
  77  a privilege or a kernel feature is missing";

pub(super) const DEMO: &str = "\
Examples:
  flowfold demo                            a live table, until Ctrl-C
  flowfold demo --for 10s | cat            one plain table after ten seconds
  flowfold demo --metrics 127.0.0.1:9500   /metrics on another port

The services: productpage calls details and reviews, reviews calls ratings; some answers are slow, some are errors. \
They listen on free ports of 127.0.0.1, and a client asks the page 50 times a second. One request in seven carries a \
trace context (traceparent): OpenMetrics has exemplars, and with OTEL_EXPORTER_OTLP_TRACES_ENDPOINT set, spans go there.

The table: for each caller and called, the requests per second, the share of errors (5xx, and requests without an \
answer), and the latency that half (p50) and 99 of 100 (p99) requests stayed below, estimated from the buckets of the \
histogram. On a terminal it is renewed every second and looks back 5 s; the last one, or the only one, is of the whole \
time.

Steering needs the same as `flowfold run`. Without it the demo says what is missing, and shows the same through explicit \
proxies. At the end no process, cgroup or eBPF program is left, even if it is killed.

Exit codes:
  0   done
  1   failed
  64  bad usage";

pub(super) const SUGGEST: &str = "\
Examples:
  flowfold routes suggest                            of the agent on this host
  flowfold routes suggest --agent 10.1.2.3:9464      of another one
  flowfold routes suggest >> /etc/flowfold.yaml      where the file has no `workloads` yet; look at it, then
  flowfold check --config /etc/flowfold.yaml         is it right?

On stdout, an entry of `workloads` for each service, with the address where it was asked and its templates, the more exact \
ones first. Programs can ask http://ADDR/routes for the same in JSON.

Exit codes:
  0   done
  1   nothing answers there, or the agent learns no patterns; the message says which
  64  bad usage";
