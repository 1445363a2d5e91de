#!/usr/bin/env bash
# Runs all tests. Installs what they need and is not there yet (Debian, Ubuntu): redis-server.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # a command, and the package that has it
  command -v "$1" >/dev/null 2>&1 && return
  command -v apt-get >/dev/null 2>&1 || { echo "please install $2: the tests start $1"; exit 1; }
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "please install $2 as root: the tests start $1"; exit 1; }
    sudo=sudo
  fi
  echo "installing $2: the tests start $1"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$2" >/dev/null
}

need cc gcc
[ -x /bin/kill ] || [ -x /usr/bin/kill ] || need pkill procps
need redis-server redis-server
cargo test --workspace --locked "$@"
