"""dnsmasq as a server, and a loop as the load (dns_load.rs): lookups over UDP, some at once."""

import functools
import json
import pathlib
import subprocess

import lab as place
from prepare import CACHE

NAME = "www.example.test"
# types A and AAAA
QUERIES = [f"{NAME}:1", f"{NAME}:28", "gone.example.test:1"]
SOURCE = pathlib.Path(__file__).parent / "dns_load.rs"


def start_server(lab, port):
    """Starts a server that answers out of itself."""
    return lab.start(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root",
                      "--pid-file=", "--local=/test/", f"--listen-address={place.HOST}", "--bind-interfaces", f"--port={port}",
                      f"--host-record={NAME},192.0.2.7,2001:db8::7"])


@functools.cache
def loader():
    """The load's program, compiled once. dnsperf tells latencies one by one as text, which costs it more than its lookups."""
    CACHE.mkdir(parents=True, exist_ok=True)
    program = CACHE / "dns_load"
    subprocess.run(["rustc", "--edition", "2024", "-O", "-o", program, SOURCE], check=True)
    return program


def load(subject, shape, seconds):
    """One run, with so many sockets, and so many lookups at once on each or in every second on all. It belongs to the subject's
    cgroup, for which egress is read."""
    program = loader()
    pace = f"{shape.rate}/s" if shape.rate else str(shape.streams)

    def in_child():
        if subject.cgroup is not None:
            (subject.cgroup / "cgroup.procs").write_text("0")

    run = subprocess.run(
        [program, f"{place.HOST}:{subject.port}", str(shape.connections), pace, str(seconds), *QUERIES],
        capture_output=True, text=True, preexec_fn=in_child)
    if run.returncode:
        raise SystemExit(f"dns_load said\n{run.stdout}{run.stderr}")
    return json.loads(run.stdout)
