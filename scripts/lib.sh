# shellcheck shell=bash
# What the scripts here share. Sourced by each, which sets `-euo pipefail` first; it goes to the root of the checkout.

# shellcheck disable=SC2034 # most of what is set here is for the scripts that source this
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
root=$PWD

# Where cargo puts what it builds. Absolute, since services of a blueprint are started elsewhere, some of them by cargo.
target=${CARGO_TARGET_DIR:-$root/target}
case $target in
  /*) ;;
  *)
    target=$root/$target
    export CARGO_TARGET_DIR=$target
    ;;
esac

# A lock file that doesn't fit is a mistake where nobody edits dependencies.
locked=()
[ -z "${CI:-}" ] || locked=(--locked)

# Progress is for people who watch.
quiet=(--quiet)
[ ! -t 2 ] || quiet=()

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# 75 -> "1 min 15 s"
lasted() {
  if [ "$1" -ge 60 ]; then
    printf '%d min %d s' $(($1 / 60)) $(($1 % 60))
  else
    printf '%d s' "$1"
  fi
}

# A browser for the tests: CHROMIUM, or what is installed. Prints nothing if there is none.
find_chromium() {
  local candidate
  if [ -n "${CHROMIUM:-}" ]; then
    printf '%s\n' "$CHROMIUM"
    return
  fi
  for candidate in chromium chromium-browser google-chrome google-chrome-stable; do
    if has "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
}

# Stops a process that was started here: kindly, and after so many seconds not. Returns its status.
stop_process() {
  local pid=$1 patience=$2 waited=0 status=0
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge $((patience * 10)) ]; then
      say "process $pid did not stop within $patience s of SIGTERM and is killed"
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
  wait "$pid" || status=$?
  return "$status"
}
