#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The offsets that probe.c found, beside the tables of record/agent/cpython/. Run by tests/newversion.sh.

usage: compare.py [--write] FOUND
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

CPYTHON = pathlib.Path(__file__).resolve().parent.parent.parent / "record" / "agent" / "cpython"
WIDTH = 100
NONE = 0xffff
# What no offset tells: the newest table's is taken over, to be looked at.
BY_HAND = ("frames", "instr", "table", "object_shift", "gil.len", "dict.managed", "dict.instance",
           "number.size_shift", "gen.wrapped", "gen.states", "await_stack.kind", "await_stack.above")
# Said only by headers of a build without a GIL ..
FREE_THREADED_ONLY = ("interp.stop_world",)
# .. and what is not read of one, though its headers say it.
FREE_THREADED_UNREAD = ("thread.running_loop", "thread.tasks")
GROUPS = (("thread", "frame", "code", "object", "type", "bytes", "unicode", "gc"),
          ("thread_id", "native_id", "chunk", "base_frame", "tlbc_index", "co_tlbc"))
DESCRIBED_SINCE = 13

ADOPT = r"""
#include "record/agent/cpython/pyver.h"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    uint64_t words[PYVER_WORDS] = {0};
    bool free_threaded;
    for (int i = 3; i < argc && i < PYVER_WORDS + 3; i++)
        words[i - 3] = strtoull(argv[i], NULL, 10);
    struct pyver ver = *pyver_find((unsigned)atoi(argv[1]));
    ver.minor = (uint8_t)atoi(argv[2]);
    const char *const why = pyver_adopt(&ver, words, &free_threaded);
    if (why != NULL) {
        puts(why);
        return 1;
    }
@PRINTS@
    return 0;
}
"""


class Table:
    """One table, or what was found: {"thread.prev": "0"}; `order`: the groups and their fields as written."""

    def __init__(self, text):
        self.values, self.order = {}, []
        body = re.sub(r"/\*.*?\*/", "", text[text.index("{") + 1:text.rindex("}")], flags=re.DOTALL)
        for name, group, value in re.findall(r"\.(\w+) = (?:\{(.*?)\}|([\w]+))", body, re.DOTALL):
            if value:
                self.values[name] = value
                self.order.append((name, None))
                continue
            fields = re.findall(r"\.(\w+) = (\w+)", group)
            self.values.update({f"{name}.{field}": word for field, word in fields})
            self.order.append((name, [field for field, _ in fields]))


def table_of(minor):
    return Table((CPYTHON / "pyver" / f"py3{minor:02}.c").read_text(encoding="utf-8"))


def minors_known():
    return sorted(int(path.stem[3:]) for path in (CPYTHON / "pyver").glob("py3??.c"))


def found_read(path):
    fields, at, words = {}, {}, {}
    for line in pathlib.Path(path).read_text(encoding="ascii").splitlines():
        name, *rest = line.split()
        if name == "at":
            at[rest[0]] = int(rest[1])
        elif name == "word":
            words[int(rest[0])] = int(rest[1])
        else:
            fields[name] = "PYVER_NONE" if int(rest[0]) == NONE else rest[0]
    return fields, at, [words[i] for i in range(len(words))]


def write_table(minor, order, values):
    """The text of py3XX.c."""
    lines = ["/* SPDX-License-Identifier: MIT */", f"/* CPython 3.{minor}. See pyver.h. */",
             '#include "record/agent/cpython/pyver.h"', "", f"extern const struct pyver pyver_3_{minor};",
             f"const struct pyver pyver_3_{minor} = {{"]
    for group, fields in order:
        if fields is None:
            lines.append(f"    .{group} = {minor if group == 'minor' else values[group]},")
            continue
        words = [f".{field} = {values[f'{group}.{field}']}" for field in fields]
        line = f"    .{group} = {{{', '.join(words)}}},"
        if len(line) <= WIDTH:
            lines.append(line)
            continue
        lines.append(f"    .{group} = {{")
        line = "       "
        for word in words:
            if len(line) + len(word) + 2 > WIDTH:
                lines.append(line)
                line = "       "
            line += f" {word},"
        lines += [line, "    },"]
    return "\n".join(lines + ["};"]) + "\n"


def groups_line(minor, at):
    """The line of pyver_offsets.c that says which word is which."""
    words = [f".minor = {minor}"] + [f".{name} = {at[name]}" for part in GROUPS for name in part
                                     if at.get(name)]
    return "{" + ", ".join(words) + "},"


def groups_used(minor):
    """The line that pyver_adopt takes for that version, in the same words."""
    text = (CPYTHON / "pyver_offsets.c").read_text(encoding="utf-8")
    best = None
    for body in re.findall(r"\{(\.minor = \d+,[^}]*)\}", text):
        fields = {name: int(value) for name, value in re.findall(r"\.(\w+) = (\d+)", body)}
        if fields["minor"] <= minor:
            best = fields
    return best


def adopt(base, minor, words, names):
    """What pyver_adopt makes of the table of `base` with these words: the fields, or its refusal as a str."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "adopt.c"), pathlib.Path(folder, "adopt")
        prints = "\n".join(f'    printf("{name} %llu\\n", (unsigned long long)ver.{name});' for name in names)
        source.write_text(ADOPT.replace("@PRINTS@", prints), encoding="ascii")
        root = CPYTHON.parent.parent.parent
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-I", root, "-I", root / "format", "-o", program,
                        source, CPYTHON / "pyver.c", CPYTHON / "pyver_offsets.c",
                        *(CPYTHON / "pyver" / f"py3{known:02}.c" for known in minors_known())], check=True)
        done = subprocess.run([program, str(base), str(minor), *map(str, words[:128])], stdout=subprocess.PIPE,
                              text=True)
    if done.returncode != 0:
        return done.stdout.strip()
    pairs = (line.split() for line in done.stdout.splitlines())
    return {name: "PYVER_NONE" if int(value) == NONE else value for name, value in pairs}


def is_same(name, ours, theirs):
    if name == "tag_mask": # clearing more bits than that build uses takes nothing away from an address
        return int(ours) & int(theirs) == int(theirs)
    return ours == theirs


def differences(title, ours, theirs, names, fine):
    """Prints them; are there none?"""
    differ = [name for name in names if name in theirs and not is_same(name, ours[name], theirs[name])]
    if not differ:
        print(f"{title}: {fine}")
        return True
    print(f"{title}:")
    for name in differ:
        print(f"    {name:28} {ours[name]} -> {theirs[name]}")
    return False


def main():
    writes = sys.argv[1:2] == ["--write"]
    found, at, words = found_read(sys.argv[-1])
    version = int(found.pop("version"))
    minor = version >> 16 & 0xff
    base = max((known for known in minors_known() if known <= minor), default=None)
    if version >> 24 != 3 or base is None:
        sys.exit("newversion: older than all that is known")
    known = table_of(base)
    names = [name for name in known.values if name != "minor"]
    numbers = [name for name in names if re.fullmatch(r"\d+|PYVER_NONE", known.values[name])]
    print(f"CPython 3.{minor}.{version >> 8 & 0xff}, the table is that of 3.{base}")
    free_threaded = len(words) > 2 and words[2] == 1
    by_hand = BY_HAND if free_threaded else BY_HAND + FREE_THREADED_ONLY
    unseen = [name for name in names if name not in found and name not in by_hand]
    if unseen:
        print(f"not in these headers: {', '.join(unseen)}")
    same = free_threaded or differences("its headers and the table", known.values, found, names, "the same")
    if minor >= DESCRIBED_SINCE:
        used = {name: value for name, value in groups_used(minor).items() if name != "minor"}
        if used == {name: value for name, value in at.items() if value}:
            print("_Py_DebugOffsets: its words stand where pyver_offsets.c has them")
        else:
            same = False
            print(f"_Py_DebugOffsets: its words stand elsewhere. For pyver_offsets.c:\n    {groups_line(minor, at)}")
    if minor >= DESCRIBED_SINCE and words:
        adopted = adopt(base, minor, words, numbers)
        if isinstance(adopted, str):
            same = False
            print(f"_Py_DebugOffsets: refused: {adopted}")
        else: # what is told by the interpreter itself may differ between its releases
            read = [name for name in numbers if not free_threaded or name not in FREE_THREADED_UNREAD]
            same = differences("what pyver_adopt makes of it and its headers", adopted, found, read,
                               "the same") and base == minor
    if base != minor:
        print(f"taken over from 3.{base}, to be looked at: {', '.join(by_hand)}")
        text = write_table(minor, known.order, {**known.values, **found})
        path = CPYTHON / "pyver" / f"py3{minor:02}.c"
        if writes:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path}")
        else:
            print(text, end="")
    sys.exit(0 if same and base == minor else 1)


if __name__ == "__main__":
    main()
