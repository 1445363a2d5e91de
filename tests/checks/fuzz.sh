#!/usr/bin/env bash
# Sends thousands of requests made from the OpenAPI document, right and wrong ones, and lets nothing pass that the
# document does not say. SEED=… repeats a run, CASES=… sends more or fewer for each operation.
. "$(dirname "$0")/common.sh"
least=2000

python_tools
echo "== the committed document is valid OpenAPI"
openapi-spec-validator "$root/openapi/openapi.json"

fuzz() { # STORE EXAMPLES
  local seed=${SEED:-$((RANDOM * 32768 + RANDOM))} log
  log=$work/fuzz-${1%%:*}.log
  echo "== fuzzing on $1, SEED=$seed"
  serve --store "$1" --demo
  cd "$work"
  if ! SCHEMATHESIS_HOOKS=$checks/laws.py schemathesis --config-file "$checks/schemathesis.toml" run "$url/openapi.json" \
    --seed "$seed" --max-examples "${CASES:-$2}" >"$log" 2>&1; then
    cat "$log"
    echo "fuzzing found something; repeat it with SEED=$seed"
    exit 1
  fi
  local cases
  cases=$(sed -n 's/^ *\([0-9]*\) generated.*/\1/p' "$log")
  echo "$cases cases, nothing found"
  total=$((total + cases))
  kill "$service"
  wait "$service"
}

total=0
fuzz memory: 60
rm -f "$work"/fuzz.db*
fuzz "sqlite:$work/fuzz.db" 30
[ -n "${CASES:-}" ] || [ "$total" -ge "$least" ] || { echo "$total cases are fewer than $least"; exit 1; }
