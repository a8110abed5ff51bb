#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What pyrec.phase() and pyrec.mark() cost, and what of it is the agent's entry and what Python's own.

usage: PYREC_HOME=HOME PYTHONPATH=python PYTHON tests/bench/phase_cost.py

Nanoseconds, the least of many short rounds: on a machine that does other work that is what comes nearest. A `with` is two
calls, its beginning and its end. HOME has bin/pyrec and bin/pyanalyze.
"""
import ctypes
import os
import sys
import tempfile
import timeit

import pyrec
from pyrec import _phases

ROUNDS, CALLS = 200, 1000


class Empty:
    """What any `with` costs."""
    __slots__ = ()

    def __enter__(self):
        return self

    def __exit__(self, kind=None, value=None, trace=None):
        pass


def least(statement, **names):
    return round(min(timeit.repeat(statement, number=CALLS, repeat=ROUNDS, globals=names)) / CALLS * 1e9)


def table(title):
    library, said = ctypes.PyDLL(None), _phases._pack(1 << 40, 0, 2, 3)
    print(title)
    for name, cost in (
            ("with phase(name, detail)", least("with of('x', 'y'): pass", of=pyrec.phase)),
            ("with one_phase", least("with one: pass", one=pyrec.phase("x", "y"))),
            ("mark(name)", least("of('x')", of=pyrec.mark)),
            ("the agent's begin", least("of(said)", of=_phases._begin, said=said)),
            ("the agent's end", least("of(said)", of=_phases._end, said=said)),
            ("ctypes alone: abs(5)", least("of(5)", of=library.abs)),
            ("an empty with", least("with of(): pass", of=Empty))):
        print(f"  {name:30}{cost:6d}")


def main():
    pyrec.mark("x")  # finds the agent
    print(sys.version.split()[0])
    table("nobody records")
    with tempfile.TemporaryDirectory() as folder, pyrec.record(os.path.join(folder, "cost.trace")):
        table("recorded, 100 Hz")


if __name__ == "__main__":
    main()
