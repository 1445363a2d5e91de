# What the checks share. Everything that is installed or written goes under target/checks.
set -euo pipefail
checks=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$checks/../.." && pwd)
work=$root/target/checks
binary=$root/target/debug/stock-scheduler
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$work"

# skip REASON: leaves the check; a failure where everything must be shown.
skip() {
  echo "SKIPPED: $1"
  [ -z "${CI:-}" ] || exit 1
  exit 0
}

# debian COMMAND PACKAGE...: whether COMMAND is there, installing the packages if it is not.
debian() {
  command -v "$1" >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || return 1
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  echo "installing ${*:2}"
  { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${@:2}"; } >/dev/null 2>&1
  command -v "$1" >/dev/null 2>&1
}

# python_tools: puts the tools of requirements.txt on the path.
python_tools() {
  local stamp=$work/venv/requirements.txt
  if ! cmp -s "$checks/requirements.txt" "$stamp"; then
    debian python3 python3 python3-venv || skip "python3 cannot be installed"
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" 2>/dev/null || { debian no-such-command python3-venv || true; python3 -m venv "$work/venv"; } \
      || skip "python3 cannot make a virtual environment"
    echo "installing the Python tools"
    "$work/venv/bin/pip" install -q --disable-pip-version-check -r "$checks/requirements.txt" || skip "the Python tools cannot be installed"
    cp "$checks/requirements.txt" "$stamp"
  fi
  export PATH=$work/venv/bin:$PATH
}

# node_tools: puts the tools of package.json into $work/node_modules.
node_tools() {
  debian npm nodejs npm || skip "npm cannot be installed"
  if ! cmp -s "$checks/package.json" "$work/package.json" || [ ! -d "$work/node_modules" ]; then
    cp "$checks/package.json" "$work/package.json"
    echo "installing the npm tools"
    (cd "$work" && npm install --silent --no-audit --no-fund --no-package-lock) || { rm -f "$work/package.json"; skip "the npm tools cannot be installed"; }
  fi
}

# serve FLAGS...: starts the service on a free port and sets $url; it ends with the script.
serve() {
  cargo build -q --manifest-path "$root/Cargo.toml" -p stock-scheduler --locked
  local log=$work/service.log
  : >"$log"
  "$binary" serve --listen 127.0.0.1:0 --timezone UTC "$@" 2>"$log" &
  service=$!
  trap 'kill "$service" 2>/dev/null || true' EXIT
  for _ in $(seq 100); do
    url=$(sed -n 's/.*listens on //p' "$log")
    [ -z "$url" ] || return 0
    sleep 0.1
  done
  cat "$log"
  exit 1
}
