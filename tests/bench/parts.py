"""The parts of the bench: what is spoken, what load is put on it, and what is to be reached."""

import dataclasses
from typing import Callable

import dns
import idle
import kafka
import load


@dataclasses.dataclass(frozen=True)
class Shape:
    """How much is under way at once."""

    connections: int
    streams: int = 1
    # requests in every second, whatever the answers take; none: as many as are answered
    rate: int = None

    def __str__(self):
        if self.rate:
            return f"{self.rate:,} a second"
        return f"c={self.connections}" if self.streams == 1 else f"{self.connections} x {self.streams} streams"


@dataclasses.dataclass(frozen=True)
class Way:
    """Which way records go."""

    name: str

    def __str__(self):
        return self.name


@dataclasses.dataclass(frozen=True)
class Target:
    """A ratio of the steered agent against another subject; "least" and "most" say which way is good."""

    title: str
    measure: str
    shape: Shape
    other: str
    way: str
    bound: float


@dataclasses.dataclass(frozen=True)
class Part:
    """One protocol."""

    key: str
    title: str
    protocol: str
    needs: list
    tool: Callable
    shapes: list
    latencies: list
    targets: list
    # none where nothing is held; else what, and how many of it on each connection
    hold: Callable = None
    held: str = ""
    each: int = 1
    # those that can be measured
    subjects: tuple = ("direct", "flowfold", "explicit", "envoy", "haproxy")


def beside_envoy(shape):
    return [
        Target("throughput", "requests_per_second", shape, "envoy", "least", 3),
        Target("CPU per request", "cpu_us_per_request", shape, "envoy", "most", 0.33),
    ]


ONE, MANY = Shape(1), Shape(32)
ONE_BUSY, MANY_BUSY = Shape(1, 32), Shape(16, 16)
FEW, PACED, ALL = Shape(1, 8), Shape(8, rate=10000), Shape(8, 8)
PRODUCE, CONSUME = Way("produce"), Way("consume")

PARTS = {
    "h1": Part("h1", "HTTP/1.1", "http1", ["nginx", "wrk"], load.wrk, [ONE, MANY], ["p50_us", "p99_us"], [
        Target("throughput", "requests_per_second", MANY, "envoy", "least", 2.2),
        Target("throughput", "requests_per_second", MANY, "haproxy", "least", 1.05),
        Target("CPU per request", "cpu_us_per_request", MANY, "envoy", "most", 0.4),
        Target("CPU per request", "cpu_us_per_request", MANY, "haproxy", "most", 0.85),
        Target("p50", "p50_us", ONE, "envoy", "most", 0.65),
    ], idle.hold_http1, "connections"),
    "h2": Part("h2", "HTTP/2", "http2", ["nghttpd", "h2load"], load.h2load, [ONE_BUSY, MANY_BUSY], ["mean_us"],
               beside_envoy(ONE_BUSY) + beside_envoy(MANY_BUSY), idle.hold_http2, "HTTP/2 connections"),
    "grpc": Part("grpc", "unary gRPC", "grpc", ["h2load"], load.grpc, [ONE_BUSY, MANY_BUSY], ["mean_us"],
                 beside_envoy(ONE_BUSY) + beside_envoy(MANY_BUSY), idle.hold_streams, "open streams", 100),
    # records of one size, so that their ratio is that of the megabytes
    "kafka": Part("kafka", "Kafka, records of 1 KiB", "kafka", ["javac", "mvn"], kafka.load, [PRODUCE, CONSUME], [], [
        Target("records a second", "requests_per_second", PRODUCE, "direct", "least", 0.9),
        Target("records a second", "requests_per_second", CONSUME, "direct", "least", 0.9),
    ], subjects=("direct", "flowfold", "explicit")),
    "dns": Part("dns", "DNS over UDP", "dns", ["dnsmasq", "rustc"], dns.load, [FEW, PACED, ALL], ["p50_us", "p99_us"], [
        Target("lookups a second", "requests_per_second", FEW, "direct", "least", 0.9),
        Target("lookups a second", "requests_per_second", ALL, "direct", "least", 0.9),
        Target("p50", "p50_us", PACED, "direct", "most", 1.11),
        *(Target("p99", "p99_us", shape, "direct", "most", 1.11) for shape in [FEW, PACED, ALL]),
    ], subjects=("direct", "flowfold")),
}
