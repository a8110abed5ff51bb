#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare what pyanalyze prints on made-up traces with what is in outputs/.

usage: outputs.py [--accept] PYANALYZE MAKE_OUTPUTS [CASE]

A case is a line `name: words` in outputs.txt; the words are pyanalyze's, and X.trace stands for the
trace that make_outputs (or damage, below) makes, v1-X.trace for the one in this folder. @X is X
beside the traces (sources). A first word tty60 runs it on a terminal 60 columns wide and 12 lines
high, tty60x40 on one of 40 lines. outputs/NAME has standard output, standard error and exit status. With --accept the
expected files are written anew: look at the difference before you commit it.
"""
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import terminal

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "outputs"
MAN_PAGE = HERE.parent.parent / "analyze" / "pyanalyze.1"
RECORDER_PAGE = HERE.parent.parent / "record" / "pyrec.1"
SCREEN = HERE / "screens" / "80x24.txt"  # what test_top draws
# What is drawn, and wiped out, where reading takes longer than half a second.
BAR = re.compile(rb"(?:\rreading \[[#.]*\] \d+%\x1b\[K)+\r\x1b\[K")
# What depends on the version of zstd.
VOLATILE = [
    (re.compile(r"^(  (?:size|bytes per sample|offset|skipped) +)\S.*$", re.M), r"\1(varies)"),
    (re.compile(r'("(?:size|bytes_per_sample|offset|skipped)": )[0-9.]+'), r"\1(varies)"),
    (re.compile(r"^([^,\n]*,\d+,(?:size|bytes_per_sample),)[0-9.]+$", re.M), r"\1(varies)"),
    (re.compile(r"(at offset )\d+"), r"\1(varies)"),
    (re.compile(r"\d+( bytes skipped)"), r"(varies)\1"),
]


def chunks(data):
    """(offset, seq, length) of every chunk."""
    at = 0
    while data[at:at + 4] == b"\x57\x2a\x4d\x18" and data[at + 8:at + 12] == b"\x89PYT":
        seq, = struct.unpack_from("<I", data, at + 24)
        comp_len, = struct.unpack_from("<I", data, at + 36)
        yield at, seq, 72 + comp_len
        at += 72 + comp_len


def damage(directory):
    """flipped.trace: a bit in chunk 2. cut.trace: ends inside chunk 4. text.trace: no trace."""
    data = bytearray((directory / "simple.trace").read_bytes())
    places = {seq: (at, length) for at, seq, length in chunks(data)}
    flipped = bytearray(data)
    flipped[places[2][0] + 90] ^= 0x10
    (directory / "flipped.trace").write_bytes(flipped)
    (directory / "cut.trace").write_bytes(data[:places[4][0] + 100])
    (directory / "text.trace").write_text("This is not a trace.\n")
    hollow = bytearray(data)
    for seq, (at, length) in places.items():
        hollow[at + 80] ^= 0xff
    (directory / "hollow.trace").write_bytes(hollow)
    damage_side_file(directory)


def damage_side_file(directory):
    """side_X.trace: v1-native.trace with what pyanalyze symbols wrote beside it, of which a bit is another, that
    ends too early, or is none."""
    side = (HERE / "v1-native.trace.symbols").read_bytes()
    (at, length), = ((at, length) for at, seq, length in chunks(side) if seq == 1)
    flipped = bytearray(side)
    flipped[at + 90] ^= 0x10
    for name, data in (("flipped", bytes(flipped)), ("cut", side[:at + length // 2]), ("text", b"No names.\n")):
        shutil.copy(HERE / "v1-native.trace", directory / f"side_{name}.trace")
        (directory / f"side_{name}.trace.symbols").write_bytes(data)


DEMO = """\
# A made-up program; traces name its lines.
def fib(n):
    if n < 2: return n

    return fib(n - 1) + fib(n - 2)


class Empty:
    pass






def before(): pass



def main():
\tif True:
\t\tprint("\u00fc", total(3, [fib(i) for i in range(27)]))

    fib(27)
    print("done")




main()
"""


def sources(directory):
    """src has the source of the traces, changed one that was touched since, other another one."""
    for name, text, when in (("src", DEMO, 1700000000), ("changed", DEMO, 1735689600),
                             ("other", DEMO.replace("def fib", "def fob"), 1700000000)):
        path = directory / name / "demo.py"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        os.utime(path, (when, when))


def run_in_terminal(words, environment, columns, lines):
    """We keep the terminal open until all is read: what it holds may be lost when it is closed."""
    master, slave = pty.openpty()
    environment = {**environment, "COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm"}
    with subprocess.Popen(words, env=environment, stdin=slave, stdout=slave,
                          stderr=slave) as process:
        out = terminal.drain(master, process)
    os.close(master)
    os.close(slave)
    return BAR.sub(b"", out).replace(b"\r\n", b"\n"), b"", process.returncode


def trace_path(directory, word):
    if word.startswith("profiles/"):
        return str(HERE / word)
    if word.startswith("@"):
        return str(directory / word[1:])
    if not word.endswith(".trace"):
        return word
    return str((HERE if word.startswith("v1-") else directory) / word)


def run(program, directory, words):
    environment = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "")}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    columns = None
    if words and words[0].startswith("tty"):
        columns, _, lines = words[0][3:].partition("x")
        words = words[1:]
    words = [str(program)] + [trace_path(directory, w) for w in words]
    if columns is not None:
        out, err, code = run_in_terminal(words, environment, int(columns), int(lines or 12))
    else:
        done = subprocess.run(words, env=environment, capture_output=True, check=False)
        out, err, code = done.stdout, done.stderr, done.returncode
    text = out.decode("utf-8", "backslashreplace")
    if err:
        text += "--- standard error\n" + err.decode("utf-8", "backslashreplace")
    text += f"--- exit status {code}\n"
    text = text.replace(str(directory) + "/", "").replace(str(HERE) + "/", "")
    for pattern, instead in VOLATILE:
        text = pattern.sub(instead, text)
    return text


def check(path, got, accept):
    wanted = path.read_text(encoding="utf-8") if path.exists() else ""
    if got == wanted:
        return 0
    if accept:
        path.parent.mkdir(exist_ok=True)
        path.write_text(got, encoding="utf-8")
        print(f"outputs: {path.name} written")
        return 0
    print(f"outputs: {path.name} differs (outputs.py --accept writes it anew)")
    with tempfile.NamedTemporaryFile("w", suffix=".got", encoding="utf-8") as file:
        file.write(got)
        file.flush()
        subprocess.run(["diff", "-u", str(path), file.name], check=False)
    return 1


def check_examples(program, directory):
    """Every example of a help text does what it says, with status 0 and without a complaint."""
    failed = 0
    (directory / "run.trace").write_bytes((directory / "simple.trace").read_bytes())
    (directory / "run.pstats").write_bytes((HERE / "profiles/fib-3.15.pstats").read_bytes())
    (directory / "other.trace").write_bytes((directory / "family.trace").read_bytes())
    shutil.copy2(directory / "src" / "demo.py", directory / "demo.py")
    commands = subprocess.run([program, "help"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"^  ([a-z]+) ", commands, re.M):
        text = subprocess.run([program, "help", name], capture_output=True, text=True,
                              check=True).stdout
        example = text.partition("Example:\n")[2].split()
        done = subprocess.run([program] + example[1:], cwd=directory, capture_output=True,
                              text=True, check=False)
        if "was built without libdw" in done.stderr:
            continue
        written = done.stdout or (directory / "run.folded").exists()
        if example[:1] != ["pyanalyze"] or done.returncode or done.stderr or not written:
            print(f"outputs: the example of {name} failed: {' '.join(example)}\n{done.stderr}")
            failed += 1
    return failed


def screen_lines():
    """The live screen for a man page: without the thread whose name is there to do harm, as roff."""
    lines = [line for line in SCREEN.read_text(encoding="utf-8").splitlines() if "\\x1b" not in line]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M) + "\n"


def page_with_screen(page):
    """pyanalyze.1: behind the example of the command top."""
    head, section, rest = page.partition(".SS top\n")
    own, border, rest = rest.partition(".SS ")
    return head + section + own + ".PP\nWhat it shows of a made\\-up server:\n.PP\n.nf\n" + screen_lines() + ".fi\n" + border + rest


def recorder_page():
    """pyrec.1, which is written by hand, with the screen between two comments."""
    begin, end = '.\\" The screen, by tests/golden/outputs.py:\n', '.\\" That was the screen.\n'
    head, _, rest = RECORDER_PAGE.read_text(encoding="utf-8").partition(begin)
    return head + begin + ".Bd -literal\n" + screen_lines() + ".Ed\n" + end + rest.partition(end)[2]


def main():
    words = sys.argv[1:]
    accept = "--accept" in words
    words = [w for w in words if w != "--accept"]
    program, make = (pathlib.Path(w).resolve() for w in words[:2])
    only = words[2] if len(words) > 2 else None
    failed, n = 0, 0
    with tempfile.TemporaryDirectory(prefix="pyrec-golden-") as name:
        directory = pathlib.Path(name)
        subprocess.run([str(make), name], check=True)
        damage(directory)
        sources(directory)
        for line in (HERE / "outputs.txt").read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            case, _, command = line.partition(":")
            if only is not None and case != only:
                continue
            n += 1
            failed += check(EXPECTED / case, run(program, directory, command.split()), accept)
        if only in (None, "examples"):
            n += 1
            failed += check_examples(program, directory)
        if only in (None, "man"):
            n += 1
            page = subprocess.run([str(program), "help", "--man"], capture_output=True, check=True)
            failed += check(MAN_PAGE, page_with_screen(page.stdout.decode()), accept)
            failed += check(RECORDER_PAGE, recorder_page(), accept)
    print(f"outputs: {n} cases, {failed} failed")
    return 1 if failed or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
