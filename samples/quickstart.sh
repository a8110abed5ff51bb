#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what is missing, build into build/, record samples/fib.py, print its line table and write the
# page beside it.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=samples/steps.sh
. samples/steps.sh
# The page of `pyanalyze report` is made of npm packages; where npm is there already it will do.
page=
command -v npm >/dev/null && command -v node >/dev/null || page="nodejs npm"
# shellcheck disable=SC2086  # words or nothing
./samples/setup.sh python3 --optional libncurses-dev libiberty-dev libdw-dev $page

# A build directory that is there keeps its options; only the programs are built in it.
prefer_ninja
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
echo
echo "\$ pyanalyze report -o build/fib.html build/fib.trace"
if [ -s build/analyze/page/out/template.html ]; then
    build/analyze/pyanalyze report -o build/fib.html build/fib.trace
    echo "to look at it: open $PWD/build/fib.html in a browser"
else
    echo "not there: built without the page, for want of npm, of its packages or with PYREC_REPORT off"
fi
