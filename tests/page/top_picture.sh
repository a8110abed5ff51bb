#!/bin/sh
# SPDX-License-Identifier: MIT
# Take a picture of the live screen, as text: docs/top.txt, of samples/stall.py.
#
# usage: top_picture.sh BUILD
set -eu
build=$(realpath "${1:?usage: top_picture.sh BUILD}")
root=$(realpath "$(dirname "$0")/../..")
socket=pyrec-picture-$$
trap 'tmux -L "$socket" kill-server 2>/dev/null || true' EXIT
cd "$root/samples"
LC_ALL=C.UTF-8 TERM=screen-256color tmux -L "$socket" -f /dev/null new-session -d -x 80 -y 24 \
    "$build/record/pyrec" top -r 1k -- python3 stall.py
n=0
until tmux -L "$socket" capture-pane -p | grep -q '^stalls [2-9]'; do
    n=$((n + 1))
    [ "$n" -lt 300 ] || { echo "$0: no stalls were shown" >&2; exit 1; }
    sleep 0.1
done
tmux -L "$socket" send-keys t # whatever key takes the first message away
sleep 0.5
tmux -L "$socket" capture-pane -p >"$root/docs/top.txt"
tmux -L "$socket" send-keys C-c q
