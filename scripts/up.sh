#!/usr/bin/env bash
# From a fresh checkout to a running product: tools, console, build, then `insula up`, which stays in the foreground.
#
#   scripts/up.sh [BLUEPRINT] [OPTIONS OF insula up…]     blueprints/scraper and --demo where nothing is said
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

blueprint=${1:-blueprints/scraper}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- --demo
[ -f "$blueprint/blueprint.toml" ] || fail "there is no blueprint in $blueprint (a directory with blueprint.toml)"

scripts/setup.sh up
scripts/console.sh

[ -x "$target/release/insula" ] || say "building Insula; the first time this takes some minutes"
cargo build --release "${locked[@]}" -p insula-cli
# The blueprint's own service apart from it, as `insula up` starts it: built together, the two would share features of
# their dependencies, and starting it alone would build it anew.
if [ -f "$blueprint/service/Cargo.toml" ]; then
  cargo build --release "${locked[@]}" -p "$(sed -n 's/^name = "\(.*\)"$/\1/p' "$blueprint/service/Cargo.toml" | head -n 1)"
fi

say "prepared in $(lasted "$SECONDS")"
exec "$target/release/insula" up "$blueprint" "$@"
