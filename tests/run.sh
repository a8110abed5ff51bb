#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install what is missing, fetch interpreters, build and run all tests.
#
# usage: run.sh [CTEST ARGUMENTS...]      e.g. run.sh -L unit, run.sh -R fib
#
# PYREC_MATRIX=short, the default: a test of each kind, in some nine minutes on two CPUs and five more under the
# sanitizers, for who works on something. =wide: what .ci/run tries: more of each kind, other versions, other
# programs, for longer; 35 minutes.
# =full: every end-to-end test with every interpreter, not only where versions differ, and more of what is a matter
# of chance; hours. What the arguments choose is run even if `short` leaves it out.
# TEST_PACKAGES=yes: packages in clean and bare roots of Debian, too (ten minutes, as root).
# PYREC_FETCH=no: test with the interpreters that are here. PYREC_SANITIZERS=no: without the
# builds under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer.
set -eu
cd "$(dirname "$0")/.."
case ${PYREC_MATRIX:-short} in
short | wide | full) ;;
*)
    echo "$0: PYREC_MATRIX=$PYREC_MATRIX: short, wide or full is wanted" >&2
    exit 2
    ;;
esac
# shellcheck source=samples/steps.sh
. samples/steps.sh
./samples/setup.sh python3 check
# The standard library's own tests are a package of the version's.
testsuite=$(/usr/bin/python3 -c 'import sys; print("libpython%d.%d-testsuite" % sys.version_info[:2])')
# The page of `pyanalyze report` is made of npm packages; where npm is there already it will do.
page=
command -v npm >/dev/null && command -v node >/dev/null || page="nodejs npm"
# What tests skip by name when it is missing; not every release of Debian has all of it.
# shellcheck disable=SC2086  # words or nothing
./samples/setup.sh --optional protobuf-compiler zstd openssl systemd python3-protobuf universal-ctags patchelf curl \
    man-db procps xvfb python3-tk python3-pyqt5 python3-greenlet python3-gevent python3-setproctitle python3-dev \
    python3-dbg python3-venv "$testsuite" file libxml2-utils python3-yappi zsh fish gnuplot-nox libncurses-dev libiberty-dev libdw-dev tmux \
    gcc-multilib musl-tools pypy3 libfaketime libeatmydata1 libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 \
    bubblewrap uwsgi-core uwsgi-plugin-python3 python3-seccomp python3-trio python3-eventlet \
    chromium firefox-esr gunicorn python3-billiard python3-redis redis-server python3-uvloop python3-twisted \
    python3-tornado gir1.2-gtk-3.0 python3-pyqt6 python3-pygame mypy python3-ipython python3-ipykernel jupyter-nbconvert binutils debhelper dh-python \
    valgrind strace gdb python3-pytest python3-pytest-xdist python3-flask python3-starlette python3-uvicorn $page

if [ "${PYREC_FETCH:-yes}" = yes ]; then
    step "fetching interpreters (takes some minutes the first time)" build/interpreters.log \
        ./tests/interpreters.sh --fetch build
    cat build/interpreters.log
fi

# python3 may be a script that looks for it (pyenv), at each of some hundred starts; the one that it finds, once.
python3=$(python3 -c 'import sys; print(sys.executable)')
[ "$(command -v python3)" = "$python3" ] || PATH=$(dirname "$python3"):$PATH

# A test takes four of them, one that waits fewer (tests/CMakeLists.txt). With half as many again no CPU was
# without work, and in two runs four tests failed for want of it.
slots=$(($(nproc) * 4))
status=0

# Labels of what is left out (tests/CMakeLists.txt). The unit tests that run under the sanitizers anyway are run
# there only while time is short.
without='' without_sanitized='^many$'
if [ "${PYREC_MATRIX:-short}" = short ] && [ $# -eq 0 ]; then
    without='^wide$'
    without_sanitized='^(many|wide)$'
    [ "${PYREC_SANITIZERS:-yes}" = no ] || without='^(wide|suite)$'
fi

# Tests start real programs and many of them at once: on a machine that is suddenly busy with something
# else, one may fail that is right. It has a second chance; what fails twice has failed.
run() { # DIRECTORY [CTEST ARGUMENTS...]
    echo "testing in $1/ .."
    # What this script is told is nothing that the programs of tests should see.
    (cd "$1" && shift && env -u PYREC_SANITIZERS -u PYREC_FETCH -u PYREC_MATRIX ctest \
        --output-on-failure --output-junit Testing/results.xml --repeat until-pass:2 -j "$slots" "$@") || {
        status=$?
        echo "$0: tests failed in $1/; what they said: $1/Testing/Temporary/LastTest.log" >&2
    }
}

./tests/build.sh build Release "" "takes some minutes"
if [ "${PYREC_SANITIZERS:-yes}" = yes ]; then
    # The other builds take what CPU the tests leave: tests wait a lot, and come first. Where the kernel gives
    # each session the same share, whoever is in it, the session has to stand back, too (see sched(7)).
    setsid chrt --idle 0 sh -ec '
        [ ! -w /proc/self/autogroup ] || echo 19 >/proc/self/autogroup || true
        ./tests/build.sh build-asan RelWithDebInfo address,undefined \
            "AddressSanitizer and UndefinedBehaviorSanitizer, beside the tests"
        ./tests/build.sh build-tsan RelWithDebInfo thread "ThreadSanitizer, beside the tests" \
            --target race_tests' &
    builds=$!
    trap 'kill -- "-$builds" 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM
fi
run build ${without:+-LE "$without"} "$@"
if [ "${PYREC_SANITIZERS:-yes}" = yes ]; then
    # what is left of them need not stand back any more
    [ ! -w "/proc/$builds/autogroup" ] || echo 0 >"/proc/$builds/autogroup" || true
    for process in $(pgrep -g "$builds"); do
        chrt --other --pid 0 "$process" 2>/dev/null || true
    done
    wait "$builds"
    trap - EXIT
    # "many": the same commands over and over, for what they print and not for how they read
    run build-asan -L 'unit|fuzz|golden|sanitized' -LE "$without_sanitized" "$@"
    run build-tsan -L race "$@"
fi
exit "$status"
