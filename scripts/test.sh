#!/usr/bin/env bash
# Everything that must hold before a change goes in.
#
#   scripts/test.sh              all steps, in order
#   scripts/test.sh clippy e2e   only these
#   scripts/test.sh --list       the steps
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Quick ones first. One debug build serves the tests, the generated files and the browser tests.
steps=(setup format documents console clippy docs build tests doctests generated web deny e2e)

step_setup() { # the tools are there
  scripts/setup.sh test
}

step_format() { # Rust code has the one format
  cargo fmt --all --check || fail "not formatted: run \`make fmt\`"
}

step_documents() { # what the documents say of codes, tests and files is so
  node scripts/check-docs.mjs
}

step_console() { # the console builds
  scripts/console.sh
}

step_clippy() { # no lint warns
  cargo clippy --workspace --all-targets "${locked[@]}" "${quiet[@]}" -- -D warnings
}

step_docs() { # the API documentation builds without a warning
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps "${locked[@]}" "${quiet[@]}"
}

step_build() { # one debug build for all that follows
  cargo build --workspace --all-targets "${locked[@]}" "${quiet[@]}"
}

step_tests() { # unit and integration tests, on SQLite and on PostgreSQL
  local profile=default
  [ -z "${CI:-}" ] || profile=ci
  if has cargo-nextest; then
    cargo nextest run --workspace --all-targets "${locked[@]}" --cargo-quiet --profile "$profile"
  else
    cargo test --workspace --all-targets "${locked[@]}" "${quiet[@]}"
  fi
}

step_doctests() { # examples in the documentation, and what must not compile
  cargo test --workspace --doc "${locked[@]}" "${quiet[@]}"
}

step_generated() { # the OpenAPI document and the console's types are those of the code
  INSULA=$target/debug/insula scripts/openapi.sh --check
}

step_web() { # the console's types, lint and unit tests
  scripts/console.sh --packages
  npm --prefix console run --silent check
}

step_deny() { # licences, sources and known weaknesses of dependencies
  if has cargo-deny; then
    cargo deny --log-level warn check
  else
    say "cargo-deny is not installed; passed over"
  fi
}

step_e2e() { # a browser against the real program
  scripts/e2e.sh
}

list() {
  local step
  for step in "${steps[@]}"; do
    printf '  %-10s %s\n' "$step" "$(sed -n "s/^step_$step() { # //p" "$root/scripts/test.sh")"
  done
}

current=
summary=

finish() {
  local status=$?
  if [ "$status" -ne 0 ] && [ -n "$current" ]; then
    say ""
    say "FAILED: $current, after $(lasted $((SECONDS - began))). To run it alone: scripts/test.sh $current"
  fi
}
trap finish EXIT

chosen=("${steps[@]}")
case ${1:-} in
  --list)
    list
    exit
    ;;
  ?*)
    chosen=("$@")
    ;;
esac
for step in "${chosen[@]}"; do
  declare -F "step_$step" >/dev/null || fail "there is no step $step; there are:
$(list)"
done

for step in "${chosen[@]}"; do
  current=$step
  began=$SECONDS
  say "== $step"
  "step_$step"
  summary+=$(printf '  %-10s %s' "$step" "$(lasted $((SECONDS - began)))")$'\n'
done
current=
say ""
say "All good:"
say "${summary}  whole      $(lasted "$SECONDS")"
