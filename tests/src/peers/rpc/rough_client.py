"""A client of the reference implementation for the server that ends calls roughly. It never tries anything twice."""

import sys

import grpc

from account import Account

METHOD = "/flowfold.test.Rough/Call"
LIMIT = 20
ENDS = ["fine", "trailers only", "http 503", "large", "reset internal", "reset refused", "reset cancel", "reset calm",
        "reset behind a message", "close", "kill"]

account = Account()


def call(channel, word):
    """Begins a call; what it has received and its status are counted by `finish`."""
    return channel.unary_stream(METHOD)(word.encode(), timeout=LIMIT)


def finish(answers, word, received=0):
    try:
        for _ in answers:
            received += 1
    except grpc.RpcError:
        pass
    account.messages(word, 1, received)
    account.end(word, answers.code().name)


def main():
    server, rounds = sys.argv[1], int(sys.argv[2])
    options = (("grpc.max_metadata_size", 200_000), ("grpc.absolute_max_metadata_size", 200_000),
               ("grpc.enable_retries", 0), ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1))
    for word in ENDS:
        for _ in range(rounds):
            with grpc.insecure_channel(server, options=options) as channel:
                finish(call(channel, "fine"), "fine")
                finish(call(channel, word), word)
    for _ in range(rounds):
        with grpc.insecure_channel(server, options=options) as channel:
            held = call(channel, "hold")
            next(held)
            finish(call(channel, "go away"), "go away")
            finish(held, "hold", received=1)
    account.tell()


main()
