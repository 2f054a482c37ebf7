#!/bin/sh
# lock.sh PYTHON: prints the pins of everything installed beside Naru itself, for requirements.lock.
set -eu
echo "# The versions that Naru is tested with; refresh with \`make lock\`. Used as pip constraints."
"$1" -m pip --disable-pip-version-check freeze --all --exclude-editable --exclude naru-city --exclude pip --exclude wheel |
    grep -E '^[A-Za-z0-9._-]+==' | sed 's/+.*//' | LC_ALL=C sort -f
