#!/usr/bin/env bash
# Measures the program itself on an installation of its own (benches/installation): builds it and hands it over.
#
#   scripts/bench-installation.sh scale|changes|ingest [OPTIONS…]     `--help` says which options there are
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

has python3 || fail "python3 is missing"
what=${1:-}
[ -f "benches/installation/$what.py" ] || fail "say what to measure: scale, changes or ingest"
shift
cargo build --release "${locked[@]}" "${quiet[@]}" -p insula-cli --no-default-features
exec python3 "benches/installation/$what.py" --insula "$target/release/insula" "$@"
