#!/usr/bin/env python3
"""Compares Insula's gateway with nginx and haproxy, side by side in one run.

Three questions, one at a time:

  run.py                                CPU time per request, one worker each (the default)
  run.py --workers 2 --connections 64   throughput
  run.py --latency                      added latency at half of the saturation load

Each contestant stands before the same upstream and gets the same requests. With one worker, contestants run on
the first CPU, and the upstream and the client on the others, so that only the contestant's work is on its CPU.
With more, nothing is pinned.

How it copes with a machine that isn't quiet (the speed of a virtual one can change by half from one second to
the next): nginx that only forwards, the yardstick, runs before and after each contestant's turn. A turn is
quiet if the two yardsticks cost the same within a tenth and other programs had less than a twentieth of the
machine. Ratios are taken within a turn; medians over the quiet turns are printed with the quartiles, and turns
are taken until each contestant has had enough quiet ones or the time is up. If there were too few, all turns
count and the table says so. Absolute figures of two rows may be from moments of different speed: compare ratios.

Latency is measured by pace.rs, which keeps a rate and counts a request from when it was due. The same load is
sent straight to the upstream in the same turn, and the difference is what is called added. If client and
upstream are strained by half of the saturation load (they share a CPU where there are only two), the load is
lowered; the table shows what share of the saturation load it was. The saturation load is measured in
each turn, before and after, and has to be the same within a tenth.
"""

import argparse
import datetime
import os
import pathlib
import platform
import shutil
import signal
import statistics
import sys
import tempfile
import time

# What stands beside this file is read from there; nothing is to be left beside it.
sys.dont_write_bytecode = True

from contestants import Failed, Field, install_packages, versions
from measure import build_pace, drive, pace

# Two runs of the yardstick that differ by more than this: the machine changed its speed between them.
UNSTEADY = 0.10
# More of the machine than this in other hands: the run was disturbed.
DISTURBED = 0.05
# Fewer quiet turns than this say nothing.
FEW = 3
# More late requests than this straight to the upstream: the client, not the server, is at its end.
LATE = 0.10
# The upstream and the client busy for more of their CPUs' time than this: the latency would be theirs.
STRAINED = 0.6


def arguments():
    """What the person wants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="quiet turns for each contestant (default 9)")
    parser.add_argument("--seconds", type=int, default=1, help="seconds of each run (default 1)")
    parser.add_argument("--connections", type=int, default=32, help="connections (default 32)")
    parser.add_argument("--workers", type=int, default=1, help="workers of each contestant (default 1)")
    parser.add_argument("--latency", action="store_true", help="measure added latency at half load")
    parser.add_argument("--base-port", type=int, default=18100, help="the upstream's port; others follow (18100)")
    parser.add_argument("--path", default="/v1/items", help="path of the requests (default /v1/items)")
    parser.add_argument(
        "--header",
        default="Authorization: Bearer bench_live_01k0exmpl0000000000000000zq8v5t2w9c4n7r1x3",
        help="header of every request where --insula-header isn't given",
    )
    parser.add_argument(
        "--insula-cmd",
        help="command that runs Insula in the foreground; {port}, {upstream_port}, {workers}, {dir} are filled in",
    )
    parser.add_argument("--insula-url", help="URL of a route of Insula's to the upstream; {port} is filled in")
    parser.add_argument("--insula-header", help="header with the key, as 'Authorization: Bearer …'; sent to all")
    parser.add_argument("--minutes", type=float, default=6, help="take no new turn after so many (default 6)")
    return parser.parse_args()


def share_cpus(workers):
    """Which CPUs the contestants, the upstream and the client may use; none means any."""
    cpus = sorted(os.sched_getaffinity(0))
    if workers > 1 or len(cpus) < 2:
        return {"proxy": None, "upstream": None, "client": None}
    upstream = {cpus[1]}
    return {"proxy": {cpus[0]}, "upstream": upstream, "client": {cpus[2]} if len(cpus) > 2 else upstream}


def turns(options, contestants, quiet, deadline):
    """Whose turn it is, until each has had enough quiet ones or the time is up."""
    number = 0
    while True:
        waiting = [service for service in contestants if len(quiet[service.name]) < options.rounds]
        if not waiting:
            return
        number += 1
        print(f"round {number}: {len(waiting)} contestants need more quiet turns", file=sys.stderr)
        first = number % len(waiting)
        for service in waiting[first:] + waiting[:first]:
            if time.monotonic() > deadline:
                print("time is up", file=sys.stderr)
                return
            yield service


def enough(options, quiet, every):
    """The quiet turns, or all if there were too few; and a mark that says which."""
    return (quiet, "") if len(quiet) >= min(FEW, options.rounds) else (every, " (not quiet)")


def compare_cost(options, field, deadline):
    """CPU time per request, throughput and latency under full load."""
    client, upstream = field.cpus["client"], field.upstream
    yardstick, *others = field.contestants

    def measure(service):
        return drive(service, upstream, options.seconds, options.connections, client)

    for service in field.contestants:
        measure(service)
    every = {service.name: [] for service in others}
    quiet = {service.name: [] for service in others}
    yardsticks = [measure(yardstick)]
    for service in turns(options, others, quiet, deadline):
        before, run, after = yardsticks[-1], measure(service), measure(yardstick)
        yardsticks.append(after)
        turn = (run, (before.cpu_us + after.cpu_us) / 2, (before.per_second + after.per_second) / 2)
        every[service.name].append(turn)
        steady = abs(before.cpu_us - after.cpu_us) <= UNSTEADY * min(before.cpu_us, after.cpu_us)
        if steady and max(before.others, run.others, after.others) <= DISTURBED:
            quiet[service.name].append(turn)

    print("| contestant | CPU, × nginx (quartiles) | requests/s, × nginx (quartiles) | CPU µs/request | requests/s "
          "| p50 ms | p99 ms | failed | turns |")
    print("| --- |" + " ---: |" * 8)
    own = [run for run in yardsticks if run.others <= DISTURBED] or yardsticks
    rows = [(yardstick.name, own, "1.00", "1.00", f"{len(own)}")]
    for service in others:
        chosen, mark = enough(options, quiet[service.name], every[service.name])
        if not chosen:
            continue
        cpu = spread([run.cpu_us / base for run, base, _ in chosen])
        rate = spread([run.per_second / base for run, _, base in chosen])
        rows.append((service.name, [run for run, _, _ in chosen], cpu, rate, f"{len(chosen)}{mark}"))
    for name, runs, cpu, rate, count in rows:
        print(
            f"| {name} | {cpu} | {rate} | {median(r.cpu_us for r in runs):.2f} "
            f"| {median(r.per_second for r in runs):,.0f} | {median(r.p50_us for r in runs) / 1e3:.2f} "
            f"| {median(r.p99_us for r in runs) / 1e3:.2f} | {sum(r.failed for r in runs)} | {count} |"
        )


def compare_latency(options, field, deadline):
    """Latency at half of each contestant's saturation load, through it and straight to the upstream."""
    client, upstream = field.cpus["client"], field.upstream
    program = build_pace(field.directory)

    def measure(service, rate):
        return pace(program, service, upstream, options.seconds, rate, client)

    def saturate(service):
        return drive(service, upstream, options.seconds, 64, client)

    helpers = 1 if client and client == field.cpus["upstream"] else 2
    shares = {service.name: 0.5 for service in field.contestants}
    every = {service.name: [] for service in field.contestants}
    quiet = {service.name: [] for service in field.contestants}
    for service in turns(options, field.contestants, quiet, deadline):
        # The saturation load is taken anew in each turn, and again after it, since it changes with the machine.
        before = saturate(service)
        rate = before.per_second * shares[service.name]
        through, straight = measure(service, rate), measure(upstream, rate)
        after = saturate(service)
        turn = (through, straight, rate / before.per_second)
        every[service.name].append(turn)
        steady = abs(before.per_second / after.per_second - 1) <= UNSTEADY
        if not steady or max(run.others for run in (before, through, straight, after)) > DISTURBED:
            continue
        if straight.late > LATE or through.helpers > STRAINED * helpers:
            shares[service.name] *= 0.8
        else:
            quiet[service.name].append(turn)

    print("| contestant | load, requests/s | of saturation | p50 ms | p99 ms | direct p50 | direct p99 "
          "| added p50 | added p99 (quartiles) | failed | turns |")
    print("| --- |" + " ---: |" * 10)
    for service in field.contestants:
        chosen, mark = enough(options, quiet[service.name], every[service.name])
        if not chosen:
            print(f"| {service.name} |" + " – |" * 9 + " 0 |")
            continue
        through, straight, share = zip(*chosen)
        added = [(t.p50_us - s.p50_us, t.p99_us - s.p99_us) for t, s, _ in chosen]
        print(
            f"| {service.name} | {median(t.per_second for t in through):,.0f} | {median(share):.0%} "
            f"| {median(t.p50_us for t in through) / 1e3:.3f} | {median(t.p99_us for t in through) / 1e3:.3f} "
            f"| {median(s.p50_us for s in straight) / 1e3:.3f} | {median(s.p99_us for s in straight) / 1e3:.3f} "
            f"| {median(p50 for p50, _ in added) / 1e3:.3f} | {spread([p99 / 1e3 for _, p99 in added], 3)} "
            f"| {sum(t.failed + s.failed for t, s, _ in chosen)} | {len(chosen)}{mark} |"
        )


def median(values):
    """The middle one."""
    return statistics.median(values)


def spread(values, places=2):
    """The median, and the quartiles around it."""
    if len(values) < 2:
        return f"{values[0]:.{places}f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{places}f} ({low:.{places}f}–{high:.{places}f})"


def machine():
    """Where this ran, in one line."""
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}, load before {os.getloadavg()[0]:.2f}"


def main():
    """Runs the comparison that was asked for."""
    options = arguments()
    # So that `finally` also ends what was started when this is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    deadline = time.monotonic() + options.minutes * 60
    where = machine()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-gateway-"))
    # nginx's workers give up root's rights and must still reach what lies in here.
    directory.chmod(0o755)
    field = None
    try:
        install_packages()
        field = Field(options, directory, share_cpus(options.workers))
        field.start()
        print(f"{datetime.date.today()}; {where}; {versions()}; {options.workers} worker(s), runs of "
              f"{options.seconds} s" + ("" if options.latency else f", {options.connections} connections") + "\n")
        if options.latency:
            compare_latency(options, field, deadline)
        else:
            compare_cost(options, field, deadline)
        for line in field.skipped:
            print(f"\n{line}")
    except Failed as error:
        print(f"bench-gateway: {error}", file=sys.stderr)
        return 1
    finally:
        if field:
            field.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
