#!/usr/bin/env bash
# The long forms of what `make test` does in short: the same tests, many more rounds. Takes some minutes.
#
#   scripts/soak.sh              fifty rounds
#   INSULA_ROUNDS=500 scripts/soak.sh
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

export INSULA_ROUNDS=${INSULA_ROUNDS:-50}
began=$SECONDS
say "== killed under load, $INSULA_ROUNDS times on each engine; between any two steps, on each engine"
cargo test "${locked[@]}" "${quiet[@]}" -p insula-cli --test killed --test invoices --test archive -- --include-ignored --nocapture --test-threads 1
say "== the log and the settler killed, $INSULA_ROUNDS times"
cargo test "${locked[@]}" "${quiet[@]}" -p insula-metering --test crash --test settle_crash -- --nocapture
say "== a year of ${INSULA_ORGANIZATIONS:=1000} organizations, on each engine"
export INSULA_ORGANIZATIONS
cargo test "${locked[@]}" "${quiet[@]}" -p insula-app --test year --no-default-features -- --nocapture --test-threads 1
say ""
say "All good, after $(lasted $((SECONDS - began)))"
