#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Configure and build one directory as tests/run.sh needs it.
#
# usage: build.sh DIRECTORY BUILD_TYPE SANITIZERS WORDS [CMAKE BUILD ARGUMENTS...]
#        e.g. build.sh build-tsan RelWithDebInfo thread "ThreadSanitizer" --target race_tests
#
# SANITIZERS: "" or as in PYREC_SANITIZE. Such builds are made with -O0 -g1, which takes a third of the
# time of -O2 -g: most of a test run there is compiling. What is looked for, and the lines in what is found,
# are the same; the agent is what it always is. The page they have from build/. PYREC_MATRIX as in run.sh.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=samples/steps.sh
. samples/steps.sh
directory=$1
type=$2
sanitizers=$3
words=$4
shift 4
page=$PWD/build/analyze/page/out/template.html
[ -n "$sanitizers" ] && [ -s "$page" ] || page=
prefer_ninja
step "configuring $directory/" "$directory/configure.log" cmake -S . -B "$directory" \
    -DBUILD_TESTING=ON -DPYREC_WERROR=ON -DCMAKE_BUILD_TYPE="$type" -DPYREC_SANITIZE="$sanitizers" \
    -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O0 -g1 -DNDEBUG" -DPYREC_MATRIX="${PYREC_MATRIX:-short}" \
    ${page:+"-DPYREC_PAGE=$page"}
step "building $directory/ ($words)" "$directory/build.log" \
    cmake --build "$directory" -j "$(nproc)" "$@"
