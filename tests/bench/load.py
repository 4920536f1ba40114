"""Loads one subject with wrk and reads what it cost."""

import json
import pathlib
import subprocess
import threading

import lab as place

REPORT = pathlib.Path(__file__).parent / "report.lua"


class Scraper:
    """Scrapes a subject each second while it is loaded, as Prometheus would, only more often."""

    def __init__(self, subject):
        self.subject, self.over = subject, threading.Event()
        self.thread = threading.Thread(target=self._loop)

    def _loop(self):
        while not self.over.wait(1):
            self.subject.scrape()

    def __enter__(self):
        if self.subject.metrics:
            self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        if self.subject.metrics:
            self.thread.join()


def wrk(subject, connections, seconds):
    """One run of wrk with keep-alive connections on one thread."""
    run = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", REPORT, subject.url],
        capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def measure(subject, connections, seconds):
    """Throughput, latencies and the proxy's own cost of one run."""
    pid = subject.process.pid if subject.process else None
    with Scraper(subject):
        before = place.cpu_seconds(pid) if pid else 0
        seen = wrk(subject, connections, seconds)
        after = place.cpu_seconds(pid) if pid else 0
    if seen["failed"] or not seen["requests"]:
        raise SystemExit(f"{subject.title}: {seen['failed']} of {seen['requests']} requests failed")
    return {
        "requests_per_second": seen["requests"] / (seen["microseconds"] / 1e6),
        "p50_us": seen["p50"],
        "p99_us": seen["p99"],
        "cpu_us_per_request": (after - before) * 1e6 / seen["requests"] if pid else None,
        "rss_bytes": place.resident_bytes(pid) if pid else None,
    }
