#!/bin/sh
# A campaign on a real Dask cluster: gets Dask into build/dask, beside .venv and not in it, then runs tests/distributed.
set -eu

folder=$PWD/build/dask

if ! cat .venv/made-from.txt tools/dask.txt | cmp -s - "$folder/made-from.txt"; then
    echo "Getting Dask …"
    rm -rf "$folder"
    .venv/bin/python -m pip --disable-pip-version-check install -qq --no-deps --target "$folder" -r tools/dask.txt
    cat .venv/made-from.txt tools/dask.txt >"$folder/made-from.txt"
fi

PYTHONPATH=$folder exec .venv/bin/python -m pytest tests/distributed
