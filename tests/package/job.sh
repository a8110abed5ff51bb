#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a new user does with an installed pyrec: record, look, attach, from code; in an empty folder. `pyrec`,
# `pyanalyze` and a `python3` that has the package are in PATH. Fails at the first thing that does not work.
#
# usage: job.sh VERSION [PYTHON_MODULE_IS_THERE [ATTACHES]]     (each yes or no, default yes)
set -eu
version=$1 module=${2:-yes} attaches=${3:-yes}

cat >work.py <<'EOF'
import sys, time
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: sum(range(100))
work(float(sys.argv[1]))
EOF

has() { # WORD COMMAND...: its output has this word
    word=$1
    shift
    "$@" >said 2>&1 || { cat said; echo "job.sh: status $?: $*" >&2; exit 1; }
    grep -q -e "$word" said || { cat said; echo "job.sh: no '$word' from: $*" >&2; exit 1; }
}

has "^pyrec $version\$" pyrec --version
has "^pyanalyze $version\$" pyanalyze --version
has "run.trace: " pyrec -o run.trace -- python3 work.py 0.5
has "work.py:4 .*work" pyanalyze lines run.trace
has "" pyanalyze report -o page.html run.trace
has "<html" head -c 4000 page.html

python3 work.py 60 &
pid=$!
if [ "$attaches" = yes ]; then
    has attached.trace pyrec -p $pid --duration 1s -o attached.trace
    has " work" pyanalyze functions attached.trace
elif pyrec -p $pid --duration 1s -o attached.trace; then
    echo "job.sh: attached, on a machine where that is to be refused" >&2
    exit 1
fi
has "work.py" pyrec dump $pid
kill $pid

[ "$module" = yes ] || exit 0
has "^$version\$" python3 -c 'import pyrec; print(pyrec.__version__)'
has "^$version\$" python3 -c 'import importlib.metadata as m; print(m.version("pyrec"))'
python3 -m pyrec -q -o module.trace work.py 0.5
has " work" python3 -m pyrec.analyze functions module.trace
cat >code.py <<'EOF'
import pyrec
from work import work
with pyrec.record("code.trace", 500) as recording: work(0.3)
recording.print()
EOF
has "work.py:4 .*work" python3 code.py 0
