#!/bin/sh
# SPDX-License-Identifier: MIT
# How many bytes a recording takes at 1 kHz, everything included; a Markdown table on standard output.
# Fails when it is more than what is promised.
#
# usage: size.sh BUILD_DIRECTORY [PROGRAM...]
#
# The inputs are made from a seed, the same for ever, and go through the recorder's own collector:
# stacks of 15 to 40 frames that walk through a call tree, lines and columns of every position, a
# sampler that is 50 to 70 us late. "per sample" counts samples of busy threads only.
# With PROGRAM, that is recorded as well, for as long as it runs, and shown without a limit.
set -eu
build=$1
shift
trace=$(mktemp "${TMPDIR:-/tmp}/pyrec-size-XXXXXX")
trap 'rm -f "$trace"' EXIT INT TERM
failed=0

# size THREADS BUSY SECONDS LIMIT DIVISOR UNIT
size() {
    "$build/tests/bench/bench_collect" "$1" "$2" "$3" "$trace" >/dev/null
    bytes=$(wc -c <"$trace")
    awk -v threads="$1" -v busy="$2" -v seconds="$3" -v limit="$4" -v of="$5" -v unit="$6" \
        -v bytes="$bytes" 'BEGIN {
            each = bytes / (1000 * seconds * of)
            printf "| %d threads, %d busy, %d s | %d | %.3f | %s | %s |\n", threads, busy, seconds,
                   bytes, each, limit, unit
            exit each > limit }' || failed=1
}

echo "| input | bytes | bytes each | limit | of what |"
echo "|---|---:|---:|---:|---|"
size 1 1 60 3.2 1 "sample"
size 16 2 60 0.35 16 "thread and tick"
size 16 2 600 0.35 16 "thread and tick"
size 500 1 60 0.02 500 "thread and tick"
if [ $# -gt 0 ]; then
    "$build/record/pyrec" -q -r 1000 -o "$trace" -- "$@" >/dev/null
    "$build/analyze/pyanalyze" info --format csv "$trace" |
        awk -F, '$3 == "size" && !s { s = $4 } $3 == "bytes_per_sample" { b = $4 }
                 END { printf "| recorded | %d | %.3f | | sample |\n", s, b }'
fi
exit "$failed"
