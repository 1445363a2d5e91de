#!/usr/bin/env bash
# Generates a TypeScript and a Python client from the committed document, and lives through a job's life with each.
. "$(dirname "$0")/common.sh"
document=$root/openapi/openapi.json

node_tools
typescript=$work/typescript
rm -rf "$typescript"
mkdir -p "$typescript"
cp "$checks/client.ts" "$typescript/client.ts"
"$work/node_modules/.bin/openapi-typescript" "$document" --output "$typescript/api.d.ts" >/dev/null
if grep -nE '(^|[^a-zA-Z])any([^a-zA-Z]|$)' <(sed -E 's#//.*##; /^ *\/?\*/d' "$typescript/api.d.ts"); then
  echo "the generated types say any"
  exit 1
fi
cat >"$typescript/tsconfig.json" <<'JSON'
{
  "compilerOptions": {
    "strict": true,
    "noUncheckedIndexedAccess": true,
    "exactOptionalPropertyTypes": true,
    "target": "es2022",
    "module": "esnext",
    "moduleResolution": "bundler",
    "types": ["node"]
  },
  "files": ["client.ts"]
}
JSON
(cd "$typescript" && "$work/node_modules/.bin/tsc")
serve --store memory:
node "$typescript/client.js" "$url"
kill "$service"

python_tools
python=$work/python
rm -rf "$python"
openapi-python-client generate --path "$document" --output-path "$python" --meta none >"$work/python.log" 2>&1 || { cat "$work/python.log"; exit 1; }
# A part that could not be generated would be missed by nobody but its user.
if grep -q "Unable to" "$work/python.log"; then
  cat "$work/python.log"
  exit 1
fi
rm -rf "$work/stock_scheduler_client" && mv "$python" "$work/stock_scheduler_client"
serve --store memory:
PYTHONPATH=$work python "$checks/client.py" "$url"
