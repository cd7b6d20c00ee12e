#!/usr/bin/env python3
"""Memory and cold start with many keys and organizations."""

import sys
import time

from installation import run, spread


def measure(installation, options):
    """Memory and cold start: fills the stores, then starts the program several times until a request is admitted."""
    installation.start()
    installation.sign_up()
    idle = installation.resident()[0]
    installation.stop()
    began = time.monotonic()
    installation.fill(options.organizations, options.keys // options.organizations)
    print(f"{options.organizations} organizations, {options.keys} keys, written in {time.monotonic() - began:.0f} s")
    starts, processor, resident, peaks = [], [], [], []
    for _ in range(options.rounds):
        starts.append(installation.start("/items", installation.key))
        processor.append(installation.server.cpu_seconds())
        now, peak = installation.resident()
        resident.append(now / 2**20)
        peaks.append(peak / 2**20)
        installation.stop()
    print(f"start to the first admitted request: {spread(starts)} s, of which CPU {spread(processor)} s")
    print(f"memory then: {spread(resident, 0)} MiB, peak {spread(peaks, 0)} MiB; fresh: {idle / 2**20:.0f} MiB")


if __name__ == "__main__":
    sys.exit(run(measure, [
        ("organizations", 100_000, "how many organizations"),
        ("keys", 1_000_000, "how many keys, of all organizations together"),
        ("rounds", 5, "how many starts"),
    ]))
