#!/usr/bin/env bash
# Measures what an organization at its limit does to the jobs of another (benches/scraper): builds the programs and hands
# them over.
#
#   scripts/bench-scraper.sh [OPTIONS…]     `--help` says which options there are
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

has python3 || fail "python3 is missing"
cargo build --release "${locked[@]}" "${quiet[@]}" -p insula-cli --no-default-features
cargo build --release "${locked[@]}" "${quiet[@]}" -p scraper-service
exec python3 benches/scraper/neighbours.py --programs "$target/release" "$@"
