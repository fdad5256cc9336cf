#!/bin/sh
# Writes requirements/*.txt anew from the *.in files beside them: `make lock`.
#
# Each lock is resolved by the oldest Python it serves. The machine's own index settings are left
# out, so that neither their addresses nor their files get into a lock; PIP_INDEX_URL and PIP_CERT are honoured.
set -eu

compile() {  # python, name, options...
    python="$1" name="$2"
    shift 2
    echo "requirements/$name.txt"
    "$python" -m piptools compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" \
        --output-file "requirements/$name.txt" "requirements/$name.in"
}

python311=$(scripts/find-python.sh 3.11)
python312=$(scripts/find-python.sh 3.12)

scripts/venv.sh .venv/lock311 "$python311" requirements/lock.txt
scripts/venv.sh .venv/lock312 "$python312" requirements/lock.txt

unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null
export CUSTOM_COMPILE_COMMAND="make lock"

for name in lock build demo bench test; do
    compile .venv/lock311/bin/python "$name"
done
compile .venv/lock312/bin/python test-django61
