"""Drives one service and reads what it cost: with wrk as fast as it goes, with pace at a steady rate."""

import dataclasses
import os
import pathlib
import re
import resource
import shutil
import subprocess

from contestants import HERE, Failed, locate


@dataclasses.dataclass
class Figures:
    """What one run came to."""

    requests: int
    seconds: float
    cpu_us: float
    p50_us: float
    p99_us: float
    failed: int
    # Share of requests that were due while their connection still waited for a reply.
    late: float
    # How many CPUs the upstream and the client kept busy.
    helpers: float
    # Share of all CPU time that went to processes that aren't part of the comparison, or to other machines.
    others: float

    @property
    def per_second(self):
        """Requests answered in a second."""
        return self.requests / self.seconds


def drive(service, upstream, seconds, connections, cpus):
    """Sends requests over so many connections, the next on each as soon as the last is answered."""
    name, value = service.header
    command = [locate("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"]
    command += ["-s", str(HERE / "report.lua"), "-H", f"{name}: {value}", service.url]
    return run(command, service, upstream, seconds, cpus)


def pace(program, service, upstream, seconds, rate, cpus):
    """Sends so many requests a second, whenever they are due."""
    name, value = service.header
    match = re.fullmatch(r"http://([^/]+)(/.*)", service.url)
    if not match:
        raise Failed(f"not an http URL with a path: {service.url}")
    command = [program, match.group(1), match.group(2), f"{name}: {value}", str(rate), "64", str(seconds)]
    return run(command, service, upstream, seconds, cpus)


def build_pace(directory):
    """Compiles the paced client."""
    rustc = shutil.which("rustc")
    if not rustc:
        raise Failed("--latency needs rustc, for its client that keeps a rate")
    program = str(directory / "pace")
    subprocess.run([rustc, "--edition", "2024", "-O", str(HERE / "pace.rs"), "-o", program], check=True, timeout=120)
    return program


def run(command, service, upstream, seconds, cpus):
    """Runs a client and reads its figures, and the clocks of the processes before and after."""

    def clocks():
        mine = service.cpu_seconds()
        others = 0 if service is upstream else upstream.cpu_seconds()
        return mine, mine + others + own_cpu(), *machine_cpu()

    before = clocks()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * seconds + 30,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
    )
    cpu, ours, busy, whole = (after - then for after, then in zip(clocks(), before))
    match = re.search(r"^FIGURES (.*)$", done.stdout, re.M)
    if not match:
        raise Failed(f"the client said nothing useful about {service.name}:\n{done.stdout}{done.stderr}")
    found = {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", match.group(1))}
    requests = found["requests"]
    if not requests:
        raise Failed(f"{service.name} answered no request")
    return Figures(
        requests=requests,
        seconds=found["duration_us"] / 1e6,
        cpu_us=cpu * 1e6 / requests,
        p50_us=found["p50_us"],
        p99_us=found["p99_us"],
        failed=found["status"] + found["broken"],
        late=found.get("late", 0) / requests,
        helpers=(ours - cpu) * 1e6 / found["duration_us"],
        others=max(0.0, (busy - ours) / whole) if whole else 0.0,
    )


def own_cpu():
    """CPU time of this program and of those it ran and waited for, in seconds."""
    usages = map(resource.getrusage, (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def machine_cpu():
    """Busy and whole time of all CPUs so far, in seconds."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields)
    busy = user + nice + system + irq + softirq + steal
    return busy, busy + idle + iowait
