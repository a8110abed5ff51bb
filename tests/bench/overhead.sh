#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What recording costs, told to a part of a percent where the machine allows it.
#
# usage: overhead.sh [--pyrec PATH] [--python PATH].. [--limit MINUTES] [--width POINTS]
#                    [--floor PATH] [--native] [--check] [--keep FILE] [ROW...]
#
# A row is CASE:RATE, as in busy:1000 web:100; `overhead.sh --help` lists the cases. Without rows,
# those whose limits are promised; with a second --python, its web server, too.
#
# The program runs twice at the same time, recorded and not, and works in turns of a tenth of a
# second, the other one being stopped meanwhile, so that whatever the machine does meets both. A
# pair of programs has a few turns and is replaced by a new pair, whose memory lies elsewhere: there
# are as many pairs as it takes for the 95 % intervals to be narrower than --width (1 point), at
# most for --limit minutes a row (5). Each row is printed as soon as it is known: the interval of
# the elapsed time of the work, or of a request, that of the CPU time of the program with the
# sampler in it, and whether the limit of that rate is met, not met, or cannot be told.
#
# The client of the web server is this script, on a CPU of its own. --check: in place of the
# recorded program the same one, not recorded, with one part of work more in a hundred; the interval
# must hold +1, and one that is wider than --width says no more than that. --floor
# build/tests/bench/libwakes.so: beside it, a thread in the program that does nothing but wake up at
# that rate. --native: recorded with C frames. --keep FILE: with the pairs of earlier calls, and for
# later ones.
#
# Needs pyrec (pyanalyze beside it, or in a build tree, tells the sampler's part), this folder and a
# python3 of 3.8 or later. Wants a machine that does nothing else.
set -eu
exec python3 "$(dirname "$0")/overhead/overhead.py" "$@"
