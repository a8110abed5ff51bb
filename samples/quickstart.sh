#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what is missing, build into build/, record samples/fib.py and print its line table.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=samples/steps.sh
. samples/steps.sh
./samples/setup.sh python3

# A build directory that is there keeps its options; only the programs are built in it.
if [ -e build/CMakeCache.txt ]; then
    step "configuring build/, with the options that it has" build/configure.log cmake -S . -B build
else
    step "configuring build/" build/configure.log \
        cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF
fi
step "building (takes about a minute)" build/build.log \
    cmake --build build -j "$(nproc)" --target pyrec pyrec_agent pyanalyze

python=$(command -v python3)
echo
echo "\$ pyrec -o build/fib.trace -- python3 samples/fib.py 35"
build/record/pyrec -o build/fib.trace -- "$python" samples/fib.py 35
echo
echo "\$ pyanalyze lines build/fib.trace"
build/analyze/pyanalyze lines build/fib.trace
