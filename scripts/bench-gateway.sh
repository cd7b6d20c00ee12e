#!/usr/bin/env bash
# Compares the gateway with nginx and haproxy (benches/gateway/run.py): builds Insula, prepares an installation of one
# route with a key, and hands both over.
#
#   scripts/bench-gateway.sh [OPTIONS OF run.py…]     such as --workers 2 --connections 64, or --latency
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

has python3 || fail "python3 is missing"
has curl || fail "curl is missing"

# What is prepared here has to know two of the options, each given as two words.
base_port=18100
workers=1
previous=
for argument in "$@"; do
  case $previous in
    --base-port) base_port=$argument ;;
    --workers) workers=$argument ;;
  esac
  previous=$argument
done

scripts/setup.sh up
scripts/console.sh
cargo build --release "${locked[@]}" "${quiet[@]}" -p insula-cli
insula=$target/release/insula

work=$(mktemp -d "${TMPDIR:-/tmp}/insula-bench.XXXXXX")
server=
finish() {
  [ -z "$server" ] || stop_process "$server" 15 || true
  rm -rf "$work"
}
trap finish EXIT

# Limits that count each request and never refuse one: an unlimited plan would have less to do.
write_blueprint() {
  mkdir "$work/blueprint"
  cat >"$work/blueprint/blueprint.toml" <<TOML
[product]
name = "Bench"
headline_limit = "requests_per_day"

[resources]
items = ["read"]

[meters.requests]
event = "request"
aggregate = "count"

[limits.requests_per_day]
meter = "requests"
window = "day"

[limits.requests_per_second]
kind = "rate"
window = "second"

[plans.bench]
price = { USD = { month = "0" } }
limits = { requests_per_day = 1_000_000_000_000, requests_per_second = 1_000_000 }

[upstreams.items]
targets = ["http://127.0.0.1:$base_port"]

[[routes]]
match = "GET /items"
upstream = "items"
permission = "items:read"
TOML
}

# $1 is the port.
write_config() {
  cat >"$work/$1.toml" <<TOML
listen = "127.0.0.1:$1"
public_url = "http://127.0.0.1:$1"
data = "data"
blueprint = "blueprint"
secret_file = "secret"
cores = $workers
TOML
}

api() {
  local path=$1 body=$2
  shift 2
  curl -fsS -H 'Content-Type: application/json' "$@" -d "$body" "http://127.0.0.1:$insula_port$path"
}

field() {
  python3 -c 'import functools, json, sys; print(functools.reduce(lambda at, name: at[name], sys.argv[1:], json.load(sys.stdin)))' "$@"
}

make_key() {
  local token
  "$insula" serve --config "$work/$insula_port.toml" >"$work/insula.log" 2>&1 </dev/null &
  server=$!
  curl -fsS --retry 50 --retry-delay 0 --retry-all-errors -o /dev/null "http://127.0.0.1:$insula_port/readyz" 2>/dev/null ||
    fail "Insula wasn't ready: $(tail -n 20 "$work/insula.log")"
  token=$(api /v1/signup '{
    "organization": { "name": "Bench", "slug": "bench", "plan": "bench" },
    "owner": { "email": "bench@example.com", "password": "a long enough password", "display_name": "Bench" }
  }' | field access_token)
  api /v1/orgs/bench/api-keys '{ "name": "Bench", "environment": "production", "scopes": ["items:read"] }' \
    -H "Authorization: Bearer $token" | field secret
}

write_blueprint
# run.py gives Insula the port after those of the upstream and the four others.
insula_port=$((base_port + 5))
write_config "$insula_port"
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$work/secret"
chmod 600 "$work/secret"
make_key >"$work/key"
stop_process "$server" 15 || true
server=
python3 benches/gateway/run.py "$@" --path /items \
  --insula-cmd "$insula serve --config $work/{port}.toml" \
  --insula-url "http://127.0.0.1:{port}/items" \
  --insula-header "Authorization: Bearer $(cat "$work/key")"
