"""Starts and stops what is compared: the upstream and the gateways before it.

Every process is started here, in a session of its own, and ended here by its own id. Everything listens on the
loopback address only.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = {
    "nginx": ["nginx", "libnginx-mod-http-lua"],
    "haproxy": ["haproxy"],
    "wrk": ["wrk"],
}
MODULES = "/usr/lib/nginx/modules"
KNOWN_KEYS = 10_000


class Failed(Exception):
    """Something that makes a comparison impossible, in words for the person who started it."""


def install_packages():
    """Makes sure that the programs are there, with apt where they are not."""
    missing = [name for program, names in PACKAGES.items() if not locate(program) for name in names]
    if locate("nginx") and not os.path.exists(f"{MODULES}/ngx_http_lua_module.so"):
        missing.append("libnginx-mod-http-lua")
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failed(f"missing Debian packages: {' '.join(missing)}")
    # RUNLEVEL=1 keeps the packages' own services from being started.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    subprocess.run(command, check=True, env=environment, timeout=600)


def locate(program):
    """The path of a program, also where only root's PATH would find it."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def versions():
    """What is compared, in one line."""
    found = []
    for program, flag, pattern in [
        ("nginx", "-v", r"nginx/\S+"),
        ("haproxy", "-v", r"version (\S+)"),
        ("wrk", "-v", r"wrk (?:debian/)?\S+"),
    ]:
        done = subprocess.run([locate(program), flag], capture_output=True, text=True, timeout=10, check=False)
        match = re.search(pattern, done.stdout + done.stderr)
        if match:
            text = match.group(match.lastindex or 0)
            found.append(text if program in text else f"{program} {text}")
    return ", ".join(found)


class Service:
    """One running program and its children."""

    def __init__(self, name, command, directory, cpus, environment=None):
        self.name = name
        self.url = None
        self.header = None
        self.log = directory / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
                preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
            )

    def wait_until_it_answers(self, seconds=30):
        """Returns once the URL answers 200 with the header, and nothing but 401 without where it checks."""
        deadline = time.monotonic() + seconds
        last = "no answer"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                name, value = self.header
                request = urllib.request.Request(self.url, headers={name: value})
                with urllib.request.urlopen(request, timeout=2) as answer:
                    answer.read()
                    return
            except urllib.error.HTTPError as error:
                last = f"status {error.code}"
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-2_000:]
        raise Failed(f"{self.name} doesn't answer at {self.url}: {last}\n{tail}")

    def processes(self):
        """The process ids of the program and all its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                stat = read_stat(entry)
                if stat:
                    children.setdefault(int(stat[1]), []).append(int(entry))
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """User and system time of all threads, living and ended, of all its processes."""
        ticks = 0
        for pid in self.processes():
            stat = read_stat(pid)
            if stat:
                # utime, stime, and those of children that ended and were waited for.
                ticks += sum(int(stat[field]) for field in (11, 12, 13, 14))
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """Ends it, kindly and then not."""
        for sign, patience in [(signal.SIGTERM, 5), (signal.SIGKILL, 5)]:
            if self.process.poll() is None:
                try:
                    os.killpg(self.process.pid, sign)
                    self.process.wait(patience)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def read_stat(pid):
    """The fields of /proc/<pid>/stat after the name, which may itself hold spaces; None if the process ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def render(template, directory, values):
    """Writes a configuration with its @NAMES@ filled in, and returns its path."""
    text = (HERE / template).read_text()
    text = re.sub(r"@([A-Z_]+)@", lambda match: str(values[match.group(1)]), text)
    path = directory / f"{values.get('PORT', 'upstream')}-{template}"
    path.write_text(text)
    return path


def check_free(port):
    """Refuses a port that somebody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Failed(f"port {port} is taken; choose another with --base-port") from error


class Field:
    """The upstream and the contestants of one comparison."""

    def __init__(self, options, directory, cpus):
        self.options = options
        self.directory = directory
        self.cpus = cpus
        self.header = split_header(options.insula_header or options.header)
        self.services = []
        self.upstream = None
        self.contestants = []
        self.skipped = []

    def start(self):
        """Starts everything and waits until all of it answers."""
        options, port = self.options, self.options.base_port
        directory = self.directory
        header, value = self.header
        # The key is what follows the scheme ("Bearer "), if there is one.
        key = value.rpartition(" ")[2]
        # Look-ups among many keys, as in real use; the last one is the one that is used.
        keys = [f"{key[:-5]}{number:05d}-other\torg_{number:05d}" for number in range(KNOWN_KEYS - 1)]
        (directory / "keys.map").write_text("\n".join([*keys, f"{key}\torg_used"]) + "\n")
        values = {
            "DIR": directory,
            "WORKERS": options.workers,
            "UPSTREAM_WORKERS": 1 if options.workers == 1 else 2,
            "UPSTREAM_PORT": port,
            "MODULES": MODULES,
            "LUA_PATH": "/usr/share/lua/5.1/?.lua;;",
            "HEADER_NAME": header,
            "SCHEME_BYTES": len(value) - len(key),
            "HEADER_VARIABLE": header.lower().replace("-", "_"),
        }
        nginx, haproxy = locate("nginx"), locate("haproxy")
        check_free(port)
        config = render("upstream.nginx.conf", directory, values)
        self.upstream = self.launch("upstream", [nginx, "-c", config, "-p", directory], port, self.cpus["upstream"])
        wanted = [
            ("nginx", "nginx.conf", lambda config: [nginx, "-c", config, "-p", directory]),
            ("nginx + lua", "nginx-lua.conf", lambda config: [nginx, "-c", config, "-p", directory]),
            ("haproxy", "haproxy.cfg", lambda config: [haproxy, "-db", "-f", config]),
            ("haproxy + map + stick table", "haproxy-keys.cfg", lambda config: [haproxy, "-db", "-f", config]),
        ]
        for name, template, command in wanted:
            port += 1
            check_free(port)
            config = render(template, directory, {**values, "PORT": port})
            self.contestants.append(self.launch(name, command(config), port, self.cpus["proxy"]))
        self.start_insula(port + 1)
        return self

    def start_insula(self, port):
        """Starts Insula as the caller says, or says why it is not among the contestants."""
        options = self.options
        if not options.insula_cmd:
            self.skipped.append("insula: skipped, no --insula-cmd was given")
            return
        known = {"port": port, "upstream_port": options.base_port, "workers": options.workers, "dir": self.directory}
        command = shlex.split(options.insula_cmd.format(**known))
        url = (options.insula_url or "http://127.0.0.1:{port}/").format(**known)
        self.contestants.append(self.launch("insula", command, port, self.cpus["proxy"], url))

    def launch(self, name, command, port, cpus, url=None):
        """Starts a program and waits until it answers."""
        service = Service(name, command, self.directory, cpus)
        self.services.append(service)
        service.url = url or f"http://127.0.0.1:{port}{self.options.path}"
        service.header = self.header
        service.wait_until_it_answers()
        return service

    def stop(self):
        """Ends everything that was started."""
        for service in reversed(self.services):
            service.stop()


def split_header(text):
    """`Name: value` as a pair."""
    name, colon, value = text.partition(":")
    if not colon or not value.strip():
        raise Failed(f"not a header of the form 'Name: value': {text!r}")
    return name.strip(), value.strip()
