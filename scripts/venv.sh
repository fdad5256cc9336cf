#!/bin/sh
# Makes the virtual environment DIR from one lock file, or leaves it alone when it is that already.
#
#   scripts/venv.sh .venv/demo python3.11 requirements/demo.txt
#
# The stamp is written last and holds what the environment was made from. So a half-made one, one of
# another lock and one whose Python has gone are all made anew.
set -eu

dir="$1" python="$2" lock="$3"
build=requirements/build.txt
stamp="$dir/greenroom-stamp"

[ -n "$python" ] || exit 1  # find-python.sh has said why
wanted="$("$python" -c 'import sys; print(sys.version, sys.prefix)')
$(cksum "$0" "$build" "$lock")"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$dir/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

echo "Setting up $dir ($("$python" --version), $lock) ..."
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
"$python" -m venv "$dir"

pip_install() {
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@" || {
        echo "Installing $lock failed (see above); nothing was left half made. Run make again." >&2
        rm -rf "$dir"
        exit 1
    }
}

# Without isolation a source package is built by the pinned backend, not by what a network gives today.
pip_install -r "$build"
pip_install --no-build-isolation -r "$lock"

# The package itself is read from src/. The line is relative to site-packages, so that a checkout
# can be moved, and its path may hold spaces.
"$dir/bin/python" - <<'PYTHON'
import os, sysconfig
site = sysconfig.get_path("purelib")
with open(os.path.join(site, "greenroom-source.pth"), "w") as line:
    print(os.path.relpath("src", site), file=line)
PYTHON

printf '%s\n' "$wanted" > "$stamp"
