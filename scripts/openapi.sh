#!/usr/bin/env bash
# The OpenAPI document and the console's types, both made from the code.
#
#   scripts/openapi.sh           writes them
#   scripts/openapi.sh --check   fails, and shows the difference, if they aren't what the code says; INSULA names the
#                                program to ask, and without it one is built
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
document=console/openapi.json
types=console/src/api/schema.d.ts

ask() {
  if [ -n "${INSULA:-}" ]; then
    "$INSULA" openapi
  else
    # Without the console, whose own build needs the document.
    cargo run --quiet "${locked[@]}" -p insula-cli --no-default-features -- openapi
  fi
}

# $1 is what stands in the tree, $2 what the code says.
expect_same() {
  if ! diff -u "$1" "$2" >"$work/difference"; then
    head -n 60 "$work/difference" >&2
    fail "$1 is not what the code says: run \`make openapi\` and commit it"
  fi
}

ask >"$work/openapi.json"
[ -s "$work/openapi.json" ] || fail "the program printed no document"
scripts/console.sh --packages
if [ "${1:-}" = --check ]; then
  expect_same "$document" "$work/openapi.json"
  INSULA_DOCUMENT=$work/openapi.json INSULA_TYPES=$work/schema.d.ts npm --prefix console run --silent generate >/dev/null
  expect_same "$types" "$work/schema.d.ts"
else
  cp "$work/openapi.json" "$document"
  npm --prefix console run --silent generate
  say "wrote $document and $types"
fi
