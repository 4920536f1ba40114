"""A server of the reference implementation. Each request says what to do; at its end it tells what it did.

Messages are texts. `abort CODE` ends the call with a status, `wait` waits until the client has given up, `big` answers with
large metadata. A status that only the client can know (it gave up) is told as GONE.
"""

import signal
import sys
import threading
import time
from concurrent import futures

import grpc

from account import Account

SERVICE = "flowfold.test.Calls"
LARGE = "x" * 40_000

account = Account()


class Call:
    """One call, counted at its end whatever that is."""

    def __init__(self, method, context):
        self.method, self.context, self.status = f"{SERVICE}/{method}", context, "OK"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        # the library asks for no more answers once the client has given up, which it may have before it is waited for
        if kind is GeneratorExit:
            self.status = "GONE"
        account.end(self.method, self.status)

    def received(self):
        account.messages(self.method, from_client=1)

    def sent(self):
        account.messages(self.method, from_server=1)

    def obey(self, text):
        """Does what a message says, which may end the call."""
        word, _, rest = text.decode().partition(" ")
        if word == "abort":
            self.status = rest
            self.context.abort(grpc.StatusCode[rest], "as you wish")
        if word == "wait":
            self.status = "GONE"
            while self.context.is_active():
                time.sleep(0.005)
        if word == "big":
            self.context.send_initial_metadata((("large", LARGE),))
            self.context.set_trailing_metadata((("large", LARGE),))


def unary(request, context):
    with Call("Unary", context) as call:
        call.received()
        call.obey(request)
        if call.status != "GONE":
            call.sent()
        return b"answer"


def server_stream(request, context):
    """`COUNT`, then what else is to be done: `3 abort DATA_LOSS`."""
    with Call("ServerStream", context) as call:
        call.received()
        count, _, then = request.decode().partition(" ")
        for number in range(int(count)):
            call.sent()
            yield b"%d" % number
        call.obey(then.encode())


def client_stream(requests, context):
    with Call("ClientStream", context) as call:
        last = b""
        for last in requests:
            call.received()
        call.obey(last)
        call.sent()
        return b"answer"


def bidi(requests, context):
    with Call("Bidi", context) as call:
        for request in requests:
            call.received()
            call.obey(request)
            call.sent()
            yield request


def main():
    options = (("grpc.max_metadata_size", 4 * len(LARGE)), ("grpc.absolute_max_metadata_size", 4 * len(LARGE)))
    pool = futures.ThreadPoolExecutor(max_workers=32)
    server = grpc.server(pool, options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }),))
    if not server.add_insecure_port(sys.argv[1]):
        raise SystemExit(f"{sys.argv[1]} is taken")
    server.start()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    print("ready", flush=True)
    over.wait()
    server.stop(grace=5).wait()
    # a call is over for the library before its handler has noticed and counted it
    pool.shutdown()
    account.tell()


main()
