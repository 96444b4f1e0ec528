#!/bin/sh
# Installs what an image needs: a lock of locks/ by its hashes, or on other machines than x86-64 the extras by their versions.
# TORCH_INDEX names an index with wheels of torch and torchaudio that have no CUDA. These two alone come from there, by the hashes in
# TORCH_HASHES ("sha256:… sha256:…"), or where it is empty by their versions; and nothing of CUDA comes from anywhere.
# Usage: install_locked.sh LOCK [EXTRAS]
set -eu
cd "$(dirname "$0")"
touch README.md LICENSE NOTICE
quick="--no-cache-dir --no-compile"
x86_64() { [ "$(uname -m)" = x86_64 ]; }
if x86_64; then
    pip install $quick --no-deps --require-hashes --requirement build.txt
fi
if [ -n "${TORCH_INDEX:-}" ]; then
    hashes=$(printf ' --hash=%s' ${TORCH_HASHES:-})
    [ -n "${TORCH_HASHES:-}" ] || hashes=
    sed -nE "s/^(torch|torchaudio)==[^ ]+.*/&$hashes/p" constraints.txt > torch-pair.txt
    pip install $quick --no-deps --index-url "$TORCH_INDEX" ${TORCH_HASHES:+--require-hashes} --requirement torch-pair.txt
    sed -E '/^(torch|torchaudio|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/d' "$1.txt" > "$1-without-cuda.txt"
    set -- "$1-without-cuda" "${2:-}"
fi
if x86_64; then
    pip install $quick --no-deps --no-build-isolation --require-hashes --requirement "$1.txt"
else
    pip install $quick --constraint constraints.txt ".${2:+[$2]}"
fi
# Nothing is compiled in an image: headers, static libraries and compilers are of no use there. Modules are made ready: its root is read-only.
packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$packages"/torch/include "$packages"/nvidia/*/include "$packages"/torch/bin/protoc* "$packages"/torch/bin/ptxas
find "$packages" -name '*.a' -delete
python -m compileall -qq -j 0 -x '/tests?/' "$packages" || true
