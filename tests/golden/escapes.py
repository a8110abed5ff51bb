#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names are data: no control character of a trace, or of its file's name, comes out raw.

usage: escapes.py PYANALYZE MAKE_OUTPUTS

Every command in every form that is text, into a pipe and on a terminal, on a trace whose threads,
functions, files, arguments and native threads are called what a terminal would obey.
"""
import functools
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile

CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")
# Those that change the order of what stands around them are for people's eyes only.
VISIBLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
PROFILES = pathlib.Path(__file__).resolve().parent / "profiles"
ALONE = {"completion"}  # takes no trace
REFUSED = {("ship", "otlp"), ("ship", "pyroscope"),  # a directory will not do
           ("ship", "tables")}  # it takes no path with a line break
ON_AND_ON = {"top"}  # until its program has ended; has no forms
BINARY = {"pprof", "otlp", "pstats", "plot_png", "plot_pdf"}
AS_IT_IS = {"csv"}  # programs get names as they are; a terminal does not
# Without colours, every escape sequence is somebody else's.
ENVIRONMENT = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm", "PATH": "/usr/bin:/bin",
               "NO_COLOR": "1"}


def commands(program):
    text = subprocess.run([program, "help"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^  ([a-z]+) ", text.partition("Commands:")[2], re.M)
    return [name for name in names if name not in ("help", "version", *ON_AND_ON)]


@functools.lru_cache(maxsize=None)
def formats(program, directory, command):
    """The forms it can be written in, as the message says that refuses another."""
    done = subprocess.run([program, command, "--format", "nothing", "/nonexistent"],
                          capture_output=True, text=True, check=False)
    named = re.search("(?:can be written as|there are): (.*)$", done.stderr)
    every = named[1].split(", ") if named else ["text"]
    words = arguments(directory, command, "/nonexistent")
    return [name for name in every
            if "cannot be written" not in
            subprocess.run([program, command, "--format", name, *words], capture_output=True,
                           text=True, check=False).stderr]


def in_terminal(words):
    """Errors go elsewhere: a slow reader draws there how far it is, with escapes of our own."""
    out = b""
    pid, fd = pty.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execve(words[0], words, {**ENVIRONMENT, "COLUMNS": "150", "LINES": "60"})
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    os.waitpid(pid, 0)
    return out.replace(b"\r\n", b"\n")


def check(what, data, wrong=VISIBLE):
    text = data.decode("utf-8", "surrogateescape")
    found = wrong.search(text)
    if found is None:
        return 0
    around = text[max(0, found.start() - 30):found.end() + 30]
    print(f"escapes: {what}: {found.group()!r} came out raw: {around!r}")
    return 1


HOSTILE = "\033]2;\u009bJ\a\r\n\u202e"  # in the names of hostile_gui.trace


def arguments(directory, command, trace, form=None):
    """What a command wants beside the trace, with names in it where it takes some."""
    if command in ("repair", "merge"):
        return ["-o", str(directory / "new.trace"), trace]
    if command == "ship":
        return ["--once", "--to", str(directory / f"{HOSTILE}lake"), trace]
    if form == "tables":
        return ["-o", f"{trace}.tables", trace]
    if command in ("callers", "callees"):
        return [f"App.{HOSTILE}open_file", trace]
    if command == "report":
        return ["-o", str(directory / "new.html"), trace]
    if command == "annotate":
        return [f"/home/me/{HOSTILE}gui.py", trace]
    if command == "diff":
        return [trace, str(directory / "gui.trace")]
    if command == "symbols" and trace.endswith("gui.trace"): # which has nothing of C
        return [str(directory / f"{HOSTILE}native.trace")]
    if command == "compare":
        return [trace, str(directory / f"{HOSTILE}.pstats")]
    return [trace]


def check_command(program, directory, command, trace, is_read=True):
    """All forms; of a file that cannot be read all have the same to say, one speaks for them."""
    failed = 0
    for form in formats(program, directory, command)[:None if is_read else 1]:
        words = [program, command, "--format", form, *arguments(directory, command, trace, form)]
        done = subprocess.run(words, capture_output=True, env=ENVIRONMENT, check=False)
        assert done.returncode in (0, 1, 2, 3), f"{words}: {done.returncode}"
        if trace.endswith("gui.trace") and command not in ALONE and (command, form) not in REFUSED:
            assert done.returncode == 0 or b"without libdw" in done.stderr, f"{words}: {done.returncode} {done.stderr}"
        failed += check(f"{command} --format {form}, errors", done.stderr)
        if form in BINARY:
            continue
        wrong = VISIBLE if form in ("text", "csv", "folded") else CONTROL
        if form not in AS_IT_IS:
            failed += check(f"{command} --format {form}", done.stdout, wrong)
        failed += check(f"{command} --format {form} on a terminal", in_terminal(words), wrong)
    return failed


def main():
    program, make = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:])
    failed = n = 0
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        subprocess.run([make, name], check=True)
        data = bytearray((directory / "hostile.trace").read_bytes())
        whole = directory / "\033]0;file\007\u202e.trace"
        whole.write_bytes(data)
        data[-200] ^= 1
        damaged = directory / "\033[31mdamaged\n.trace"
        damaged.write_bytes(data)
        stalled = directory / f"{HOSTILE}gui.trace"
        (directory / "hostile_gui.trace").rename(stalled)
        shutil.copy(PROFILES / "fib-3.15.pstats", directory / f"{HOSTILE}.pstats")
        shutil.copy(directory / "native.trace", directory / f"{HOSTILE}native.trace")
        unclosed = directory / f"{HOSTILE}open.trace"
        shutil.copy(directory / "odd.trace", unclosed)
        for command in ("lines", "check", "info"):
            failed += check_command(program, directory, command, str(unclosed))
            n += 1
        for command in ("awaits", "stalls"):
            failed += check_command(program, directory, command, str(directory / "hostile_loop.trace"))
            n += 1
        for command in commands(program):
            for trace in (whole, damaged, stalled):
                failed += check_command(program, directory, command, str(trace))
                n += 1
            failed += check_command(program, directory, command, str(directory / "\033[7mmissing"), False)
            n += 1
        for words in (["\033[31m"], ["lines", "--\033[31m"], ["lines", "--sort", "\033[31m", "x"],
                      ["lines", "--from", "\033[31m", str(whole)], ["lines", "-\033", "x"],
                      ["lines", "--match", "(\033[31m", str(whole)], ["help", "\033[31m"]):
            done = subprocess.run([program, *words], capture_output=True, check=False)
            failed += check(words, done.stderr + done.stdout)
            n += 1
    print(f"escapes: {n} cases, {failed} failed")
    return 1 if failed or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
