#!/usr/bin/env bash
# Tries the service with other people's tools: a fuzzer, a browser, generated clients; as authors of plugins do, from the
# skeleton on; and compares the sdk with its last release. What they need is installed under target/checks where it is
# missing; a tool that cannot be installed is skipped and said, and fails where CI is set.
set -euo pipefail
cd "$(dirname "$0")/../.."

for check in fuzz swagger clients plugins semver; do
  printf '\n== %s\n' "$check"
  "tests/checks/$check.sh"
done
