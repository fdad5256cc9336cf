#!/bin/sh
# Prints the path of the first Python that is one of the VERSIONs and can make virtual
# environments: `python3` if it is one, then each version by name on PATH, then pyenv's.
#
#   scripts/find-python.sh 3.11 3.12 3.13 3.14
#
# Without one it prints nothing, says on standard error what it met, and exits with 1.

pyenv_versions="${PYENV_ROOT:-$HOME/.pyenv}/versions"
met=""

# Debian splits `venv` off: such a Python answers here and cannot make an environment.
probe='import sys, ensurepip, ssl, sqlite3, venv; print("%d.%d" % sys.version_info[:2])'
number='import sys; print("%d.%d" % sys.version_info[:2])'

consider() {  # candidate, wanted versions...
    candidate="$1"
    shift
    found=$("$candidate" -c "$number" 2>/dev/null) || return 1
    for wanted in "$@"; do
        [ "$found" = "$wanted" ] || continue
        if "$candidate" -c "$probe" >/dev/null 2>&1; then
            "$candidate" -c 'import sys; print(sys.executable)'
            exit 0
        fi
        met="$met  $candidate is Python $found, but without ensurepip, ssl or sqlite3 (Debian, Ubuntu: apt-get install python$found-venv)
"
        return 1
    done
    met="$met  $candidate is Python $found
"
    return 1
}

consider python3 "$@"
for version in "$@"; do
    consider "python$version" "$version"
    for python in "$pyenv_versions/$version".*/bin/python3; do
        [ -x "$python" ] && consider "$python" "$version"
    done
done

{
    echo "No Python of the versions $* was found on PATH or under $pyenv_versions."
    [ -z "$met" ] || printf 'Found instead:\n%s' "$met"
    echo "Install one, or name one: make PYTHON=/path/to/python3.11 ..."
} >&2
exit 1
