#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command on terminals of several widths: nothing is wider, nothing scrolls away.

usage: screens.py PYANALYZE MAKE_OUTPUTS MAKE_WIDE

Commands are those of `pyanalyze help`, so a new one is tried by itself. What a line of output may
not do: be wider than the terminal (but for one word that is), or push the heaviest row off the
screen, which has a prompt below the last line. In a C locale nothing but ASCII is written.
"""
import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

import terminal

PROFILES = pathlib.Path(__file__).resolve().parent / "profiles"
SIZES = [(60, 24), (80, 24), (100, 30), (160, 50)]
# What each command needs before the trace, and what its screen must show.
WORDS = {
    "callers": ["hottest"], "callees": ["hottest"],
    "annotate": ["pricing.py"],
    "dump": ["--from", "-40ms"],  # a line per sample: of 20 MB, the end, where times are widest
    "compare": None, "diff": None, "export": None, "report": None, "repair": None, "merge": None, "symbols": None,
    "top": None, "ship": None,  # go on by themselves
    "check": None, "help": None, "completion": None, "version": None,
}
SHOWS = {"overview": "hottest", "lines": "hottest", "functions": "hottest", "tree": "hottest", "hot": "hottest",
         "callers": "hottest", "callees": "hottest", "files": "pricing.py", "modules": "pricing",
         "threads": "er-0", "processes": "1234567", "timeline": "er-0"}
# Whole texts, which somebody will scroll through.
LONG = {"info", "dump", "annotate"}
# Programs of other traces: (command, words, traces).
MORE = [
    ("diff", [], ["before", "after"]), ("diff", ["--key", "line"], ["before", "after"]),
    ("gil", [], ["crowd"]), ("stalls", [], ["gui"]), ("stalls", [], ["events"]),
    ("lines", [], ["odd"]), ("tree", [], ["odd"]), ("timeline", [], ["crowd"]),
    ("lines", ["--merge-threads"], ["pool"]), ("threads", [], ["family"]),
    ("functions", ["--style", "cprofile"], ["simple"]), ("functions", ["--style", "yappi"], ["wide"]),
    ("timeline", ["--bin", "10ms"], ["wide"]), ("check", [], ["odd"]), ("modules", [], ["family"]),
    *[(c, [], ["crew"]) for c in ("functions", "tree", "hot", "processes", "threads", "timeline",
                                  "gil", "stalls", "info", "overview")],
    ("overview", [], ["gui"]),
    ("callers", ["hottest計算する関数の名前がとても長いので表に入らない"], ["crew"]),
    ("diff", [], ["crew", "crew"]),
    ("compare", [], ["wide", PROFILES / "fib-3.15.pstats"]),
    ("compare", ["--thread", "e\u0301*"], ["crew", PROFILES / "fib-yappi.callgrind"]),
    # one row, and none
    *[(c, ["--limit", "1"], ["crew"]) for c in ("functions", "lines", "files", "modules", "tree", "hot",
                                               "threads", "processes")],
    *[(c, ["--thread", "nobody"], ["crew"]) for c in ("functions", "tree", "gil", "stalls", "timeline")],
]
# Of several processes every one must be told from the others, and from other programs.
TOLD = {"processes": ("1234567", "ール名_é.py"), "tree": ("1234567",),
        "timeline": ("1234567", "モジュール名"), "stalls": ("1234567", "--idle", "モジュール名")}


def run(words, columns, rows, locale):
    """What the program writes on a terminal of that size, without its colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {"TERM": "xterm", "LC_ALL": locale, "TZ": "UTC",
                   "PATH": os.environ.get("PATH", "")}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    with subprocess.Popen(words, env=environment, stdin=slave, stdout=slave,
                          stderr=subprocess.PIPE) as process:
        out = terminal.drain(master, process)
        errors = process.stderr.read().decode("utf-8", "replace")
        status = process.returncode
    os.close(master)
    os.close(slave)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out.decode("utf-8", "replace"))
    return text.replace("\r\n", "\n").splitlines(), errors, status


def width(line):
    if line.isascii():
        return len(line)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def look(words, size, locale, shows, fits, told=()):
    """What is wrong with that screen."""
    columns, rows = size
    lines, errors, status = run(words, columns, rows, locale)
    wrong = []
    if locale == "C" and not errors.isascii():
        wrong.append(f"not ASCII: {errors}")
    if "nobody" in words:
        return wrong if (status, lines) == (5, []) and "nobody" in errors else [f"{status} {lines}"]
    if status not in (0, 3) or not lines:
        return [f"status {status}: {errors}"]
    wrong += [f"\"{text}\" is not on the screen:\n" + "\n".join(lines) for text in told
              if not any(text in line for line in lines[-(rows - 1):])]
    wrong += [f"{width(line)} columns: {line}" for line in lines
              if width(line) > columns and len(line.split()) > 1]
    if fits and len(lines) > rows - 1:
        wrong.append(f"{len(lines)} lines on {rows} rows")
    if shows and not any(shows in line for line in lines[-(rows - 1):]):
        wrong.append(f"\"{shows}\" is not on the screen:\n" + "\n".join(lines))
    if locale == "C":
        wrong += [f"not ASCII: {line}" for line in lines if not line.isascii()]
    return wrong


def main():
    program, make_outputs, make_wide = sys.argv[1:4]
    failed = tried = 0
    with tempfile.TemporaryDirectory(prefix="pyrec-screens-") as name:
        folder = pathlib.Path(name)
        subprocess.run([make_outputs, name], check=True)
        subprocess.run([make_wide, name], check=True)
        listed = subprocess.run([program, "help"], capture_output=True, text=True,
                                check=True).stdout
        commands = re.findall(r"^  ([a-z]+) ", listed, re.M)
        for command in commands:  # whose example is a line to copy
            for size in SIZES[:2]:
                tried += 1
                for line in run([program, "help", command], *size, "C.UTF-8")[0]:
                    if width(line) > size[0] and not line.startswith("  pyanalyze "):
                        failed += 1
                        print(f"screens: help {command} on {size[0]}: {line}")
        cases = [(c, WORDS.get(c, []), ["wide"]) for c in commands if WORDS.get(c, []) is not None]
        for command, before, traces in cases + MORE:
            words = [program, command, *before, *[str(t if isinstance(t, pathlib.Path) else folder / f"{t}.trace")
                                                   for t in traces]]
            shows = SHOWS.get(command) if traces == ["wide"] and "--style" not in before else None
            for size in SIZES[:2] if traces[0] == "crew" else SIZES:  # wider ones tell nothing more
                for locale in ("C.UTF-8", "C") if size == SIZES[1] else ("C.UTF-8",):
                    tried += 1
                    fits = command not in LONG and "--bin" not in before
                    told = TOLD.get(command, ()) if traces == ["crew"] and locale != "C" else ()
                    for what in look(words, size, locale, shows if "--bin" not in before else None,
                                     fits, told):
                        failed += 1
                        print(f"screens: {command} {' '.join(before)} {traces} "
                              f"on {size[0]}x{size[1]}, {locale}: {what}")
    print(f"screens: {tried} screens, {failed} faults")
    return 1 if failed or tried < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
