#!/usr/bin/env bash
# The browser tests against the real program: a fresh installation of the hello blueprint in a folder that goes away.
#
#   scripts/e2e.sh [OPTIONS OF playwright test…]
#
# Uses the debug build, made by `scripts/test.sh build`. The blueprint is a copy in which the service listens on a free
# port and is started from that build, so nothing is in the way of an `insula up` that runs beside.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

insula=$target/debug/insula
service=$target/debug/hello-service
for program in "$insula" "$service"; do
  [ -x "$program" ] || fail "$program is not built: run scripts/test.sh build"
done
CHROMIUM=$(find_chromium)
[ -n "$CHROMIUM" ] || fail "no browser: run scripts/setup.sh"
export CHROMIUM

work=$(mktemp -d "${TMPDIR:-/tmp}/insula-e2e.XXXXXX")
log=$work/insula.log
server=

finish() {
  local status=$?
  [ -z "$server" ] || stop_process "$server" 15 || true
  if [ "$status" -ne 0 ] && [ -s "$log" ]; then
    say "--- the end of the server's log"
    tail -n 40 "$log" >&2
  fi
  rm -rf "$work"
}
trap finish EXIT

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });'
}

# One field of the line that the server printed: `field url`, `field operator email`.
field() {
  node -e '
    const ready = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    const value = process.argv.slice(2).reduce((at, name) => at?.[name], ready);
    if (typeof value !== "string") process.exit(1);
    console.log(value);
  ' "$work/ready.json" "$@" || fail "the server's line has no $*: $(cat "$work/ready.json")"
}

copy_blueprint() {
  local run="[\"$service\"]"
  cp -r blueprints/hello "$work/blueprint"
  sed -i -e "s|^targets = .*|targets = [\"http://127.0.0.1:$port\"]|" -e "s|^run = .*|run = $run|" \
    "$work/blueprint/blueprint.toml"
  grep -qF "run = $run" "$work/blueprint/blueprint.toml" || fail "blueprints/hello has no line \`run = …\` to replace"
}

start_server() {
  "$insula" up "$work/blueprint" --data "$work/data" --listen 127.0.0.1:0 --demo --json \
    >"$work/ready.json" 2>"$log" </dev/null &
  server=$!
  local waited=0
  until grep -q '}$' "$work/ready.json"; do
    kill -0 "$server" 2>/dev/null || fail "the server ended before it was ready"
    [ "$waited" -lt 600 ] || fail "the server wasn't ready within 60 s"
    sleep 0.1
    waited=$((waited + 1))
  done
}

# SIGTERM ends it in good order, its service included.
expect_good_end() {
  local status=0 pid=$server
  server=
  stop_process "$pid" 15 || status=$?
  [ "$status" -eq 0 ] || fail "the server ended with status $status after SIGTERM"
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "the server left its service running on port $port"
  fi
}

port=$(free_port)
copy_blueprint
start_server
INSULA_URL=$(field url)
INSULA_OPERATOR_EMAIL=$(field operator email)
INSULA_OPERATOR_PASSWORD=$(field operator password)
export INSULA_URL INSULA_OPERATOR_EMAIL INSULA_OPERATOR_PASSWORD
npm --prefix console run --silent e2e -- "$@" </dev/null
expect_good_end
