#!/bin/sh
# SPDX-License-Identifier: MIT
# What a look at a file costs that is being written, on the live screen and with --follow.
#
# usage: look.sh BUILD [memory|days]
#
# Of files of 100 and of 1200 seconds, where it fails if a look reads more than what is new; with
# "memory" of 16 threads in 15,000 stacks, where it fails if the screen takes more than 20 MiB (37
# were taken while its total was kept by stack and windows were summed up with all numbers of a weight; now 17); with "days" of ten minutes of 16 threads at 1 kHz, and of 48 hours at 100 Hz,
# figures only.
set -eu
build=${1:?usage: look.sh BUILD [memory|days]}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

looks=40 most=
look() { # LIMIT PROGRAM NAME=VALUE..
    limit=$1
    program=$2
    shift 2
    "$build/tests/bench/$program" "$@" "$folder/made.trace" >/dev/null
    echo "$program $* ($(stat -c %s "$folder/made.trace") bytes)"
    # shellcheck disable=SC2086
    "$build/tests/bench/look_cost" $limit "$folder/made.trace" $looks $most
}

if [ "${2-}" = days ]; then
    look "" make_gil_trace seconds=600 rate=1000
    look "" make_big_trace threads=16 busy=2 rate=100 seconds=172800
elif [ "${2-}" = memory ]; then
    looks=20 most=20
    look --limit make_gil_trace seconds=300 rate=1000
else
    look --limit make_big_trace threads=16 busy=2 rate=100 seconds=100
    look --limit make_big_trace threads=16 busy=2 rate=100 seconds=1200
fi
