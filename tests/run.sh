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
# The standard library's own tests are a package of the version's.
testsuite=$(/usr/bin/python3 -c 'import sys; print("libpython%d.%d-testsuite" % sys.version_info[:2])' \
    2>/dev/null || true)
# What tests skip by name when it is missing; not every release of Debian has all of it.
optional=
for package in musl-tools libfaketime libeatmydata1 libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 \
    uwsgi-core uwsgi-plugin-python3 python3-seccomp; do
    [ -z "$(apt-cache policy "$package" 2>/dev/null)" ] || optional="$optional $package"
done
# shellcheck disable=SC2086  # words or nothing
./samples/setup.sh check protobuf-compiler zstd python3 python3-protobuf universal-ctags \
    patchelf curl man-db procps xvfb python3-tk python3-pyqt5 python3-greenlet python3-gevent \
    python3-dev python3-dbg python3-venv $testsuite file libxml2-utils python3-yappi zsh fish \
    gnuplot-nox $optional

if [ "${PYREC_FETCH:-yes}" = yes ]; then
    ./tests/interpreters.sh --fetch build >/dev/null
fi

build() { # DIRECTORY BUILD_TYPE SANITIZERS [CMAKE BUILD ARGUMENTS...]
    cmake -S . -B "$1" -DBUILD_TESTING=ON -DPYREC_WERROR=ON -DCMAKE_BUILD_TYPE="$2" \
        -DPYREC_SANITIZE="$3" >/dev/null
    directory=$1
    shift 3
    cmake --build "$directory" -j "$(nproc)" "$@" >"$directory/build.log" 2>&1 ||
        { cat "$directory/build.log" && exit 1; }
}

run() { # DIRECTORY [CTEST ARGUMENTS...]
    (cd "$1" && shift && ctest --output-on-failure -j "$(nproc)" "$@")
}

build build Release ""
if [ "${PYREC_SANITIZERS:-yes}" = yes ]; then
    build build-asan RelWithDebInfo address,undefined
    run build-asan -L 'unit|fuzz|golden' "$@"
    run build-asan -L sanitized "$@"
    build build-tsan RelWithDebInfo thread --target race_tests
    run build-tsan -L race "$@"
fi
run build "$@"
