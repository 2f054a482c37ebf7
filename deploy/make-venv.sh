#!/bin/sh
# make-venv.sh PYTHON FOLDER: a virtual environment with pip, from Python 3.11 or newer.
# Debian keeps the venv module's seed in a package of its own: as root that is installed, else it is asked for.
set -eu
python=$1
folder=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Naru needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Try: make PYTHON=python3.12 ..." >&2
    exit 1
}
[ -x "$folder/bin/pip" ] && exit 0
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        sh "$(dirname "$0")/debian-packages.sh" python3-venv
    else
        echo "Python's venv module is not installed. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$folder"
