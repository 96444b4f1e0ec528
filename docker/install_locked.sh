#!/bin/sh
# Installs what an image needs: a lock of locks/ by its hashes, or on other machines than x86-64 the extras by their versions.
# Usage: install_locked.sh LOCK [EXTRAS]
set -eu
cd /opt/metadata
touch README.md LICENSE NOTICE
if [ "$(uname -m)" = x86_64 ]; then
    pip install --no-cache-dir --no-deps --require-hashes --requirement build.txt
    pip install --no-cache-dir --no-deps --no-build-isolation --require-hashes --requirement "$1.txt"
else
    pip install --no-cache-dir --constraint constraints.txt ".${2:+[$2]}"
fi
