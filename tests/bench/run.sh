#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pyrec beside other profilers: overhead, truth, completeness, size. Tables in Markdown.
#
# usage: run.sh [PART...] [--build DIR] [--minutes N] [--rounds N] [--write] [--again] [--quick]
#
# PART is overhead, truth, complete or size; all of them take about 40 minutes. Wants a machine
# that does nothing else, and a Release build in build/. --write makes docs/BENCHMARKS.md of it.
# The rivals are got by rivals.sh the first time.
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/bench/bench.py "$@"
