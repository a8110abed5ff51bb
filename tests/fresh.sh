#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's commands on a fresh Debian: a root with nothing but git, sudo and ca-certificates.
#
# usage: fresh.sh SUITE [quickstart|tests] [--user] [ARGUMENT...]
#
#     fresh.sh bookworm                     ./samples/quickstart.sh as root
#     fresh.sh trixie quickstart --user     as a user who may use sudo
#     fresh.sh trixie tests -L unit         ./tests/run.sh -L unit
#
# As root, with debootstrap; from the mirror that this machine's apt uses. The root is made once and
# kept in build-fresh/SUITE; each run has a copy of it, with a clone of the working tree, which
# is removed afterwards (PYREC_KEEP=yes keeps it). PYREC_FETCH and PYREC_SANITIZERS are handed on.
# What is mounted is mounted in a namespace of its own, and gone with it, however this ends.
#
# Not part of the suite: takes minutes, and wants the network.
set -eu
cd "$(dirname "$0")/.."
root=build-fresh
# shellcheck source=tests/suites.sh
. tests/suites.sh
# shellcheck source=samples/steps.sh
. samples/steps.sh
# shellcheck source=tests/roots.sh
. tests/roots.sh

suite=${1:?usage: fresh.sh SUITE [quickstart|tests] [--user] [ARGUMENT...]}
shift
script=./samples/quickstart.sh user=root
case ${1:-} in
quickstart) shift ;;
tests)
    script=./tests/run.sh
    shift
    ;;
esac
if [ "${1:-}" = --user ]; then
    user=somebody
    shift
fi
command=$script
for word in "$@"; do
    command="$command '$word'"
done
if ! root_possible; then
    echo "$0: wants to be root, and debootstrap" >&2
    exit 1
fi

root_make "$suite" "$suite" git,sudo,ca-certificates
copy=
trap '[ -z "$copy" ] || root_drop "$copy"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
root_copy "$suite"
home=/root
if [ $user != root ]; then
    home=/home/$user
    chroot "$copy" useradd -m -s /bin/bash "$user"
    echo "$user ALL=(ALL) NOPASSWD: ALL" >"$copy/etc/sudoers.d/$user"
fi
git clone -q . "$copy$home/pyrec"
if ! git diff --quiet HEAD; then
    echo "with changes that are not committed"
    git diff --binary HEAD | git -C "$copy$home/pyrec" apply
fi
chroot "$copy" chown -R "$user:$user" "$home/pyrec"

echo "in $suite, as $user: $command"
status=0
root_run "$copy" "$user" "cd pyrec && exec $command" || status=$?
echo "in $suite, as $user: $command: status $status"
exit $status
