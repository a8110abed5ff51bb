#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail on an #include against the line of data, and on what grew too big to read.

usage: layers.py SOURCE_DIR

Who may include whom is the table LINES; record/ and analyze/ never see each other.
"""
import pathlib
import re
import subprocess
import shutil
import sys

# What both halves stand on, in the order of who may include whom.
COMMON = ("format/base", "format")
INTERPOSE = "record/agent/interpose"
# The rooms of each half in the order of the data's way, what knows least first. A room may include
# from itself, from COMMON and from any room that stands before it in its own line.
LINES = (
    # Runs in strangers' programs: libc and what stands here, nothing else.
    ("record/base", "record/wire", INTERPOSE, "record/agent/base", "record/agent/cpython",
     "record/agent/cpython/pyver", "record/agent/native", "record/agent/kernel", "record/agent/channel",
     "record/agent/tasks", "record/agent/sample",
     "record/agent/late", "record/agent"),
    # pyrec itself. Of the agent it knows what both share.
    ("record/base", "record/wire", "record/tables", "record/symbols", "record/decode", "record/kernel", "record/remote",
     "record/regard", "record/inject", "record/encode", "record/collect", "record/cli", "record/run",
     "record/onlook", "record"),
    # Looking from outside: the agent's readers of a CPython's memory, over another process's.
    ("record/base", "record/wire", "record/tables", "record/decode", "record/kernel", "record/remote",
     "record/agent/base", "record/agent/cpython", "record/regard", "record/cli", "record/dump", "record"),
    ("analyze/base", "analyze/names", "analyze/model", "analyze/tasks", "analyze/read", "analyze/weigh", "analyze/view",
     "analyze/waits", "analyze/idle", "analyze/stalls", "analyze/time", "analyze/live",
     "analyze/source", "analyze/compare", "analyze/export",
     "analyze/repair", "analyze/web", "analyze/debug", "analyze/cli", "analyze/ask", "analyze/report", "analyze/star", "analyze/out/text",
     "analyze/out", "analyze/out/page", "analyze/ship", "analyze/top", "analyze/cmd", "analyze/cmd/tasks", "analyze/cmd/trace", "analyze"),
)
# What stands between any program and its libc: one header of readers that call nothing besides.
NARROW = {INTERPOSE: {"record/base"}}
INTERPOSE_MAX = 2830  # lines in all: somebody must be able to sign it off in one go
MAX_SOURCES = 25      # in a folder: so that its list can be read at a glance
# Library headers and the only places that may know them.
LIBRARY_ONLY = {
    "zstd.h": {"format/chunk_write.c", "format/chunk_read.c", "analyze/star/zst_file.c"},
    "demangle.h": {"analyze/names/unmangle.c"},
    "ncurses.h": {"analyze/top/top_terminal.c"},
    "jansson.h": {"analyze/out/json.c", "record/dump/dump_json.c", "record/dump/ps_write.c"},
    "pcre2.h": {"analyze/model/select.c"},
    "curl.h": {"analyze/web/curl_calls.h"},
    "libdw.h": {"analyze/debug/dwarf_read.c"},
    "zlib.h": {"analyze/out/wire_message.h", "analyze/out/page/page_pack.c", "analyze/source/zip_member.c"},
}
# Of pyanalyze only main.c prints errors and ends the program; but for these, whose reason is none of
# the user's making: no memory left, and names that are wrong in our own tables; and a child that is made to end.
MAY_END = {"analyze/main.c", "analyze/base/memory.c", "analyze/view/story.c", "analyze/debug/debug_look.c"}
ENDS = re.compile(r"\b(?:stderr|STDERR_FILENO)\b|\b(?:_exit|exit|abort)\(")
SOURCES = {".c", ".h", ".py", ".sh", ".proto", ".js", ".mjs", ".css"}
NO_SOURCES = {"corpus", "node_modules", "__pycache__"}
MAX_LINES = 600
MAX_FUNCTION = 80
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# FOLDER/../NAME.EXTENSION; names in capitals stand for something ("cmd_NAME.c")
PATH = re.compile(r"(?<![\w./<$-])((?:record|analyze|format|tests|samples)/[a-z0-9_/]+"
                  r"\.(?:c|h|py|sh|proto|md|js|mjs|css))(?!\w)")
TAG = re.compile(r"^struct (\w+) \{", re.M)
PROMISE = re.compile(r" \* (?:On the line|Threads|Memory|Loss|Always true|Idea|Harm|Threads, memory): +\S")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    return path.parent.as_posix()


def may_include(folder, owner):
    """May a file in `folder` include one of `owner`?"""
    if folder in NARROW:
        return owner == folder or owner in NARROW[folder]
    return owner == folder or any(
        folder in line and owner in line[:line.index(folder)] for line in (COMMON, *LINES)) or (
        owner in COMMON and folder not in COMMON)


def owner_of(root, path, target):
    """The folder of an included file, None if there is none such."""
    for where in (path.parent / target, root / target):
        if where.exists():
            return folder_of(where.resolve().relative_to(root))
    return "format" if target == "format/trace.pb-c.h" else None


def check_includes(root, path, errors):
    rel = path.relative_to(root)
    folder = folder_of(rel)
    if rel.parts[0] not in ("record", "analyze", "format"):
        return
    if not any(folder in line for line in (COMMON, *LINES)):
        errors.append(f"{rel}: {folder}/ stands in no line of LINES")
        return
    text = path.read_text(encoding="utf-8")
    if rel.parts[0] in ("analyze", "format") and rel.as_posix() not in MAY_END:
        if path.suffix == ".c" and ENDS.search(text):
            errors.append(f"{rel}: prints an error, or ends the program: that is main.c's business")
    for kind, target in INCLUDE.findall(text):
        name = target.rsplit("/", 1)[-1]
        if name in LIBRARY_ONLY and rel.as_posix() not in LIBRARY_ONLY[name]:
            errors.append(f"{rel}: <{target}> belongs into {sorted(LIBRARY_ONLY[name])} only")
        if kind == "<":
            continue
        owner = owner_of(root, path, target)
        if owner is None:
            errors.append(f"{rel}: \"{target}\" is not a file of this project")
        elif not may_include(folder, owner):
            errors.append(f"{rel}: {folder}/ may not include from {owner}/ (\"{target}\")")


def circles(edges):
    """Tarjan: the groups of more than one that can all be reached from each other."""
    index, low, stack, found = {}, {}, [], []

    def visit(v):
        index[v] = low[v] = len(index)
        stack.append(v)
        for w in sorted(edges[v]):
            if w not in index:
                visit(w)
                low[v] = min(low[v], low[w])
            elif w in stack:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            group = stack[stack.index(v):]
            del stack[stack.index(v):]
            if len(group) > 1:
                found.append(sorted(group))

    for v in sorted(edges):
        if v not in index:
            visit(v)
    return found


def check_circles(root, files, errors):
    """X.h and X.c are one thing; none may need another one that needs it."""
    ours = [p.relative_to(root) for p in files if p.suffix in (".c", ".h")
            and p.relative_to(root).parts[0] in ("record", "analyze", "format")]
    stems = {p.name: p.with_suffix("") for p in ours if p.name != "main.c"}
    edges = {stem: set() for stem in stems.values()}
    for path in ours:
        if path.name == "main.c":
            continue
        for kind, target in INCLUDE.findall((root / path).read_text(encoding="utf-8")):
            stem = stems.get(target.rsplit("/", 1)[-1])
            if kind == '"' and stem not in (None, path.with_suffix("")):
                edges[path.with_suffix("")].add(stem)
    for group in circles(edges):
        errors.append(f"{group[0].parent}/: a circle of {', '.join(p.name for p in group)}")


def check_folders(root, files, errors):
    count = {}
    for path in files:
        folder = folder_of(path.relative_to(root))
        count[folder] = count.get(folder, 0) + 1
    for folder, sources in sorted(count.items()):
        if sources > MAX_SOURCES:
            errors.append(f"{folder}/: {sources} files, more than {MAX_SOURCES}")


def check_contracts(root, files, errors):
    """What a header promises stands in columns: one that a formatter ran together is not read."""
    for path in files:
        if path.suffix != ".h":
            continue
        is_promise = False
        for n, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if is_promise and re.match(r" \* \S", line) and not PROMISE.match(line):
                errors.append(f"{path.relative_to(root)}:{n}: a promise goes on below its first word")
            is_promise = bool(PROMISE.match(line) or (is_promise and re.match(r" \*  ", line)))
            if re.search(r"\S.*\s(?:On the line|Threads|Memory|Loss|Always true): {2,}\S", line.strip(" *")):
                errors.append(f"{path.relative_to(root)}:{n}: a line of its own for each promise")


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


def check_paths_in_comments(root, files, errors):
    """A path of ours that a comment or a document names is there."""
    for path in [*files, *root.glob("*.md"), *root.glob("*/*.md")]:
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix in (".c", ".h"):
            text = "\n".join(COMMENT.findall(text))
        for name in PATH.findall(text):
            places = (root / name, root / path.relative_to(root).parts[0] / name)
            if not any(place.exists() for place in places):
                errors.append(f"{path.relative_to(root)}: {name} is not there")


def check_unique_names(root, files, errors):
    seen = {}
    for path in files:
        if path.suffix not in (".c", ".h") or path.name == "main.c":  # one per program
            continue
        other = seen.setdefault(path.name, path)
        if other != path:
            errors.append(f"{path.relative_to(root)}: same name as {other.relative_to(root)}")


def check_tags(root, files, errors):
    """A struct of a header is the only one of its name that its readers may come across."""
    found = {}
    for path in files:
        rel = path.relative_to(root)
        if path.suffix in (".c", ".h") and rel.parts[0] in ("record", "analyze", "format"):
            for tag in TAG.findall(path.read_text(encoding="utf-8")):
                found.setdefault(tag, []).append(rel)
    for tag, places in sorted(found.items()):
        for half in ("record", "analyze"):
            ours = [p for p in places if p.parts[0] in (half, "format")]
            if len(ours) > 1 and any(p.suffix == ".h" for p in ours):
                errors.append(f"{ours[1]}: struct {tag} is another one than {ours[0]}'s")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = [p for top in ("format", "record", "analyze", "python", "tests", "samples")
             for p in sorted((root / top).rglob("*"))
             if p.suffix in SOURCES and not NO_SOURCES & set(p.parts)]
    errors = []
    for path in files:
        if path.suffix in (".c", ".h"):
            check_includes(root, path, errors)
    check_circles(root, files, errors)
    check_folders(root, files, errors)
    check_contracts(root, files, errors)
    check_sizes(root, files, errors)
    check_unique_names(root, files, errors)
    check_tags(root, files, errors)
    check_paths_in_comments(root, files, errors)
    for error in errors:
        print(error)
    print(f"layers: {len(files)} files, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
