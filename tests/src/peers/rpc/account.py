"""What a peer has seen, in the form that the tests read."""

import collections
import json
import threading


class Account:
    """Ends of calls by method and status, and messages both ways by method (or by what stands in for it)."""

    def __init__(self):
        self.ended = collections.Counter()
        self.from_client = collections.Counter()
        self.from_server = collections.Counter()
        self.lock = threading.Lock()

    def end(self, method, status):
        with self.lock:
            self.ended[method, status] += 1

    def messages(self, method, from_client=0, from_server=0):
        with self.lock:
            self.from_client[method] += from_client
            self.from_server[method] += from_server

    def tell(self):
        ended = [[method, status, times] for (method, status), times in sorted(self.ended.items())]
        print(json.dumps({"ended": ended, "from_client": self.from_client, "from_server": self.from_server}), flush=True)
