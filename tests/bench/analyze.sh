#!/bin/sh
# SPDX-License-Identifier: MIT
# Time pyanalyze on large made-up traces; a Markdown table on standard output, sizes of tables on standard error.
#
# usage: analyze.sh BUILD_DIRECTORY [large]
#
# "large" adds 16.7 hours of 16 threads at 1 kHz: 960 million samples, half a GB in $TMPDIR.
# Times are of the fastest of three runs; memory is the largest.
set -eu
build=$1
make=$build/tests/bench/make_big_trace
program=$build/analyze/pyanalyze
directory=$(mktemp -d "${TMPDIR:-/tmp}/pyrec-bench-XXXXXX")
trap 'rm -rf "$directory"' EXIT INT TERM

# measure NAME SAMPLES TRACE WORDS...: one row
measure() {
    name=$1 samples=$2 trace=$3
    shift 3
    for run in 1 2 3; do
        /usr/bin/time -f "%e %U %S %M" -o "$directory/time.$run" \
            "$program" "$@" "$trace" >/dev/null
    done
    cat "$directory"/time.? | awk -v name="$name" -v samples="$samples" -v words="$(echo "$*" | sed "s, -o .*,,")" '
        { wall = $1; cpu = $2 + $3; kib = $4
          if (NR == 1 || wall < best_wall) best_wall = wall
          if (NR == 1 || cpu < best_cpu) best_cpu = cpu
          if (kib > most) most = kib }
        END { printf "| %s | %s | %.2f | %.2f | %.1f | %.1f |\n", name, words, best_wall, best_cpu,
                     1e9 * best_cpu / samples, most / 1024 }'
}

# bench NAME SAMPLES SHAPE...: make a trace and measure the commands on it
bench() {
    name=$1 samples=$2
    shift 2
    "$make" "$@" "$directory/big.trace"
    size=$(wc -c <"$directory/big.trace")
    measure "$name, $((size >> 20)) MiB" "$samples" "$directory/big.trace" lines
    measure "$name" "$samples" "$directory/big.trace" lines --jobs 1
    measure "$name" "$samples" "$directory/big.trace" functions --merge-threads
    rm -rf "$directory/tables"
    measure "$name" "$samples" "$directory/big.trace" export --format tables -o "$directory/tables"
    echo "tables of $name: $(find "$directory/tables" -type f -exec cat {} + | wc -c) bytes of $size" >&2
    rm "$directory/big.trace"
}

echo "| trace | command | wall s | CPU s | ns per sample | max RSS MiB |"
echo "|---|---|---:|---:|---:|---:|"
bench "10 min, 2 of 16 threads busy, 1 kHz" 9600000
bench "10 min, 16 of 16 busy" 9600000 busy=16
bench "10 min, 1 of 500 busy" 300000000 threads=500 busy=1
bench "1 h at 100 Hz, 2 of 16 busy" 5760000 rate=100 seconds=3600
if [ "${2:-}" = large ]; then
    bench "16.7 h, 2 of 16 busy, 1 kHz" 960000000 seconds=60000
fi
