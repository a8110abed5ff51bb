# SPDX-License-Identifier: MIT
"""A Python that is newer than all tables, and one that describes itself wrongly.

Both are copies of this interpreter with some bytes changed.
"""
import os
import pathlib
import shutil
import struct
import subprocess

import basics
from e2e import Skip

SCRIPT = "def f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nf(27)"


def place_of(binary, data, name):
    """Where in the file a symbol's bytes are."""
    table = subprocess.run(["nm", "-D", binary], capture_output=True, text=True).stdout
    found = [line.split()[0] for line in table.splitlines() if line.endswith(" " + name)]
    if not found:
        raise Skip(f"{binary} does not export {name}")
    address = int(found[0], 16)
    start, = struct.unpack_from("<Q", data, 32)
    count, = struct.unpack_from("<H", data, 56)
    for i in range(count):
        kind, _, offset, virtual, _, size = struct.unpack_from("<IIQQQQ", data, start + 56 * i)
        if kind == 1 and virtual <= address < virtual + size:
            return offset + address - virtual
    raise Skip(f"{name} is not in the file")


def copy_with(t, change):
    """A copy of the interpreter beside it (it finds its library by its own path), changed."""
    if t.version < (3, 13):
        raise Skip("describes itself from 3.13 on")
    binary = os.path.realpath(t.python)
    data = bytearray(pathlib.Path(binary).read_bytes())
    change(binary, data)
    copy = pathlib.Path(binary).with_name("python-changed-for-a-test")
    copy.write_bytes(data)
    shutil.copymode(binary, copy)
    return copy


def set_minor(binary, data):
    at = place_of(binary, data, "Py_Version")
    old, = struct.unpack_from("<Q", data, at)
    new = old & ~0xff0000 | 77 << 16
    struct.pack_into("<Q", data, at, new)
    described = data.find(b"xdebugpy" + struct.pack("<Q", old))
    assert described >= 0
    struct.pack_into("<Q", data, described + 8, new)
    return described


class Changed:
    """While it lasts, the tool's interpreter is a changed copy of it."""

    def __init__(self, t, change):
        self.t, self.python, self.change = t, t.python, change

    def __enter__(self):
        self.t.python = str(copy_with(self.t, self.change))

    def __exit__(self, *_):
        os.unlink(self.t.python)
        self.t.python = self.python


def need_newest(t):
    if t.version < (3, 15):
        raise Skip("not the newest version")


def test_newer(t):
    """Described the way that the newest known version describes itself: one warning, and all is there."""
    need_newest(t)
    with Changed(t, set_minor):
        run = t.record("-c", SCRIPT, rate=1000)
    warned = [line for line in run.err.splitlines() if "newer" in line]
    assert len(warned) == 1 and "Python 3.77 is newer than this pyrec" in warned[0], run.err
    rows = t.rows("functions", run.trace)
    assert any(row["function"] == "f" and row["samples"] > 3 for row in rows), rows
    assert t.info(run.trace)["processes"][0]["python"].startswith("3.77")


def test_newer_is_told_truly(t):
    """Lines, threads with their books, and no stack that cannot be: as of a version that is known."""
    need_newest(t)
    with Changed(t, set_minor):
        for test in basics.test_fib, basics.test_threads, basics.test_stacks_add_up:
            test(t)
        basics.check_chains(t, basics.STACKS)


def test_newer_is_attached_to(t):
    """Looked at and recorded from outside."""
    need_newest(t)
    with Changed(t, set_minor):
        path = t.file("waits.py", "import sys\ndef waits():\n    sys.stdin.readline()\nprint(flush=True)\nwaits()\n")
        program = subprocess.Popen([t.python, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        t.at_end.append(lambda: (program.kill(), program.wait()))
        program.stdout.readline()
        done = subprocess.run([t.pyrec, "dump", str(program.pid)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "waits (" in done.stdout, done
        trace = t.trace()
        done = subprocess.run([t.pyrec, "-o", trace, "-p", str(program.pid), "--duration", "0.3"],
                              capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Python 3.77 is newer than this pyrec" in done.stderr, done
    assert any(row["function"] == "waits" for row in t.rows("functions", trace)), done


def refused(t, change):
    with Changed(t, change):
        run = t.command([t.python, "-c", SCRIPT + "\nprint('unharmed')"])
    assert run.status == 0 and run.out == "unharmed\n", run.err
    about = [line for line in run.err.splitlines() if "3.77" in line]
    assert len(about) == 1 and "nothing was recorded" in run.err, run.err


def test_newer_and_different(t):
    """It says things of itself that cannot be: not recorded, and not harmed."""
    def change(binary, data):
        described = set_minor(binary, data)
        for word in range(4, 40):
            struct.pack_into("<Q", data, described + 8 * word, 0x123456)

    refused(t, change)


def test_newer_that_says_more(t):
    """It has a word more where its threads are described, so that all that follows stands one further on."""
    def change(binary, data):
        described = set_minor(binary, data)
        at = described + 8 * 24
        data[at + 8:described + 8 * 100] = data[at:described + 8 * 99]
        struct.pack_into("<Q", data, at, 24)

    refused(t, change)


def test_older_in_disguise(t):
    """A version that describes itself otherwise than the newest known one does, under a number not known."""
    if t.version >= (3, 15):
        raise Skip("the newest version")
    refused(t, set_minor)
