#!/usr/bin/env python3
"""Keys that are made, changed and revoked while requests are admitted."""

import sys
import threading
import time

from installation import Client, Failed, run, spread
from measure import build_pace, pace

KEYS = "/v1/orgs/bench/api-keys"
MAKERS = 4


def measure(installation, options):
    """Changes of keys: steady requests with and without them in turn. After each change the next request is checked."""
    installation.start()
    installation.sign_up()
    installation.stop()
    installation.fill(options.organizations, options.keys // options.organizations, used=False)
    installation.start()
    program = build_pace(installation.folder)
    server, key = installation.server, ("Authorization", f"Bearer {installation.key}")

    def load():
        server.header = key
        return pace(program, server, installation.upstream, options.seconds, options.rate, None)

    load()
    calm, busy, counts, each, waits = [], [], [], [], []
    for _ in range(options.rounds):
        calm.append(load())
        changing = Changing(installation, options.changes / 60, options.seconds)
        busy.append(load())
        changing.wait()
        counts.append(changing.count / changing.lasted * 60)
        waits += changing.waits
        # Alone, since the difference of two loads would be mostly noise.
        before, alone = server.cpu_seconds(), Changing(installation, options.changes / 60, options.seconds)
        alone.wait()
        each.append((server.cpu_seconds() - before) * 1e6 / alone.count)
    print(f"{options.keys} keys, {options.rate} requests/s; {spread(counts, 0)} changes a minute, each in effect at the "
          "next request")
    for name, runs in [("without changes", calm), ("with changes", busy)]:
        print(f"{name}: p50 {spread([r.p50_us / 1e3 for r in runs], 3)} ms, p99 {spread([r.p99_us / 1e3 for r in runs], 3)} "
              f"ms, {sum(r.failed for r in runs)} failed; direct requests late {spread([r.late * 100 for r in runs])} %")
    waits.sort()
    print(f"a change through the API: {waits[len(waits) // 2] * 1e3:.2f} ms (p50), "
          f"{waits[len(waits) * 99 // 100] * 1e3:.2f} ms (p99), CPU with its check {spread(each, 0)} µs")


class Changing:
    """Makes, narrows and revokes keys at a steady rate for so long, on threads of its own."""

    def __init__(self, installation, per_second, seconds):
        self.installation, self.gap = installation, MAKERS * 3 / per_second
        self.count, self.waits, self.wrong = 0, [], []
        self.began, self.until = time.monotonic(), time.monotonic() + seconds
        self.lasted = seconds
        self.threads = [threading.Thread(target=self.change, args=(n,)) for n in range(MAKERS)]
        for thread in self.threads:
            thread.start()

    def wait(self):
        """Returns when all are done; fails if a change was not in effect at the next request."""
        for thread in self.threads:
            thread.join()
        if self.wrong:
            raise Failed(f"{len(self.wrong)} changes were not in effect: {self.wrong[0]}")
        self.lasted = time.monotonic() - self.began

    def change(self, number):
        """A key's life, again and again: made and used, narrowed and refused, revoked and unknown."""
        # The API on one connection, the product on another: what is seen there was not seen by way of the first.
        api = Client(self.installation.port, self.installation.token)
        product = Client(self.installation.port)
        due = self.began + self.gap * number / MAKERS
        while due < self.until:
            time.sleep(max(0, due - time.monotonic()))
            due += self.gap
            wanted = {"name": "Short-lived", "environment": "production", "scopes": ["items:read"]}
            made = self.timed(api, 201, "POST", KEYS, wanted)
            secret, path = made["secret"], f"{KEYS}/{made['api_key']['id']}"
            self.see(product, secret, 200)
            self.timed(api, 200, "PATCH", path, {"scopes": ["usage:read"]})
            self.see(product, secret, 403)
            self.timed(api, 204, "DELETE", path)
            self.see(product, secret, 401)

    def timed(self, api, *request):
        """A change, and how long its answer took."""
        began = time.monotonic()
        body = api.expect(*request)
        self.waits.append(time.monotonic() - began)
        self.count += 1
        return body

    def see(self, product, secret, wanted):
        """The next request with this key must be answered so."""
        found, _ = product.ask("GET", "/items", token=secret)
        if found != wanted:
            self.wrong.append((wanted, found))


if __name__ == "__main__":
    sys.exit(run(measure, [
        ("organizations", 100_000, "how many organizations there are"),
        ("keys", 1_000_000, "how many keys there are"),
        ("changes", 10_000, "how many changes a minute"),
        ("rate", 1_000, "how many requests a second meanwhile"),
        ("seconds", 10, "how long a run takes"),
        ("rounds", 5, "how many rounds"),
    ]))
