#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names of C functions as elf_methods finds them, against what this interpreter's own objects say.

usage: PYTHON methods_live.py TEST_ELF_METHODS
"""
import ctypes
import os
import platform
import subprocess
import sys
import types

import array, binascii, collections, datetime, itertools, math, zlib # noqa: E401, F401

if platform.machine() != "x86_64":
    sys.exit(77)


def word(address):
    return ctypes.c_uint64.from_address(address).value


def definition(thing):
    """The PyMethodDef of a builtin function or method, 0 = it has none."""
    if isinstance(thing, types.BuiltinFunctionType):
        return word(id(thing) + object.__basicsize__)
    if isinstance(thing, (types.MethodDescriptorType, types.ClassMethodDescriptorType)):
        return word(id(thing) + object.__basicsize__ + 24)
    return 0


def everything():
    for name, module in list(sys.modules.items()):
        for thing in list(vars(module).values()) if isinstance(module, types.ModuleType) else ():
            yield thing
            if isinstance(thing, type):
                for inner in list(vars(thing).values()):
                    yield inner
                    yield getattr(inner, "__func__", None)
    for kind in object.__subclasses__():
        yield from vars(kind).values()


truth = {} # address in memory: the names under which it is known
for thing in everything():
    at = definition(thing)
    if at:
        truth.setdefault(word(at + 8), set()).add(ctypes.string_at(word(at)).decode())

base, mapped = {}, [] # where each file is; its ranges
for line in open("/proc/self/maps"):
    fields = line.split(maxsplit=5)
    if len(fields) == 6 and fields[5].startswith("/"):
        low, high = (int(x, 16) for x in fields[0].split("-"))
        path = fields[5].rstrip("\n")
        if int(fields[2], 16) == 0:
            base.setdefault(path, low)
        mapped.append((low, high, path))

known = {path: dict() for path in base}
for path in known:
    with open(path, "rb") as file:
        head = file.read(20)
    if head[:4] != b"\x7fELF":
        continue
    bias = base[path] if head[16] == 3 else 0 # ET_DYN
    for line in subprocess.run([sys.argv[1], path], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
        address, name = line.split()
        known[path][int(address, 16) + bias] = name

checked = missing = 0
for address, names in truth.items():
    path = next((path for low, high, path in mapped if low <= address < high), None)
    name = known.get(path, {}).get(address)
    if name is None:
        missing += 1
        continue
    checked += 1
    assert name.rsplit(".", 1)[-1] in names, (name, names, path)
print(f"{checked} of {checked + missing} methods are called what Python calls them")
assert checked > 500, checked
assert missing < checked / 20, (missing, checked)
os._exit(0) # a word read wrongly would have ended it before
