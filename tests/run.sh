#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what is missing, fetch interpreters, build and run all tests.
#
# usage: run.sh [CTEST ARGUMENTS...]      e.g. run.sh -L unit, run.sh -R fib
#
# PYREC_FETCH=no: test with the interpreters that are here. PYREC_SANITIZERS=no: without the
# builds under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.
set -eu
cd "$(dirname "$0")/.."
./samples/setup.sh check protobuf-compiler zstd python3 python3-protobuf universal-ctags patchelf \
    curl man-db procps

if [ "${PYREC_FETCH:-yes}" = yes ]; then
    ./tests/interpreters.sh --fetch build >/dev/null
fi

build() {
    cmake -S . -B "$1" -DBUILD_TESTING=ON -DPYREC_WERROR=ON "$2" "$3" >/dev/null
    cmake --build "$1" -j "$(nproc)"
}

build build -DCMAKE_BUILD_TYPE=Release -DPYREC_SANITIZE=
if [ "${PYREC_SANITIZERS:-yes}" = yes ]; then
    build build-asan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPYREC_SANITIZE=address,undefined
    build build-tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPYREC_SANITIZE=thread
    (cd build-asan && ctest --output-on-failure -j "$(nproc)" -L 'unit|fuzz|golden' "$@")
    (cd build-tsan && ctest --output-on-failure -j "$(nproc)" -L race "$@")
fi
cd build && ctest --output-on-failure -j "$(nproc)" "$@"
