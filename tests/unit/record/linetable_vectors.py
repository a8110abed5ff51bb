#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print line tables of this interpreter's own code objects and what it says they mean.

usage: linetable_vectors.py [CODES]      CODES: how many code objects, default all of MODULES

Output, one code object after the other (see test_linetable.c, which reads it):

    table KIND FIRST_LINE HEX
    FROM TO LINE END_LINE COLUMN END_COLUMN     bytes [FROM, TO) of the code; -1 = none
"""
import dis
import importlib.util
import itertools
import sys
import types

MODULES = ("argparse", "ast", "asyncio.base_events", "collections", "contextlib", "dataclasses",
           "decimal", "difflib", "doctest", "inspect", "json.decoder", "logging", "pickle",
           "pydoc", "re", "socket", "subprocess", "tarfile", "threading", "typing", "unittest.mock",
           "urllib.request", "xml.etree.ElementTree", "zipfile", "_pydecimal")
LNOTAB, LINES, LOCATIONS = 1, 2, 3


def codes_of(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from codes_of(const)


def all_codes():
    for name in MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            continue
        if "no_debug_ranges" not in sys._xoptions:
            yield from codes_of(spec.loader.get_code(name))  # compiled already, mostly
            continue
        with open(spec.origin, "rb") as file:  # what is there was compiled otherwise
            yield from codes_of(compile(file.read(), spec.origin, "exec"))


def places(code):
    """(from, to, line, end line, column, end column) as the interpreter itself sees them."""
    if hasattr(code, "co_positions"):
        start = 0
        for place, group in itertools.groupby(code.co_positions()):
            end = start + 2 * len(list(group))
            yield start, end, *place
            start = end
    elif hasattr(code, "co_lines"):
        for start, end, line in code.co_lines():
            yield start, end, line, line, None, None
    else:
        starts = list(dis.findlinestarts(code)) + [(len(code.co_code), 0)]
        for (start, line), (end, _) in zip(starts, starts[1:]):
            yield start, end, line, line, None, None


def merged(rows):
    """Neighbours with the same place as one row."""
    last = None
    for row in rows:
        if last and last[2:] == row[2:] and last[1] == row[0]:
            last = (last[0], row[1], *row[2:])
            continue
        if last:
            yield last
        last = row
    if last:
        yield last


def main():
    if sys.version_info >= (3, 11):
        kind, table = LOCATIONS, "co_linetable"
    elif sys.version_info >= (3, 10):
        kind, table = LINES, "co_linetable"
    else:
        kind, table = LNOTAB, "co_lnotab"
    codes = list(all_codes())
    if len(sys.argv) > 1:  # few: an even choice of those that are short
        short = [code for code in codes if 8 < len(getattr(code, table)) < 90]
        codes = short[::len(short) // int(sys.argv[1])][:int(sys.argv[1])]
    print("# CPython", sys.version.split()[0])
    for code in codes:
        print("table", kind, code.co_firstlineno, getattr(code, table).hex() or "-")
        for row in merged(places(code)):
            print("%d %d %d %d %d %d" % (row if None not in row else
                                         tuple(-1 if value is None else value for value in row)))


if __name__ == "__main__":
    main()
