#!/usr/bin/env bash
# Builds the console, if what is built isn't of the sources that are there. The server's build takes it in, and refuses
# one that is stale.
#
#   scripts/console.sh              packages, then the build
#   scripts/console.sh --packages   only the packages
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd console

# The packages are those of a lock file; which one is noted beside them.
note=node_modules/.lock-checksum
lock=$(cksum <package-lock.json)
if [ "$(cat "$note" 2>/dev/null || true)" != "$lock" ]; then
  say "console: installing packages"
  npm ci --no-audit --no-fund --loglevel=error
  printf '%s\n' "$lock" >"$note"
fi
[ "${1:-}" != --packages ] || exit 0

built_of=$(cat dist/.source-digest 2>/dev/null || true)
if [ "$built_of" = "$(node scripts/source-digest.mjs)" ]; then
  exit 0
fi
say "console: building"
# Nobody reads the list of files, unless it goes wrong.
said=$(npm run --silent build 2>&1) || fail "the console doesn't build:
$said"
