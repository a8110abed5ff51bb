# SPDX-License-Identifier: MIT
"""A Python that is newer than all tables, and one that describes itself wrongly.

Both are copies of this interpreter with some bytes changed.
"""
import os
import pathlib
import shutil
import struct
import subprocess

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


def test_newer(t):
    """Described the way that the newest known version describes itself."""
    if t.version < (3, 15):
        raise Skip("not the newest version")
    copy = copy_with(t, set_minor)
    try:
        run = t.command([str(copy), "-c", SCRIPT], options=["-r", "1k"])
    finally:
        copy.unlink()
    assert run.status == 0, run.err
    assert "Python 3.77 is newer than this pyrec" in run.err, run.err
    rows = t.rows("functions", run.trace)
    assert any(row["function"] == "f" and row["samples"] > 3 for row in rows), rows
    assert t.info(run.trace)["processes"][0]["python"].startswith("3.77")


def test_newer_and_different(t):
    """It says things of itself that cannot be: not recorded, and not harmed."""
    def change(binary, data):
        described = set_minor(binary, data)
        for word in range(4, 40):
            struct.pack_into("<Q", data, described + 8 * word, 0x123456)

    copy = copy_with(t, change)
    try:
        run = t.command([str(copy), "-c", SCRIPT + "\nprint('unharmed')"])
    finally:
        copy.unlink()
    assert run.status == 0 and run.out == "unharmed\n", run.err
    assert "nothing was recorded" in run.err and "3.77" in run.err, run.err
