#!/usr/bin/env bash
# What an author of Rust plugins is told to do: begin with the skeleton, run its test, check it, and build a scheduler that
# has it.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cargo build -q --manifest-path "$root/Cargo.toml" -p stock-scheduler --locked
rm -rf "$work/skeleton" "$work/custom"
"$binary" plugin new --lang rust skeleton --directory "$work/skeleton" --host "$root"
# The versions that everything here was tried with.
cp "$root/Cargo.lock" "$work/skeleton/Cargo.lock"
cd "$work/skeleton"
export CARGO_TARGET_DIR=$root/target CARGO_NET_OFFLINE=true XDG_CACHE_HOME=$work/cache
cargo fmt --check
cargo test -q
cargo run -q -- plugin check skeleton --symbol AAPL --start 2025-06-02 --end 2025-06-13 --unknown NO-SUCH
"$binary" plugin build --debug --with "skeleton=$work/skeleton" --host "$root" --output "$work/custom"
"$work/custom" plugin check skeleton --symbol AAPL --start 2025-06-02 --end 2025-06-13
