"""What a proxy keeps for connections and streams that have nothing to say."""

import selectors
import socket

import lab as place
from subjects import HOST

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
AT_ONCE = 64

HEADERS, SETTINGS, PING, GOAWAY = 1, 4, 6, 7
END_STREAM, ACK = 0x1, 0x1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# `GET http://bench/` and the head of a gRPC call, by the static table and without a word to remember
GET = b"\x82\x86\x84\x01\x05bench"
CALL = b"\x83\x86\x04\x10/bench.Echo/Call\x01\x05bench\x0f\x10\x10application/grpc\x00\x02te\x08trailers"


def hold_http1(subject, count, _):
    """Opens connections, lets each make one request, and keeps them. Returns the sockets."""
    held = []
    for batch in connections(subject, count):
        for connection in batch:
            connection.sendall(REQUEST)
        for connection in batch:
            read_answer(connection)
        held += batch
    return held


def hold_http2(subject, count, _):
    """The same with HTTP/2."""
    held = []
    for batch in connections(subject, count):
        for connection in batch:
            connection.sendall(PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK) + frame(HEADERS, 0x5, 1, GET))
        for connection in batch:
            read_frames(connection, lambda kind, flags, stream: stream == 1 and flags & END_STREAM)
        held += batch
    return held


def hold_streams(subject, count, each):
    """Opens connections with so many calls each, whose requests never end. Returns the sockets."""
    calls = b"".join(frame(HEADERS, 0x4, 2 * number + 1, CALL) for number in range(each))
    held = []
    for batch in connections(subject, count // each):
        for connection in batch:
            connection.sendall(PREFACE + frame(SETTINGS) + frame(SETTINGS, ACK) + calls + frame(PING, 0, 0, b"12345678"))
        for connection in batch:
            # behind them all, so its answer says that they have been read
            read_frames(connection, lambda kind, flags, _: kind == PING and flags & ACK)
        held += batch
    return held


def connections(subject, count):
    """Connections, some at a time."""
    for start in range(0, count, AT_ONCE):
        yield [socket.create_connection((HOST, subject.port), timeout=10) for _ in range(min(AT_ONCE, count - start))]


def frame(kind, flags=0, stream=0, content=b""):
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def read_frames(connection, is_last):
    """Reads frames up to the one that is awaited."""
    received = b""
    while True:
        while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
            kind, flags, stream = received[3], received[4], int.from_bytes(received[5:9], "big")
            received = received[9 + int.from_bytes(received[:3], "big"):]
            if kind == GOAWAY:
                raise SystemExit("an idle HTTP/2 connection was told to go away")
            if is_last(kind, flags, stream):
                return
        more = connection.recv(65536)
        if not more:
            raise SystemExit("an HTTP/2 connection was closed before it was idle")
        received += more


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


def measure(subject, part, count):
    """Memory per held connection or stream, taken before a single one and while all are open and alive."""
    if subject.metrics:
        subject.scrape()
    before = place.resident_bytes(subject.process.pid)
    held = part.hold(subject, count, part.each)
    after = place.resident_bytes(subject.process.pid)
    # an agent near its ceiling lets connections go direct, and those cost it nothing
    relayed = (open_connections(subject) if subject.metrics else len(held)) * part.each
    closed = closed_among(held)
    for connection in held:
        connection.close()
    if closed:
        raise SystemExit(f"{subject.title} closed {closed} of {len(held)} idle connections")
    return {"held": relayed, "bytes_each": (after - before) / max(relayed, 1), "rss_before": before, "rss_held": after}


def open_connections(subject):
    """How many connections the agent says it relays."""
    lines = subject.scrape().decode().splitlines()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith("flowfold_open_connections"))


def closed_among(held):
    """How many of the connections the other side has closed: those that can be read to their end."""
    with selectors.DefaultSelector() as selector:
        for connection in held:
            selector.register(connection, selectors.EVENT_READ)
        readable = [key.fileobj for key, _ in selector.select(timeout=0)]
    # an HTTP/2 server may have something to say on an idle connection
    return sum(not connection.recv(1, socket.MSG_PEEK) for connection in readable)
