#!/bin/sh
# Gets Debian's Chromium for the browser test: as root it is installed, otherwise the step is named and skipped.
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Skipped: installing Chromium needs root and apt-get. To run the browser test, install the package chromium yourself."
    exit 0
fi

echo "Installing Chromium …"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium >/dev/null
