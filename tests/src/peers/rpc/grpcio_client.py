"""A client of the reference implementation: calls of all four types, and every way for them to end."""

import sys

import grpc

from account import Account

SERVICE = "flowfold.test.Calls"
LARGE = (("large", "x" * 40_000),)
LIMIT = 20

account = Account()


def count(method, sent, received, status):
    account.messages(method, sent, received)
    account.end(method, status)


class Client:
    """Calls of each type over one channel."""

    def __init__(self, channel):
        self.channel = channel

    def method(self, kind, name):
        return f"{SERVICE}/{name}", getattr(self.channel, kind)(f"/{SERVICE}/{name}")

    def unary(self, text, name="Unary", timeout=LIMIT, metadata=None):
        method, call = self.method("unary_unary", name)
        try:
            call(text, timeout=timeout, metadata=metadata)
            count(method, 1, 1, "OK")
        except grpc.RpcError as error:
            count(method, 1, 0, error.code().name)

    def server_stream(self, text, cancel_after=None, timeout=LIMIT):
        method, call = self.method("unary_stream", "ServerStream")
        answers = call(text, timeout=timeout)
        received = 0
        try:
            for _ in answers:
                received += 1
                if received == cancel_after:
                    answers.cancel()
        except grpc.RpcError:
            pass
        count(method, 1, received, answers.code().name)

    def client_stream(self, texts):
        method, call = self.method("stream_unary", "ClientStream")
        try:
            call(iter(texts), timeout=LIMIT)
            count(method, len(texts), 1, "OK")
        except grpc.RpcError as error:
            count(method, len(texts), 0, error.code().name)

    def bidi(self, texts):
        method, call = self.method("stream_stream", "Bidi")
        answers = call(iter(texts), timeout=LIMIT)
        received = 0
        try:
            for _ in answers:
                received += 1
        except grpc.RpcError:
            pass
        count(method, len(texts), received, answers.code().name)


def all_types(client, rounds):
    for _ in range(rounds):
        client.unary(b"please")
        client.server_stream(b"7")
        client.client_stream([b"part"] * 6)
        client.bidi([b"echo"] * 4)


def all_ends(client):
    codes = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
    for code in codes:
        client.unary(f"abort {code}".encode())
    client.server_stream(b"3 abort DATA_LOSS")
    client.client_stream([b"part", b"abort FAILED_PRECONDITION"])
    client.bidi([b"echo", b"echo", b"abort INTERNAL"])
    for _ in range(2):
        client.unary(b"anything", name="Nothing")
        client.unary(b"big", metadata=LARGE)
    for _ in range(3):
        client.server_stream(b"2 wait", cancel_after=2)
        client.unary(b"wait", timeout=0.2)
        client.server_stream(b"2 wait", timeout=0.2)


def main():
    server, rounds = sys.argv[1], int(sys.argv[2])
    size = 4 * len(LARGE[0][1])
    options = (("grpc.max_metadata_size", size), ("grpc.absolute_max_metadata_size", size), ("grpc.enable_retries", 0))
    with grpc.insecure_channel(server, options=options) as channel:
        client = Client(channel)
        all_types(client, rounds)
        all_ends(client)
    account.tell()


main()
