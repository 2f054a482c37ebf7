#!/bin/sh
# debian-packages.sh NAME...: installs what is missing of Debian's packages where that is possible (root, apt-get).
# Elsewhere it does nothing: the tests that want them skip and say so.
set -eu
missing=
for name in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed:$missing (needs root on Debian); the tests that use them will skip." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing >/dev/null; then
    exit 0
fi
echo "Could not install:$missing; the tests that use them will say so." >&2
