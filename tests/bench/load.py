"""Loads one subject with wrk or h2load and reads what it cost."""

import json
import pathlib
import re
import subprocess
import tempfile

import lab as place

# a flag, a length, and a message whose first field is a text
UNARY = b"\0\0\0\0\x10\x0a\x0esmall question"
REPORT = pathlib.Path(__file__).parent / "report.lua"


class Scraper:
    """Scrapes a subject each second while it is loaded, as Prometheus would, only more often."""

    # as long as any run of a load
    MOST = 3600

    def __init__(self, subject):
        self.subject, self.process = subject, None

    def __enter__(self):
        if self.subject.metrics:
            # A real one reads on another machine, so this one starts once, and may only have what is left of the cores.
            # Niceness would not do: who wakes up beside it waits for the end of its time slice.
            url = f"http://{self.subject.metrics}/metrics?scrape=[1-{self.MOST}]"
            self.process = subprocess.Popen(
                ["chrt", "--idle", "0", "curl", "-sf", "--rate", "60/m", "-o", "/dev/null", url])

    def __exit__(self, *_):
        if self.process:
            ended = self.process.poll()
            self.process.terminate()
            self.process.wait()
            if ended is not None:
                raise SystemExit(f"{self.subject.title}: the scraper ended with {ended}")


def wrk(subject, shape, seconds):
    """One run of wrk with keep-alive connections on one thread."""
    run = subprocess.run(
        ["wrk", "-t1", f"-c{shape.connections}", f"-d{seconds}s", "--timeout", "10s", "-s", REPORT, subject.url],
        capture_output=True, text=True, check=True)
    seen = json.loads(run.stdout.splitlines()[-1])
    return {"requests": seen["requests"], "failed": seen["failed"], "seconds": seen["microseconds"] / 1e6,
            "p50_us": seen["p50"], "p99_us": seen["p99"]}


def h2load(subject, shape, seconds, path="", more=()):
    """One run of h2load on one thread: HTTP/2 with prior knowledge."""
    run = subprocess.run(
        ["h2load", "-t1", f"-c{shape.connections}", f"-m{shape.streams}", f"-D{seconds}", *more, subject.url + path],
        capture_output=True, text=True, check=True)
    counts = dict((word, int(count)) for count, word in re.findall(r"(\d+) (succeeded|failed|errored|timeout)", run.stdout))
    mean = re.search(r"time for request: +\S+ +\S+ +([\d.]+)(us|ms|s)", run.stdout)
    if "succeeded" not in counts or mean is None:
        raise SystemExit(f"{subject.title}: h2load said\n{run.stdout}{run.stderr}")
    unit = {"us": 1, "ms": 1e3, "s": 1e6}[mean[2]]
    return {"requests": counts["succeeded"], "failed": counts["failed"] + counts["errored"] + counts["timeout"],
            "seconds": seconds, "mean_us": float(mean[1]) * unit}


def grpc(subject, shape, seconds):
    """One run of unary gRPC calls, with a message of 16 bytes each way."""
    with tempfile.NamedTemporaryFile() as message:
        message.write(UNARY)
        message.flush()
        more = ["-d", message.name, "-H", "content-type: application/grpc", "-H", "te: trailers"]
        return h2load(subject, shape, seconds, "bench.Echo/Call", more)


def measure(subject, load, shape, seconds):
    """Throughput, latencies and the proxy's own cost of one run of a load: wrk, h2load, grpc or Kafka's tools."""
    pid = subject.process.pid if subject.process else None
    with Scraper(subject):
        before = place.cpu_seconds(pid) if pid else 0
        seen = load(subject, shape, seconds)
        after = place.cpu_seconds(pid) if pid else 0
    if seen["failed"] or not seen["requests"]:
        raise SystemExit(f"{subject.title}: {seen['failed']} of {seen['requests']} requests failed")
    return {
        "requests_per_second": seen["requests"] / seen["seconds"],
        **{name: value for name, value in seen.items() if name.endswith("_us")},
        "cpu_us_per_request": (after - before) * 1e6 / seen["requests"] if pid else None,
        "rss_bytes": place.resident_bytes(pid) if pid else None,
    }
