"""What a proxy keeps for connections that have made a request and then say nothing."""

import selectors
import socket

import lab as place
from subjects import HOST

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
AT_ONCE = 64


def hold(subject, count):
    """Opens connections, lets each make one request, and keeps them. Returns the sockets."""
    held = []
    for start in range(0, count, AT_ONCE):
        batch = [socket.create_connection((HOST, subject.port), timeout=10)
                 for _ in range(min(AT_ONCE, count - start))]
        for connection in batch:
            connection.sendall(REQUEST)
        for connection in batch:
            read_answer(connection)
        held += batch
    return held


def read_answer(connection):
    """Reads one answer to its end, which Content-Length tells."""
    received = b""
    while True:
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"an idle connection was answered {head.splitlines()[0]!r}")
            if len(body) >= int(fields[b"content-length"]):
                return
        more = connection.recv(65536)
        if not more:
            raise SystemExit("a connection was closed before it was idle")
        received += more


def measure(subject, count):
    """Memory per held connection, taken before a single one and while all are open and alive."""
    if subject.metrics:
        subject.scrape()
    before = place.resident_bytes(subject.process.pid)
    held = hold(subject, count)
    after = place.resident_bytes(subject.process.pid)
    # an agent near its ceiling lets connections go direct, and those cost it nothing
    relayed = open_connections(subject) if subject.metrics else count
    closed = closed_among(held)
    for connection in held:
        connection.close()
    if closed:
        raise SystemExit(f"{subject.title} closed {closed} of {count} idle connections")
    return {"connections": relayed, "bytes_per_connection": (after - before) / max(relayed, 1),
            "rss_before": before, "rss_held": after}


def open_connections(subject):
    """How many connections the agent says it relays."""
    lines = subject.scrape().decode().splitlines()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith("flowfold_open_connections"))


def closed_among(held):
    """How many of the connections the other side has closed: those that can be read."""
    with selectors.DefaultSelector() as selector:
        for connection in held:
            selector.register(connection, selectors.EVENT_READ)
        return len(selector.select(timeout=0))
