"""A server made by hand with the library h2, for ends of calls that no gRPC library makes when it is asked to.

The request says how its call ends, and the account is kept by that word. The statuses that clients make of those ends are for
the clients to tell.
"""

import signal
import socket
import struct
import sys
import threading

import h2.config
import h2.connection
import h2.events
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame

from account import Account

HEAD = [(":status", "200"), ("content-type", "application/grpc")]
MESSAGE = struct.pack(">BI", 0, 6) + b"answer"
LARGE = "x" * 60_000
RESETS = {
    "reset internal": ErrorCodes.INTERNAL_ERROR,
    "reset refused": ErrorCodes.REFUSED_STREAM,
    "reset cancel": ErrorCodes.CANCEL,
    "reset calm": ErrorCodes.ENHANCE_YOUR_CALM,
}

account = Account()


class Connection:
    """One connection, and the calls that are held open on it."""

    def __init__(self, stream):
        self.stream, self.requests, self.held = stream, {}, []
        self.closing = self.over = False
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def serve(self):
        self.http2.initiate_connection()
        self.flush()
        while not self.over:
            try:
                received = self.stream.recv(65536)
            except OSError:
                break
            if not received:
                break
            if self.closing:
                continue
            for event in self.http2.receive_data(received):
                self.take(event)
            self.flush()
        self.stream.close()

    def flush(self):
        if self.closing:
            return
        try:
            self.stream.sendall(self.http2.data_to_send())
        except OSError:
            self.over = True

    def close(self):
        """Closes its side. What the client still sends is read: unread, it would make a reset of this."""
        self.flush()
        self.closing = True
        self.stream.shutdown(socket.SHUT_WR)

    def take(self, event):
        if isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id] = self.requests.get(event.stream_id, b"") + event.data
            self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            # behind the flag and the length of the one message
            word = self.requests.pop(event.stream_id)[5:].decode()
            account.messages(word, from_client=1)
            self.answer(event.stream_id, word)

    def message(self, stream, word):
        account.messages(word, from_server=1)
        self.http2.send_data(stream, MESSAGE)

    def trailers(self, stream, word, *more):
        account.end(word, "0")
        self.http2.send_headers(stream, [("grpc-status", "0"), *more], end_stream=True)

    def answer(self, stream, word):
        if word in RESETS:
            account.end(word, f"reset {RESETS[word].name}")
            self.http2.reset_stream(stream, RESETS[word])
        elif word == "trailers only":
            account.end(word, "5")
            self.http2.send_headers(stream, [*HEAD, ("grpc-status", "5"), ("grpc-message", "none")], end_stream=True)
        elif word == "http 503":
            account.end(word, "none")
            self.http2.send_headers(stream, [(":status", "503"), ("content-type", "text/plain")], end_stream=True)
        elif word == "go away":
            self.go_away(stream, word)
        else:
            self.http2.send_headers(stream, HEAD)
            self.message(stream, word)
            self.finish(stream, word)

    def finish(self, stream, word):
        """Ends an answer of which one message is out."""
        if word == "hold":
            self.held.append(stream)
        elif word == "reset behind a message":
            account.end(word, "reset INTERNAL_ERROR")
            self.http2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        elif word == "close":
            account.end(word, "lost")
            self.close()
        elif word == "kill":
            account.end(word, "lost")
            self.flush()
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.over = True
        else:
            self.trailers(stream, word, *([("large", LARGE)] if word == "large" else []))

    def go_away(self, stream, word):
        """Leaves this call out, as one that came too late; those that are held get their answers, and then it is over."""
        self.flush()
        frame = GoAwayFrame(0, last_stream_id=stream - 2, error_code=ErrorCodes.NO_ERROR)
        self.stream.sendall(frame.serialize())
        account.end(word, "refused")
        for held in self.held:
            self.message(held, "hold")
            self.trailers(held, "hold")
        self.held.clear()
        self.close()


def main():
    host, _, port = sys.argv[1].rpartition(":")
    listener = socket.create_server((host, int(port)))
    signal.signal(signal.SIGTERM, lambda *_: (account.tell(), sys.exit(0)))
    print("ready", flush=True)
    while True:
        stream, _ = listener.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(stream).serve, daemon=True).start()


main()
