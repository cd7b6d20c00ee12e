#!/usr/bin/env python3
"""Events taken in over HTTP: in batches, each event checked, deduplicated and on the disk before its batch is answered."""

import http.client
import json
import os
import secrets
import sys
import threading
import time

from installation import PASSWORD, Client, new_id, run, spread, store

BATCH = 1_000
MEDIA_TYPE = "application/cloudevents-batch+json"


def measure(installation, options):
    """Ingestion: fills the ledger with known ids, then sends batches from so many senders and times them."""
    installation.start()
    installation.sign_up()
    operator = Client(installation.port)
    token = operator.expect(200, "POST", "/v1/login", {"email": "operator@example.com", "password": PASSWORD})
    client = Client(installation.port, token["access_token"])
    secret = client.expect(201, "POST", "/v1/operator/services", {"upstream": "items"})["token"]
    installation.stop()
    known(installation, options.known)
    installation.start()
    for name, identify in [("ids that follow the time", ordered), ("random ids", random)]:
        rates, processor = [], []
        for _ in range(options.rounds):
            batches = [make(identify) for _ in range(options.batches)]
            before, began = installation.server.cpu_seconds(), time.monotonic()
            send(installation.port, secret, batches, options.senders)
            count = BATCH * len(batches)
            rates.append(count / (time.monotonic() - began) / 1e3)
            processor.append((installation.server.cpu_seconds() - before) * 1e6 / count)
        print(f"{name}: {spread(rates, 0)} thousand events/s acknowledged, {spread(processor)} µs CPU each")
    again = make(ordered)
    send(installation.port, secret, [again], 1)
    status, body = Client(installation.port, secret).ask("POST", "/v1/orgs/bench/events", again, MEDIA_TYPE)
    assert (status, json.loads(body)["duplicates"]) == (202, BATCH), body
    print(f"memory: {installation.resident()[0] / 2**20:.0f} MiB")


def known(installation, count):
    """Writes so many known ids, of a thousand other sources."""
    began, now = time.monotonic(), int(time.time() * 1e3)
    each = count // 1_000
    # In the order of the key, as a file that grew over years has them: by source and time.
    statement = """
        WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?)
        INSERT INTO event_key (key, body, tenant_id, event_id)
        SELECT CAST(? || time_bytes(? + n) || randomblob(10) AS BLOB), zeroblob(16), zeroblob(16),
               zeroblob(16)
        FROM number"""
    with store(installation.folder / "data/ledger.db") as ledger:
        ledger.create_function("time_bytes", 1, lambda millis: millis.to_bytes(6, "big"), deterministic=True)
        for source in sorted(secrets.token_bytes(16) for _ in range(1_000)):
            ledger.execute(statement, (each, source, now - each))
    print(f"{count} ids known, written in {time.monotonic() - began:.0f} s")


def ordered():
    """A fresh id of version 7."""
    return new_id(int(time.time() * 1e6))


def random():
    """A fresh id of version 4."""
    return os.urandom(16)


def make(identify):
    """A batch."""
    events = []
    for _ in range(BATCH):
        digits = identify().hex()
        own = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        events.append({"specversion": "1.0", "id": own, "source": "/jobs", "type": "job.finished",
                       "data": {"seconds": "1.5"}})
    return json.dumps(events, separators=(",", ":")).encode()


def send(port, secret, batches, senders):
    """Sends them all, the next of each sender when its last is answered."""
    left, wrong = iter(batches), []

    def sender():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": MEDIA_TYPE}
        for batch in left:
            connection.request("POST", "/v1/orgs/bench/events", body=batch, headers=headers)
            reply = connection.getresponse()
            body = json.loads(reply.read())
            if (reply.status, body.get("accepted")) != (202, BATCH) and body.get("duplicates") != BATCH:
                wrong.append((reply.status, body))
                return

    threads = [threading.Thread(target=sender) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]


if __name__ == "__main__":
    sys.exit(run(measure, [
        ("known", 10_000_000, "how many ids are known before"),
        ("batches", 200, "how many batches a round sends"),
        ("senders", 2, "how many send at once"),
        ("rounds", 5, "how many rounds"),
    ]))
