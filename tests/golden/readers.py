#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Others can read a trace: samples/read_trace.py counts what pyanalyze counts, file(1) names it.

usage: readers.py BUILD_DIR SOURCE_DIR

Exits with 77 (skipped) where what they need is not installed.
"""
import csv
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=True, **more).stdout


def find_python():
    """An interpreter that has Debian's python3-protobuf."""
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and subprocess.run(
                [python, "-c", "import google.protobuf"], capture_output=True,
                check=False).returncode == 0:
            return python
    return None


def counts_by_reader(python, reader, folder, trace):
    counts = {}
    for line in run(python, reader, trace, env={"PYTHONPATH": str(folder), "LC_ALL": "C.UTF-8",
                                                "PATH": "/usr/bin:/bin"}).splitlines():
        n, name = line.split("\t", 1)
        counts[name] = int(n)
    return counts


def counts_by_pyanalyze(pyanalyze, trace):
    counts = {}
    table = run(pyanalyze, "functions", "--merge-threads", "--limit", "0", "--format", "csv",
                "--columns", "samples,function", trace)
    for row in list(csv.reader(io.StringIO(table)))[1:]:
        name = "-" if row[1] == "<no Python frames>" else row[1]
        name = re.sub(r"^<(?:failed: )?(.*)>$", r"\1", name)  # what is no function of the program
        if int(row[0]) > 0:
            counts[name] = counts.get(name, 0) + int(row[0])
    return counts


def check_reader(python, build, source, folder):
    run("protoc", f"--proto_path={source / 'format'}", f"--python_out={folder}", "trace.proto")
    run(build / "tests" / "golden" / "make_outputs", folder)
    pyanalyze = build / "analyze" / "pyanalyze"
    run(pyanalyze, "merge", "-o", folder / "merged.trace", folder / "simple.trace",
        folder / "family.trace")
    run(build / "record" / "pyrec", "-q", "-r", "1000", "-o", folder / "recorded.trace", "--",
        "/usr/bin/python3", source / "samples" / "chains.py", "1")
    traces = [folder / f"{name}.trace" for name in ("simple", "family", "merged", "recorded")]
    traces += [source / "tests" / "golden" / f"v1-{name}.trace" for name in ("full", "busy")]
    for trace in traces:
        theirs = counts_by_reader(python, source / "samples" / "read_trace.py", folder, trace)
        ours = counts_by_pyanalyze(pyanalyze, trace)
        theirs = {re.sub(r"^<(.*)>$", r"\1", name): n for name, n in theirs.items()}
        assert theirs == ours and sum(ours.values()) > 10, f"{trace.name}: {theirs}\n{ours}"
    return len(traces)


def check_magic(source):
    magic = source / "format" / "pyrec.magic"
    for trace in sorted((source / "tests" / "golden").glob("v1-*.trace")):
        said = run("file", "--brief", "-m", magic, trace).strip()
        assert said == "pyrec trace, version 1", f"{trace.name}: {said}"
    said = run("file", "--brief", "--mime-type", "-m", magic,
               source / "tests" / "golden" / "v1-tiny.trace").strip()
    assert said == "application/x-pyrec-trace", said
    said = run("file", "--brief", "-m", magic, source / "tests" / "golden" / "v1-tiny.txt")
    assert "pyrec" not in said, said


def main():
    build, source = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    python = find_python()
    missing = [tool for tool in ("zstd", "protoc", "file") if not shutil.which(tool)]
    if python is None:
        missing.append("python3-protobuf")
    if missing:
        print(f"skipped: readers: no {' and no '.join(missing)}")
        return 77
    with tempfile.TemporaryDirectory() as name:
        n = check_reader(python, build, source, pathlib.Path(name))
    check_magic(source)
    print(f"readers: {n} traces, and file(1)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
