"""An installation to measure: the real program `insula serve` on a folder of its own, with the embedded store.

Everything listens on the loopback address only; every process is started here and ended here by its own id.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import platform
import secrets
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gateway"))
from contestants import Failed, Service, check_free, install_packages, locate, render

PATH = "/items"
PASSWORD = "a long enough password"
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"

# Limits of each kind, so that all of them are restored at the start. None refuses anything.
BLUEPRINT = """
[product]
name = "Bench"
headline_limit = "requests_per_day"

[resources]
items = ["read"]

[meters.requests]
event = "request"
aggregate = "count"

[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3

[limits.requests_per_day]
meter = "requests"
window = "day"

[limits.requests_per_month]
meter = "requests"
window = "month"

[limits.requests_of_key]
meter = "requests"
window = "day"
per = "key"

[limits.requests_per_second]
kind = "rate"
window = "second"

[limits.databases]
kind = "stock"

[plans.bench]
price = { USD = { month = "0" } }
limits = { requests_per_day = 1_000_000_000_000, requests_per_month = 1_000_000_000_000, requests_of_key = 1_000_000_000_000, requests_per_second = 1_000_000, databases = 1_000_000, api_keys = 10_000_000 }

[upstreams.items]
targets = ["http://127.0.0.1:@UPSTREAM@"]

[[routes]]
match = "GET /items"
upstream = "items"
permission = "items:read"
"""

CONFIG = """
listen = "127.0.0.1:@PORT@"
public_url = "http://127.0.0.1:@PORT@"
data = "data"
blueprint = "blueprint"
secret_file = "secret"
cores = 1

[operator]
email = "operator@example.com"
password_file = "password"
"""


class Installation:
    """A folder with a configuration, an upstream, and the program while it runs."""

    def __init__(self, insula, port):
        self.insula, self.port, self.upstream_port = insula, port, port + 1
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-installation-"))
        # nginx's workers give up root's rights and must still reach what lies in here.
        self.folder.chmod(0o755)
        self.server = self.key = self.token = None
        (self.folder / "blueprint").mkdir()
        self.write("blueprint/blueprint.toml", BLUEPRINT.replace("@UPSTREAM@", str(self.upstream_port)))
        self.write("insula.toml", CONFIG.replace("@PORT@", str(port)))
        self.write("secret", secrets.token_hex(32))
        self.write("password", PASSWORD)
        check_free(port)
        check_free(self.upstream_port)
        values = {"DIR": self.folder, "UPSTREAM_WORKERS": 1, "UPSTREAM_PORT": self.upstream_port}
        config = render("upstream.nginx.conf", self.folder, values)
        self.upstream = Service("upstream", [locate("nginx"), "-c", config, "-p", self.folder], self.folder, None)
        self.upstream.url = f"http://127.0.0.1:{self.upstream_port}{PATH}"
        self.upstream.header = ("Accept", "*/*")
        self.upstream.wait_until_it_answers()

    def write(self, name, text):
        """Writes a file that only we may read, as the program demands it of secrets."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o600)

    def start(self, path="/readyz", key=None):
        """Starts the program; returns the seconds until it answered 200 there, with the key if one is given."""
        began = time.monotonic()
        command = [self.insula, "serve", "--config", str(self.folder / "insula.toml")]
        self.server = Service("insula", command, self.folder, None)
        self.server.url, self.server.header = f"http://127.0.0.1:{self.port}{PATH}", ("Authorization", f"Bearer {key}")
        while time.monotonic() < began + 600:
            if self.server.process.poll() is not None:
                raise Failed(f"insula ended: {self.server.log.read_text()[-2_000:]}")
            with contextlib.suppress(OSError):
                client = Client(self.port, key)
                if client.ask("GET", path)[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.005)
        raise Failed("insula isn't ready after ten minutes")

    def stop(self):
        """Ends the program in good order, which may take as long as it takes."""
        self.server.process.terminate()
        self.server.process.wait(120)

    def sign_up(self):
        """Makes the organization `bench` and a key of it."""
        client = Client(self.port)
        owner = {"email": "bench@example.com", "password": PASSWORD, "display_name": "Bench"}
        organization = {"name": "Bench", "slug": "bench", "plan": "bench"}
        self.token = client.expect(201, "POST", "/v1/signup", {"organization": organization, "owner": owner})[
            "access_token"
        ]
        wanted = {"name": "Bench", "environment": "production", "scopes": ["items:read"]}
        self.key = Client(self.port, self.token).expect(201, "POST", "/v1/orgs/bench/api-keys", wanted)["secret"]

    def resident(self):
        """Resident memory now and at its peak, in bytes."""
        lines = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))

    def end(self):
        """Ends what runs, and removes the folder."""
        for service in (self.server, self.upstream):
            if service:
                service.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, organizations, keys_each, used=True):
        """Writes organizations into the stores, each with a member, a project and keys, and what they used where that is
        wanted: sums alone, which a program that runs for a minute misses the events of. It doesn't run meanwhile."""
        now = int(time.time() * 1e6)
        ids = lambda count: [new_id(now) for _ in range(count)]
        orgs = ids(organizations)
        users, projects = ids(organizations), ids(organizations)
        keys = ids(organizations * keys_each)
        with store(self.folder / "data/directory.db") as directory:
            add(directory, "organization", "id slug name status plan version created_at updated_at",
                ((org, f"org-{n}", f"Organization {n}", "active", "bench", 1, now, now) for n, org in enumerate(orgs)))
            add(directory, "user_account",
                "id email email_folded display_name password_hash is_operator failed_sign_ins created_at updated_at",
                ((user, f"u{n}@example.org", f"u{n}@example.org", "User", "-", 0, 0, now, now)
                 for n, user in enumerate(users)))
            add(directory, "membership", "tenant_id user_id role joined_at",
                ((org, user, "owner", now) for org, user in zip(orgs, users)))
            add(directory, "project", "tenant_id id name slug status version created_at updated_at",
                ((org, project, "Project", "project", "active", 1, now, now) for org, project in zip(orgs, projects)))
            # One of a hundred has limits of its own.
            add(directory, "api_key", "tenant_id id name environment secret_hash scopes allowed_networks created_at limits "
                "project_id",
                ((orgs[n // keys_each], key, "Key", "production", secrets.token_bytes(32), '["items:read"]', "[]", now,
                  '{"requests_per_day":1000}' if n % 100 == 0 else "{}", projects[n // keys_each])
                 for n, key in enumerate(keys)))
        with store(self.folder / "data/ledger.db") as ledger:
            multiply(ledger, "subscription", orgs)
            if used:
                self.add_usage(ledger, now, orgs, projects, keys)
            # One of ten organizations holds something that doesn't end by itself.
            add(ledger, "hold", "tenant_id id limit_name hold_key begun_at",
                ((org, new_id(now), "databases", "main", now) for org in orgs[::10]))
            add(ledger, "limit_override", "tenant_id limit_name bound reason set_by set_at",
                ((org, "requests_per_day", 2_000_000, "agreed", "operator", now) for org in orgs[::100]))

    def add_usage(self, ledger, now, orgs, projects, keys):
        """Sums of what every organization and key used lately."""
        each = len(keys) // len(orgs)
        hour, day = now - now % 3_600_000_000, now - now % 86_400_000_000
        windows = [("day", day - days * 86_400_000_000) for days in range(5)]
        windows += [("hour", hour - hours * 3_600_000_000) for hours in range(6)]
        windows += [("minute", hour + minute * 60_000_000) for minute in range(3)]
        add(ledger, "usage_rollup", "tenant_id meter span start_at fold quantity events digest last_at",
            ((org, "requests", span, start, 0, 50, 50, 1, start) for org in orgs for span, start in windows))
        # Each key was used in two hours of today.
        dims = '{{"environment":"production","key":"key_{}","operation":"GET /items","project":"prj_{}"}}'
        add(ledger, "usage_series", "tenant_id meter start_at series dims fold quantity events last_at",
            ((orgs[n // each], "requests", start, secrets.token_bytes(16),
              dims.format(digits(key), digits(projects[n // each])), 0, 5, 5, start)
             for n, key in enumerate(keys) for start in {day, max(day, hour)}))
        add(ledger, "key_use", "tenant_id key_id last_used_at",
            ((orgs[n // each], key, now) for n, key in enumerate(keys)))


@contextlib.contextmanager
def store(path):
    """A database file, filled without waiting for the disk."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = off")
    with contextlib.closing(database), database:
        yield database


def add(database, table, columns, rows):
    """Adds rows."""
    names = columns.split()
    marks = ", ".join("?" * len(names))
    database.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)


def multiply(database, table, orgs):
    """Adds the one row that a table has for each of these organizations too, ten days older."""
    rows = database.execute(f"SELECT * FROM {table}")
    names, row = [column[0] for column in rows.description], rows.fetchone()
    # What is so large is an instant, in microseconds.
    row = [value - 10 * 86_400_000_000 if isinstance(value, int) and value > 1e15 else value for value in row]
    now = int(time.time() * 1e6)

    def of(org):
        fresh = {"tenant_id": org, "id": new_id(now)}
        return [fresh.get(name, value) for name, value in zip(names, row)]

    add(database, table, " ".join(f'"{name}"' for name in names), map(of, orgs))


def new_id(now):
    """A UUID of version 7, as bytes."""
    value = bytearray((now // 1_000).to_bytes(6, "big") + os.urandom(10))
    value[6], value[8] = value[6] & 0x0F | 0x70, value[8] & 0x3F | 0x80
    return bytes(value)


def digits(value):
    """The digits that stand for a UUID in texts."""
    number = int.from_bytes(value, "big")
    return "".join(DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


class Client:
    """One connection to the program, with a credential."""

    def __init__(self, port, token=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, path, body=None, media_type="application/json", token=None):
        """Status and body of the reply."""
        headers = {"Authorization": f"Bearer {token}"} if token else dict(self.headers)
        if body is not None:
            headers["Content-Type"] = media_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, path, body=body, headers=headers)
        reply = self.connection.getresponse()
        return reply.status, reply.read()

    def expect(self, status, *request):
        """The body of a reply that has this status."""
        found, body = self.ask(*request)
        if found != status:
            raise Failed(f"{request[0]} {request[1]} gave {found}, not {status}: {body.decode()[:500]}")
        return json.loads(body) if body else None


def spread(values, places=2):
    """The median, and the quartiles around it."""
    if len(values) < 2:
        return f"{values[0]:.{places}f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{places}f} ({low:.{places}f}–{high:.{places}f})"


def machine():
    """When and where this ran, in one line."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    load = os.getloadavg()[0]
    return f"{datetime.date.today()}; {os.cpu_count()} × {model}, Linux {platform.release()}, load before {load:.2f}"


def run(measure, options):
    """Measures an installation, with these options beside those that all have."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--insula", required=True, help="the program")
    parser.add_argument("--base-port", type=int, default=18200)
    for name, value, text in options:
        parser.add_argument(f"--{name}", type=type(value), default=value, help=text)
    chosen = parser.parse_args()
    print(machine())
    installation = None
    try:
        install_packages()
        installation = Installation(chosen.insula, chosen.base_port)
        measure(installation, chosen)
    except Failed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if installation:
            installation.end()
    return 0
