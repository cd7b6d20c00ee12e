#!/usr/bin/env bash
# The browser tests against the real program: for each blueprint a fresh installation, in a folder that goes away.
#
#   scripts/e2e.sh [PRODUCT…] [-- OPTIONS OF playwright test…]
#
# PRODUCT is the name of a blueprint; all that have browser tests if none is named. Uses the debug build,
# made by `scripts/test.sh build`. The blueprint is a copy in which the services listen on free ports and are started from
# that build, so nothing is in the way of an `insula up` that runs beside.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

products=()
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
  products+=("$1")
  shift
done
[ "$#" -eq 0 ] || shift
if [ "${#products[@]}" -eq 0 ]; then
  for file in blueprints/*/blueprint.toml; do
    product=$(basename "$(dirname "$file")")
    # Those of hello stand in e2e itself.
    if [ "$product" = hello ] || [ -d "console/e2e/$product" ]; then products+=("$product"); fi
  done
fi

insula=$target/debug/insula
[ -x "$insula" ] || fail "$insula is not built: run scripts/test.sh build"
CHROMIUM=$(find_chromium)
[ -n "$CHROMIUM" ] || fail "no browser: run scripts/setup.sh"
export CHROMIUM

work=$(mktemp -d "${TMPDIR:-/tmp}/insula-e2e.XXXXXX")
log=
server=

finish() {
  local status=$?
  [ -z "$server" ] || stop_process "$server" 15 || true
  if [ "$status" -ne 0 ] && [ -n "$log" ] && [ -s "$log" ]; then
    say "--- the end of the server's log"
    tail -n 40 "$log" >&2
  fi
  rm -rf "$work"
}
trap finish EXIT

# One field of a JSON file: `field ready.json operator email`.
field() {
  node -e '
    const read = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    const value = process.argv.slice(2).reduce((at, name) => at?.[name], read);
    if (typeof value !== "string" && typeof value !== "number") process.exit(1);
    console.log(value);
  ' "$@" || fail "there is no ${*:2} in: $(cat "$1")"
}

start_server() {
  "$insula" up "$1/blueprint" --data "$1/data" --listen 127.0.0.1:0 --demo --json >"$1/ready.json" 2>"$log" </dev/null &
  server=$!
  local waited=0
  until grep -q '}$' "$1/ready.json"; do
    kill -0 "$server" 2>/dev/null || fail "the server ended before it was ready"
    [ "$waited" -lt 1200 ] || fail "the server wasn't ready within 120 s"
    sleep 0.1
    waited=$((waited + 1))
  done
}

# SIGTERM ends it in good order, its services included.
expect_good_end() {
  local status=0 pid=$server port
  server=
  stop_process "$pid" 15 || status=$?
  [ "$status" -eq 0 ] || fail "the server ended with status $status after SIGTERM"
  for port in $(node -p 'Object.values(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).ports).join(" ")' "$1/services.json"); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      fail "the server left a service running on port $port"
    fi
  done
}

test_product() {
  local product=$1 folder=$work/$1
  shift
  [ -f "blueprints/$product/blueprint.toml" ] || fail "there is no blueprint $product"
  say "browser tests: $product"
  mkdir "$folder"
  cp -r "blueprints/$product" "$folder/blueprint"
  node scripts/blueprint-for-tests.mjs "$folder/blueprint/blueprint.toml" "$target/debug" >"$folder/services.json"
  log=$folder/insula.log
  start_server "$folder"
  INSULA_E2E_PRODUCT=$product \
    INSULA_E2E_PORTS=$(node -p 'JSON.stringify(JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).ports)' "$folder/services.json") \
    INSULA_URL=$(field "$folder/ready.json" url) \
    INSULA_OPERATOR_EMAIL=$(field "$folder/ready.json" operator email) \
    INSULA_OPERATOR_PASSWORD=$(field "$folder/ready.json" operator password) \
    npm --prefix console run --silent e2e -- "$@" </dev/null
  expect_good_end "$folder"
}

for product in "${products[@]}"; do
  test_product "$product" "$@"
done
