#!/usr/bin/env bash
# Sees to it that the tools are there. What a package manager can bring is installed where that is allowed; the rest is
# asked for by the exact line. Quick, and changes nothing, when all is there.
#
#   scripts/setup.sh up      what `make up` needs: Rust, Node.js, a C compiler
#   scripts/setup.sh test    besides these what `make test` needs: PostgreSQL, a browser, cargo-nextest
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

packages=()

check_rust() {
  has cargo || fail "Rust is missing. Install it (https://rustup.rs), then run this again."
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  found=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
    fail "Rust $found is older than $wanted, which Insula needs. Run: rustup update stable"
  fi
}

check_node() {
  has node || fail "Node.js is missing. Install 20.19, 22.12 or later (https://nodejs.org), then run this again."
  has npm || fail "npm is missing; it comes with Node.js, on Debian as the package npm."
  # As in the `engines` of console/package.json.
  node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1);
  ' || fail "Node.js $(node --version) is too old. Install 20.19, 22.12 or later (https://nodejs.org)."
}

check_compiler() {
  # SQLite and mimalloc are C, built with the rest.
  has cc || packages+=(build-essential)
}

check_rust_tools() {
  local missing=()
  cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
  cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
  if [ ${#missing[@]} -gt 0 ]; then
    has rustup || fail "${missing[*]} missing. Install the components that belong to your Rust."
    rustup component add "${missing[@]}"
  fi
}

has_postgres() {
  local initdb
  for initdb in /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)"; do
    if [ -x "$initdb" ] && [ -x "${initdb%/*}/psql" ]; then
      return 0
    fi
  done
  return 1
}

check_postgres() {
  # Only the programs: the tests start a server of their own.
  has_postgres || packages+=(postgresql)
}

check_browser() {
  [ -n "$(find_chromium)" ] || packages+=(chromium)
  # The console speaks Japanese too; without a font its pages are boxes.
  if ! has fc-list || [ -z "$(fc-list :lang=ja)" ]; then
    packages+=(fontconfig fonts-ipafont-gothic)
  fi
}

apt_line() {
  printf 'apt-get update && apt-get install -y --no-install-recommends %s' "${packages[*]}"
}

# Runs apt as root, if that needs no password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

may_install() {
  has apt-get && { [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }; }
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 \
    --no-install-recommends "$@" >&2
}

# Debian's package makes and starts a server of its own unless told not to. Told so only while it is installed.
install_postgres() {
  local config=/etc/postgresql-common/createcluster.conf
  apt_install postgresql-common
  as_root cp -p "$config" "$config.before-insula"
  as_root sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' "$config"
  local status=0
  apt_install postgresql || status=$?
  as_root mv "$config.before-insula" "$config"
  return "$status"
}

install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! may_install; then
    fail "missing: ${packages[*]}. As root, run:

    $(apt_line)
"
  fi
  say "installing ${packages[*]}"
  as_root apt-get update -qq >&2
  local others=() package
  for package in "${packages[@]}"; do
    if [ "$package" = postgresql ]; then
      install_postgres
    else
      others+=("$package")
    fi
  done
  [ ${#others[@]} -eq 0 ] || apt_install "${others[@]}"
}

# On some distributions the package is a mere pointer to a browser that doesn't run in a container.
check_browser_runs() {
  local chromium
  chromium=$(find_chromium)
  if [ -z "$chromium" ] || ! [ -x "$chromium" ]; then
    fail "no browser for the tests: install Chromium or Chrome, and name it: CHROMIUM=/path/to/chrome make test"
  fi
}

install_nextest() {
  has cargo-nextest && return 0
  say "installing cargo-nextest (once; takes some minutes)"
  cargo install cargo-nextest --locked >&2 || say "cargo-nextest can't be installed; \`cargo test\` will do"
}

check_rust
check_node
check_compiler
case ${1:-test} in
  up)
    install_packages
    ;;
  test)
    check_rust_tools
    check_postgres
    check_browser
    install_packages
    check_browser_runs
    install_nextest
    ;;
  *)
    fail "usage: scripts/setup.sh [up|test]"
    ;;
esac
