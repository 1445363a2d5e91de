#!/usr/bin/env bash
# What an author of Rust plugins is told to do: begin with the skeleton of each role, run its test, check it, and build a
# scheduler that has them all.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cargo build -q --manifest-path "$root/Cargo.toml" -p stock-scheduler --locked
# One for all of them, so that what they share is built once.
export CARGO_TARGET_DIR=$root/target CARGO_NET_OFFLINE=true XDG_CACHE_HOME=$work/cache
with=()
for role in fetcher schedule listener store; do
  skeleton=$work/skeleton/$role
  rm -rf "$skeleton"
  mkdir -p "$work/skeleton"
  "$binary" plugin new --lang rust --role "$role" "my_$role" --directory "$skeleton" --host "$root"
  # The versions that everything here was tried with.
  cp "$root/Cargo.lock" "$skeleton/Cargo.lock"
  cd "$skeleton"
  cargo fmt --check
  cargo test -q
  with+=(--with "my_$role=$skeleton")
done
rm -f "$work/custom"
"$binary" plugin build --debug "${with[@]}" --host "$root" --output "$work/custom"
"$work/custom" plugin check my_fetcher --symbol AAPL --start 2025-06-02 --end 2025-06-13 --unknown NO-SUCH
"$work/custom" plugin check my_schedule --spec '{"time": "09:00", "days_after": 1}'
printf '[plugins.listener.my_listener]\npath = "failures.txt"\n' >"$work/custom.toml"
binary=$work/custom
serve --store my_store: --config "$work/custom.toml"
curl -fsS "$url/scheduler/status" | grep -q '"my_store"'
curl -fsS "$url/scheduler/plugins" | grep -q '"my_listener"'
