#!/usr/bin/env bash
# Runs all tests. Installs what they need and is not there yet: redis-server and python3 (Debian, Ubuntu), and the Python
# packages of requirements.txt under target/. Where packages cannot be had, the tests that need them say that they are
# skipped; where CI is set, that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

need() { # a command, and the packages that have it
  command -v "$1" >/dev/null 2>&1 && return
  command -v apt-get >/dev/null 2>&1 || { echo "please install $2: the tests start $1"; exit 1; }
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "please install $2 as root: the tests start $1"; exit 1; }
    sudo=sudo
  fi
  echo "installing ${*:2}: the tests start $1"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${@:2}" >/dev/null
}

python_packages() { # a virtual environment with the packages of requirements.txt, first on the path
  local venv=target/python
  if ! cat tests/requirements.txt plugins/process/python/examples/requirements.txt | cmp -s - "$venv/done"; then
    echo "installing the Python packages of tests/requirements.txt"
    rm -rf "$venv"
    mkdir -p target
    python3 -m venv "$venv" && "$venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt || return 1
    cat tests/requirements.txt plugins/process/python/examples/requirements.txt >"$venv/done"
  fi
  export PATH=$PWD/$venv/bin:$PATH
}

need cc gcc
[ -x /bin/kill ] || [ -x /usr/bin/kill ] || need pkill procps
need redis-server redis-server
need python3 python3 python3-venv
# Debian has what makes virtual environments in a package of its own.
python3 -c "import ensurepip, venv" 2>/dev/null || ! command -v apt-get >/dev/null 2>&1 || need "the module venv" python3-venv
if ! python_packages; then
  echo "SKIPPED: what is compared with Python packages, which cannot be installed"
  [ -z "${CI:-}" ] || exit 1
fi
# Many tests wait for time to go by: one more at a time than there are processors.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))}
cargo test --workspace --locked "$@"
(cd plugins/process/python && python3 -m unittest -q)
