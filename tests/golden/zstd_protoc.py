#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A trace is a legal .zst file of one Trace message, without any tool of ours.

usage: zstd_protoc.py MAKE_GOLDEN SOURCE_DIR

Writes the golden files anew and reads them with zstd and protoc. Exits with 77 (skipped) where
these are not installed.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# packets by kind, and lines that must be there
EXPECTED = {
    "v1-tiny": ({"meta": 2, "defs": 1, "samples": 1, "summary": 2, "index": 1},
                ['recorder: "pyrec 0.1.0"', 'executable: "/usr/bin/python3"', 'string: "work"',
                 "late_q: 40", "late_q: 35", "late_q: 41", "location_line: 4", "thread_call: 0",
                 "ticks_due: 3", 'stop_reason: "exited"', "raw_len: 59", "raw_len: 376"]),
    "v1-full": ({"meta": 4, "defs": 3, "samples": 6, "events": 3, "summary": 3, "index": 1},
                ['hostname: "b\\303\\274ro"', "type: CLOCK_STEP", "location_line: -5",
                 "exit_signal: 9", "missed_gap_q: 1000000", 'reason: "chain without end"']),
    "v1-busy": ({"meta": 3, "defs": 2, "samples": 4, "summary": 1, "index": 1},
                ['string: "Class3.method_3"']),
}


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def check_file(path, source_dir, packets, lines):
    status, _, words = run("zstd", "-t", str(path))
    assert status == 0, f"zstd -t {path.name}: {words}"
    status, raw, words = run("zstd", "-dc", str(path))
    assert status == 0, f"zstd -dc {path.name}: {words}"
    status, text, words = run("protoc", "--decode=pyrec.v1.Trace", f"--proto_path={source_dir}",
                              "format/trace.proto", stdin=raw)
    assert status == 0, f"protoc: {words}"
    text = text.decode()
    found = {}
    for kind in re.findall(r"^  (\w+) \{$", text, re.M):
        found[kind] = found.get(kind, 0) + 1
    assert found == packets, f"{path.name}: {found}, expected {packets}"
    unknown = re.findall(r"^ *\d+(?:: .*| \{)$", text, re.M)
    assert not unknown, f"{path.name}: fields that are not in trace.proto: {unknown[:3]}"
    for line in lines:
        assert re.search(rf"^ *{re.escape(line)}$", text, re.M), f"{path.name}: no '{line}'"


def check_cut_file(path, whole):
    """What is whole before the cut comes out, and zstd says that there is a cut."""
    status, raw, _ = run("zstd", "-dc", str(path))
    assert status != 0, f"{path.name} is cut and zstd did not notice"
    _, expected, _ = run("zstd", "-dc", str(whole))
    len_before_cut = 59 + 4790 + 2322  # as in v1-open.txt
    assert raw[:len_before_cut] == expected[:len_before_cut], f"{path.name} differs before the cut"


def main():
    make_golden, source_dir = sys.argv[1:]
    missing = [tool for tool in ("zstd", "protoc") if not shutil.which(tool)]
    if missing:
        print(f"skipped: zstd_protoc: no {' and no '.join(missing)}")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        subprocess.run([make_golden, directory], check=True)
        for name, (packets, lines) in EXPECTED.items():
            check_file(folder / f"{name}.trace", source_dir, packets, lines)
        check_cut_file(folder / "v1-open.trace", folder / "v1-busy.trace")
    print(f"zstd_protoc: {len(EXPECTED)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
