"""dnsmasq as a server, and dnsperf as the load: lookups over UDP, some at once."""

import re
import statistics
import subprocess

import lab as place

NAME = "www.example.test"
QUERIES = [f"{NAME} A", f"{NAME} AAAA", "gone.example.test A"]


def start_server(lab, port):
    """Starts a server that answers out of itself."""
    return lab.start(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root",
                      "--pid-file=", "--local=/test/", f"--listen-address={place.HOST}", "--bind-interfaces", f"--port={port}",
                      f"--host-record={NAME},192.0.2.7,2001:db8::7"])


def load(subject, shape, seconds):
    """One run of dnsperf, with so many sockets and so many lookups at once on each. It belongs to the subject's cgroup, for
    which egress is steered."""

    def in_child():
        if subject.cgroup is not None:
            (subject.cgroup / "cgroup.procs").write_text("0")

    queries = subject.directory / "queries"
    queries.write_text("\n".join([*QUERIES, ""]))
    run = subprocess.run(
        ["dnsperf", "-s", place.HOST, "-p", str(subject.port), "-d", queries, "-l", str(seconds), "-c", str(shape.connections),
         "-q", str(shape.connections * shape.streams), "-T", "1", "-v"],
        capture_output=True, text=True, preexec_fn=in_child)
    took = [float(last) * 1e6 for last in re.findall(r"^> \w+ \S+ \w+ ([\d.]+)$", run.stdout, re.MULTILINE)]
    counts = {word: int(count) for word, count in re.findall(r"Queries (sent|completed|lost): +(\d+)", run.stdout)}
    rate = re.search(r"Queries per second: +([\d.]+)", run.stdout)
    if run.returncode or rate is None or len(took) < 100:
        raise SystemExit(f"dnsperf said\n{run.stdout[-2000:]}{run.stderr}")
    took.sort()
    return {"requests": counts["completed"], "failed": counts["lost"], "seconds": counts["completed"] / float(rate[1]),
            "p50_us": statistics.median(took), "p99_us": took[len(took) * 99 // 100]}

