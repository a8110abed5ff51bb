#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dump a busy program again and again: no stack that cannot be, no wrong name.

usage: dump.py BUILD_DIR PYTHON [DUMPS]        default 200; 10000 is the long form
"""
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e" / "attach"))
import dump_truth  # noqa: E402


def main():
    build, python = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    dumps = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    with tempfile.TemporaryDirectory(prefix="pyrec-soak-") as folder:
        path = os.path.join(folder, "truth.py")
        with open(path, "w", encoding="utf-8") as program:
            program.write(dump_truth.source())
        begin = time.monotonic()
        for n_threads in (1, 3):
            stacks, not_known, wrong = dump_truth.run(str(build / "record" / "pyrec"), python, path,
                                                      n_threads, dumps // 2)
            print(f"{python}, {n_threads} busy: {dumps // 2} dumps, {stacks} stacks, {not_known} not "
                  f"known, {len(wrong)} impossible {wrong[:3]}, "
                  f"{(time.monotonic() - begin) / (dumps // 2) * 1e3:.1f} ms each", flush=True)
            assert not wrong
            assert not_known <= stacks * 0.02
            begin = time.monotonic()


if __name__ == "__main__":
    main()
