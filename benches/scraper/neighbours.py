#!/usr/bin/env python3
"""What an organization at its limit does to the jobs of another: the scraper blueprint, as `insula up` runs it.

Two organizations, two shops. In turn, the first does nothing, or has all of its concurrent jobs under way at pages that
don't answer, and asks for more without a pause, which is refused. Meanwhile the second submits one job after the other.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PASSWORD = "a long enough password"


class Failed(Exception):
    """What can't go on."""


class Client:
    """One connection, with a credential."""

    def __init__(self, address, token=None):
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, path, body=None):
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body)
        self.connection.request(method, path, body=body, headers=headers)
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def expect(self, status, *request):
        found, body = self.ask(*request)
        if found != status:
            raise Failed(f"{request[0]} {request[1]} gave {found}, not {status}: {body.decode()[:500]}")
        return json.loads(body) if body else None


def line_of(command, **options):
    """Starts a program, and gives the first line that it prints."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
    line = process.stdout.readline().strip()
    if not line:
        raise Failed(f"{command[0]} ended: {process.wait()}")
    return process, line


def blueprint(folder, programs):
    """The blueprint, with the service that was built, and without the shop."""
    text = (ROOT / "blueprints/scraper/blueprint.toml").read_text()
    text = re.sub(r"(?ms)^\[upstreams\.shop\].*?(?=^\[)", "", text)
    run = json.dumps([f"{programs}/scraper-service", "--allow-networks", "127.0.0.0/8", "--pause-ms", "0"])
    text, count = re.subn(r"(?m)^run = .*$", lambda _: f"run = {run}", text)
    if count != 1:
        raise Failed("the blueprint has not one line `run = …`")
    (folder / "blueprint.toml").write_text(text)


class Organization:
    """One of two, with a key."""

    def __init__(self, address, slug, plan):
        self.address = address
        owner = {"email": f"owner@{slug}.example", "password": PASSWORD, "display_name": slug}
        organization = {"name": slug, "slug": slug, "plan": plan}
        body = {"organization": organization, "owner": owner, "client": "native"}
        self.token = Client(address).expect(201, "POST", "/v1/signup", body)["access_token"]
        wanted = {"name": "Bench", "environment": "production", "scopes": ["scraping:read", "scraping:write"],
                  "limits": {"burst_rate": 100_000}}
        api = Client(address, self.token)
        self.key = api.expect(201, "POST", f"/v1/orgs/{slug}/api-keys", wanted)["secret"]

    def client(self):
        return Client(self.address, self.key)


def submit(client, url):
    return client.ask("POST", "/api/jobs", {"url": url, "selectors": {"price": ".price"}})


class Neighbour:
    """The first organization, at its limit until it is told to stop."""

    def __init__(self, organization, shop, gate):
        self.organization, self.shop, self.gate = organization, shop, gate
        self.is_done, self.refused, self.jobs = threading.Event(), 0, []
        client = organization.client()
        while True:
            status, body = submit(client, f"http://{shop}/gate/{gate}")
            if status == 429:
                break
            if status != 202:
                raise Failed(body.decode())
            self.jobs.append(json.loads(body)["job_id"])
        self.thread = threading.Thread(target=self.insist)
        self.thread.start()

    def insist(self):
        client = self.organization.client()
        while not self.is_done.is_set():
            status, _ = submit(client, f"http://{self.shop}/gate/{self.gate}")
            self.refused += status == 429
            # As often as a client might that heeds nothing, but not so that it measures the processor.
            self.is_done.wait(0.01)

    def stop(self):
        self.is_done.set()
        self.thread.join()
        Client(self.shop).ask("PUT", f"/gate/{self.gate}")
        client = self.organization.client()
        for job in self.jobs:
            while client.expect(200, "GET", f"/api/jobs/{job}")["status"] in ("queued", "running"):
                time.sleep(0.02)


def millis(text):
    """An instant of the service, in milliseconds."""
    return datetime.datetime.fromisoformat(text).timestamp() * 1e3


def jobs(client, shop, count):
    """Milliseconds until each job was accepted, until it began, and until it had ended."""
    accepted, began, ended = [], [], []
    for number in range(count):
        since = time.monotonic()
        status, body = submit(client, f"http://{shop}/product/{number % 75}")
        accepted.append((time.monotonic() - since) * 1e3)
        if status != 202:
            raise Failed(body.decode())
        path = f"/api/jobs/{json.loads(body)['job_id']}"
        while (job := client.expect(200, "GET", path))["status"] in ("queued", "running"):
            time.sleep(0.005)
        if job["status"] != "succeeded":
            raise Failed(json.dumps(job))
        created = millis(job["created_at"])
        began.append(millis(job["started_at"]) - created)
        ended.append(millis(job["finished_at"]) - created)
    return accepted, began, ended


def spread(values):
    values = sorted(values)
    return f"{statistics.median(values):.2f} | {values[len(values) * 99 // 100]:.2f}"


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return (f"{datetime.date.today()}; {os.cpu_count()} × {model}, Linux {platform.release()}, "
            f"load before {os.getloadavg()[0]:.2f}")


def measure(options, folder, stack):
    def start(command, **more):
        process, line = line_of(command, **more)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return line

    blueprint(folder, options.programs)
    shops = [start([f"{options.programs}/scraper-shop", "--listen", "127.0.0.1:0"]) for _ in range(2)]
    command = [f"{options.programs}/insula", "up", str(folder), "--data", str(folder / "data"), "--json",
               "--listen", "127.0.0.1:0"]
    said = json.loads(start(command, env={**os.environ, "RUST_LOG": "warn"}))
    address = said["url"].removeprefix("http://").replace("localhost", "127.0.0.1")
    greedy, other = Organization(address, "greedy", "pro"), Organization(address, "other", "enterprise")
    client = other.client()
    jobs(client, shops[1], 20)
    seen, refused, held = {False: ([], [], []), True: ([], [], [])}, 0, 0
    for turn in range(options.rounds * 2):
        is_busy = turn % 2 == 1
        neighbour = Neighbour(greedy, shops[0], f"g{turn}") if is_busy else None
        for kept, values in zip(seen[is_busy], jobs(client, shops[1], options.jobs)):
            kept.extend(values)
        if neighbour:
            neighbour.stop()
            refused, held = refused + neighbour.refused, len(neighbour.jobs)
    print(f"{options.rounds} rounds of {options.jobs} jobs each; the neighbour holds {held} of {held} jobs, and was refused "
          f"{refused} more\n")
    print("| milliseconds, p50 and p99 | neighbour idle | | neighbour at its limit | |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, idle, busy in zip(("accepted", "begun", "ended"), seen[False], seen[True]):
        print(f"| until the job was {name} | {spread(idle)} | {spread(busy)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder of the programs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=50, help="how many in a turn")
    options = parser.parse_args()
    print(machine())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-scraper-"))
    try:
        with contextlib.ExitStack() as stack:
            measure(options, folder, stack)
    except Failed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
