#!/bin/sh
# SPDX-License-Identifier: MIT
# The units of samples/fleet are units, as far as systemd-analyze can tell, and what they call takes those options.
#
# usage: units.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1 source=$2
if ! command -v systemd-analyze >/dev/null; then
    echo "skipped: no systemd-analyze here"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for unit in "$source"/samples/fleet/*.service "$source"/samples/fleet/*.timer; do
    sed "s|/usr/bin/pyrec |$build/record/pyrec |; s|/usr/bin/pyanalyze |$build/analyze/pyanalyze |" "$unit" \
        >"$work/${unit##*/}"
done
# the service that is attached to
printf '[Service]\nExecStart=/bin/true\n' >"$work/api.service"
cd "$work"
for unit in pyrec@ pyrec-ship@ pyrec-ship-attached@ pyrec-attach@; do
    cp "$unit.service" "${unit}api.service"
done
cp pyrec-ship@.timer pyrec-ship@api.timer
cp pyrec-ship-attached@.timer pyrec-ship-attached@api.timer
# one line for each fault; nothing else is said of units that are right
SYSTEMD_UNIT_PATH="$work:" systemd-analyze verify --man=no ./*api.service ./*api.timer >said 2>&1 || true
if grep -F "$work" said || grep -E '(pyrec|api)[@.a-z-]*(service|timer)' said; then
    echo "systemd-analyze verify finds fault with samples/fleet"
    exit 1
fi
echo "verified: $(ls ./*api.service ./*api.timer | wc -l) units"
# who sends what was attached to is root, as who wrote it, and else there is no difference
diff pyrec-ship@.service pyrec-ship-attached@.service | grep '^[<>] [^#]' >differences || true
[ "$(cat differences)" = '< User=%i' ] || { cat differences; exit 1; }
cmp pyrec-ship@.timer pyrec-ship-attached@.timer
# their command lines are ones that pyrec and pyanalyze take
record=$(sed -n 's/^ExecStart=[^ ]*pyrec \(.*\) -- .*/\1/p' pyrec@.service | sed "s|/var/lib/pyrec/%i/|$work/|; s|%i|api|g")
# shellcheck disable=SC2086
"$build/record/pyrec" $record -- /bin/true
ship=$(sed -n 's/^ExecStart=[^ ]*pyanalyze \(.*\)/\1/p' pyrec-ship@.service |
    sed "s|\${CREDENTIALS_DIRECTORY}/headers|$work/headers|; s|/var/lib/pyrec/%i|$work/parts|")
mkdir parts
printf 'Authorization: Bearer x\n' >headers
chmod 0600 headers
# shellcheck disable=SC2086
"$build/analyze/pyanalyze" $ship >said 2>&1 || { cat said; grep -q "without libcurl" said; }
