#!/usr/bin/env bash
# Opens Swagger UI in a browser without a network, creates a job there, and sees the reply.
. "$(dirname "$0")/common.sh"

debian chromium chromium || skip "chromium cannot be installed"
node_tools
serve --store memory:
cp "$checks/swagger.mjs" "$work/swagger.mjs"
node "$work/swagger.mjs" "$url" "$(command -v chromium)" "$work"
