#!/bin/sh
# The fingerprint of a long run in Pyodide, Python for the browser: gets it from npm into build/, then runs tools/pyodide.mjs.
set -eu

version=314.0.7
folder=build/pyodide-$version

for tool in node npm; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "make pyodide needs Node.js 18 or newer, and found no $tool: install it and run make again." >&2
        exit 1
    fi
done

if [ ! -f "$folder/node_modules/pyodide/package.json" ]; then
    echo "Getting Pyodide $version from npm …"
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --loglevel=error "pyodide@$version" >/dev/null
fi

exec node tools/pyodide.mjs "$folder/node_modules/pyodide/pyodide.mjs"
