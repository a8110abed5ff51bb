#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what is missing, build into build/, record samples/fib.py and print its line table.
set -eu
cd "$(dirname "$0")/.."
./samples/setup.sh

if [ ! -e build/CMakeCache.txt ]; then
    cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >/dev/null
fi
cmake --build build -j "$(nproc)" >/dev/null

python=$(command -v python3)
echo "\$ pyrec -o build/fib.trace -- python3 samples/fib.py 35"
build/record/pyrec -o build/fib.trace -- "$python" samples/fib.py 35
echo
echo "\$ pyanalyze lines build/fib.trace"
build/analyze/pyanalyze lines build/fib.trace
