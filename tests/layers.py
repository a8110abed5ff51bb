#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail on an #include that crosses a border, and on files and functions that grew too big.

usage: layers.py SOURCE_DIR

Who may include whom is the table ALLOWED; record/ and analyze/ never see each other.
"""
import pathlib
import re
import subprocess
import shutil
import sys

INTERPOSE = "record/agent/interpose"
# folder -> folders it may include from (own folder always)
ALLOWED = {
    "format": set(),
    "record": {"format"},
    # of record and format some headers only, see AGENT_MAY
    "record/agent": {INTERPOSE, "record", "format"},
    "record/agent/pyver": {"record/agent"},
    INTERPOSE: {"record"},  # see INTERPOSE_MAY
    "analyze": {"format"},
    "analyze/report": {"analyze", "format"},
    "analyze/cmd": {"analyze", "analyze/report", "format"},
    "analyze/out": {"analyze", "analyze/report", "format"},
}
# The agent runs inside other people's programs: libc and these, nothing else.
AGENT_MAY = {"record/wire.h", "record/ring.h", "record/clocks.h", "record/elf_image.h",
             "record/target.h", "format/tick.h"}
# What stands between any program and its libc: libc alone, and readers that call nothing.
INTERPOSE_MAY = {"record/clocks.h", "record/elf_image.h", "record/target.h"}
INTERPOSE_MAX = 2700  # lines in all: somebody must be able to sign it off in one go
# Library headers and the only places that may know them.
LIBRARY_ONLY = {
    "zstd.h": {"format/chunk_write.c", "format/chunk_read.c"},
    "jansson.h": {"analyze/out/json.c"},
    "pcre2.h": {"analyze/select.c"},
    "zlib.h": {"analyze/out/wire_message.h", "analyze/out/html.c"},
}
# Of pyanalyze only main.c prints errors and ends the program; but for these, whose reason is none of
# the user's making: no memory left, and names that are wrong in our own tables.
MAY_END = {"analyze/main.c", "analyze/memory.c", "analyze/story.c"}
ENDS = re.compile(r"\b(?:stderr|STDERR_FILENO)\b|\b(?:_exit|exit|abort)\(")
MAX_LINES = 600
MAX_FUNCTION = 80
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    return path.parent.as_posix()


def check_includes(root, path, errors):
    rel = path.relative_to(root)
    folder = folder_of(rel)
    if folder not in ALLOWED:
        return
    if rel.parts[0] in ("analyze", "format") and rel.as_posix() not in MAY_END:
        if path.suffix == ".c" and ENDS.search(path.read_text(encoding="utf-8")):
            errors.append(f"{rel}: prints an error, or ends the program: that is main.c's business")
    for kind, target in INCLUDE.findall(path.read_text(encoding="utf-8")):
        name = target.rsplit("/", 1)[-1]
        if name in LIBRARY_ONLY and rel.as_posix() not in LIBRARY_ONLY[name]:
            errors.append(f"{rel}: <{target}> belongs into {sorted(LIBRARY_ONLY[name])} only")
        if kind == "<":
            continue
        if (path.parent / target).exists():
            owner = folder_of((path.parent / target).resolve().relative_to(root))
            where = (path.parent / target).resolve().relative_to(root).as_posix()
        elif (root / target).exists() or target == "format/trace.pb-c.h":
            owner, where = folder_of(pathlib.PurePosixPath(target)), target
        else:
            errors.append(f"{rel}: \"{target}\" is not a file of this project")
            continue
        if owner == folder:
            continue
        if folder.startswith("record/agent") and owner in ("record", "format"):
            may = INTERPOSE_MAY if folder.endswith("interpose") else AGENT_MAY
            if where not in may:
                errors.append(f"{rel}: {folder}/ may include only {sorted(may)} "
                              f"from outside, not \"{target}\"")
        elif owner not in ALLOWED[folder]:
            errors.append(f"{rel}: {folder}/ may not include from {owner}/ (\"{target}\")")


def check_sizes(root, files, errors):
    for path in files:
        lines = path.read_text(encoding="utf-8", errors="replace").count("\n")
        if lines > MAX_LINES:
            errors.append(f"{path.relative_to(root)}: {lines} lines, more than {MAX_LINES}")
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in files
                if folder_of(path.relative_to(root)) == INTERPOSE)
    if not 0 < lines <= INTERPOSE_MAX:
        errors.append(f"{INTERPOSE}/: {lines} lines, more than {INTERPOSE_MAX}")
    sources = [str(p) for p in files if p.suffix in (".c", ".h")]
    if not shutil.which("ctags") or not sources:
        print("layers: no ctags, sizes of functions not checked")
        return
    out = subprocess.run(
        ["ctags", "-x", "--c-kinds=f", "--_xformat=%N\t%F\t%n\t%e", *sources],
        capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        name, file, first, last = line.split("\t")
        if last.isdigit() and int(last) - int(first) + 1 > MAX_FUNCTION:
            rel = pathlib.Path(file).relative_to(root)
            errors.append(f"{rel}: {name} has {int(last) - int(first) + 1} lines, "
                          f"more than {MAX_FUNCTION}")


def check_unique_names(root, files, errors):
    seen = {}
    for path in files:
        if path.suffix not in (".c", ".h") or path.name == "main.c":  # one per program
            continue
        other = seen.setdefault(path.name, path)
        if other != path:
            errors.append(f"{path.relative_to(root)}: same name as {other.relative_to(root)}")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = [p for top in ("format", "record", "analyze", "tests", "samples")
             for p in sorted((root / top).rglob("*"))
             if p.suffix in (".c", ".h", ".py", ".sh", ".proto") and "corpus" not in p.parts]
    errors = []
    for path in files:
        if path.suffix in (".c", ".h"):
            check_includes(root, path, errors)
    check_sizes(root, files, errors)
    check_unique_names(root, files, errors)
    for error in errors:
        print(error)
    print(f"layers: {len(files)} files, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
