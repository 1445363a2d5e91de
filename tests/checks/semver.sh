#!/usr/bin/env bash
# Whether the sdk keeps what its last release promised to plugins: compares it with the newest tag sdk-v*, or with the
# revision that is given. What breaks plugins passes where the sdk's version says so.
. "$(dirname "$0")/common.sh"

cd "$root"
newest=$(git for-each-ref --count=1 --sort=-version:refname --format='%(refname:short)' 'refs/tags/sdk-v*')
baseline=${1:-$newest}
if [ -z "$baseline" ]; then
  echo "there is no release of the sdk, a tag sdk-vX.Y.Z, to compare with"
  exit 0
fi
cargo semver-checks --version >/dev/null 2>&1 \
  || skip "cargo-semver-checks is not there: cargo install cargo-semver-checks --locked"
cargo semver-checks --manifest-path plugins/sdk/Cargo.toml --baseline-rev "$baseline"
