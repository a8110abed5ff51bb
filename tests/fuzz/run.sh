#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Search for inputs that break a reader: every fuzz target for so many minutes, one after the other.
#
# usage: run.sh MINUTES [TARGET...]        e.g. run.sh 10, run.sh 60 fuzz_chunk
#
# Needs clang. Builds in build-fuzz/ with AddressSanitizer and UndefinedBehaviorSanitizer; what is
# found new is kept in build-fuzz/found/TARGET and helps the next run. An input that breaks something
# is named and kept; once the fault is mended it belongs into corpus/TARGET. Exit status 1 then.
set -eu
[ $# -ge 1 ] || { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }
minutes=$1
shift
case $minutes in
    *[!0-9]* | '') echo "$0: MINUTES is a whole number, not '$minutes'" >&2; exit 2 ;;
esac
command -v clang >/dev/null || { echo "$0: clang is not here: apt-get install clang" >&2; exit 2; }
cd "$(dirname "$0")/../.."
build="build-fuzz"
cmake -S . -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DBUILD_TESTING=ON \
    -DPYREC_SANITIZE=address,undefined -DPYREC_FUZZ=ON -DPYREC_REPORT=OFF >/dev/null
# shellcheck disable=SC2046  # names of targets, without blanks
[ $# -gt 0 ] || set -- $(sed -n 's/^fuzz(\(fuzz_[a-z]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
for target; do
    [ -e "tests/fuzz/$target.c" ] || { echo "$0: no target $target in tests/fuzz/" >&2; exit 2; }
    cmake --build "$build" -j "$(nproc)" --target "$target" >"$build/$target.log" 2>&1 ||
        { echo "$0: $target does not build: $build/$target.log" >&2; exit 2; }
done
broken=0
for target; do
    found=$build/found/$target
    mkdir -p "$found"
    echo "$target: $minutes minutes .."
    "$build/tests/fuzz/$target" -max_total_time=$((minutes * 60)) -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$found-broken-" "$found" "tests/fuzz/corpus/$target" \
        >"$build/$target.log" 2>&1 || {
        broken=1
        echo "$target: broken; what it said: $build/$target.log"
        ls "$found"-broken-* 2>/dev/null || true
    }
    sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$build/$target.log"
done
exit $broken
