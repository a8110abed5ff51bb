#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was tried on what: the table in docs/SUPPORT.md, from the results of the last run of the tests.

usage: support.py BUILD_DIR [--again FILE | --builds FILE] [--write]

tests/run.sh leaves the results in BUILD_DIR/Testing/results.xml. A test whose name ends with a version
ran on that interpreter. Only a whole run says something; --write refuses another one, and one that failed.
--again: results of tests that were mended and run again (ctest --output-junit FILE) take the place of theirs.
--builds: results of interpreters of tests/builds.sh alone (ctest -R '[a-z]$' --output-junit FILE) become rows of
their own table, each with its day; rows of others stay.
"""
import argparse
import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys
import xml.etree.ElementTree

from suite_cpu import names_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "SUPPORT.md"
BEGIN, END = "<!-- support.py begins -->\n", "<!-- support.py ends -->\n"
BUILDS_BEGIN, BUILDS_END = "<!-- support.py --builds begins -->\n", "<!-- support.py --builds ends -->\n"
OF_VERSION = re.compile(r"(.*)\.(\d+\.\d+\.\d+[a-z]*)$")
KINDS = {"step": "single steps", "unit": "unit", "e2e": "whole tool"}
ABOUT = """
import json, platform, sys, sysconfig
words = sysconfig.get_config_var("CONFIG_ARGS") or ""
print(json.dumps({
    "compiler": platform.python_compiler(),
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
    "debug": hasattr(sys, "gettotalrefcount"),
    "free": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "optimized": "--enable-optimizations" in words,
    "lto": "--with-lto" in words,
}))
"""


def results_of(path):
    """[(name, what came of it)] and the day; what: passed, failed, skipped."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        sys.exit(f"support.py: {path}: {error}; ./tests/run.sh writes it")
    found = []
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.get("status") == "fail":
            what = "failed"
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            what = "skipped"
        else:
            what = "passed"
        found.append((case.get("name"), what))
    when = root.get("timestamp") or datetime.date.today().isoformat()
    return found, when[:10]


def interpreters(build):
    """{version: path}"""
    done = subprocess.run([ROOT / "tests" / "interpreters.sh", build], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def build_words(path):
    done = subprocess.run([path, "-c", ABOUT], stdout=subprocess.PIPE, text=True, check=True)
    about = json.loads(done.stdout)
    words = ["free-threaded"] * about["free"] + ["debug"] * about["debug"]
    words += ["shared library" if about["shared"] else "static"]
    words += ["PGO"] * about["optimized"] + ["LTO"] * about["lto"] + [about["compiler"].split(" (")[0]]
    return ", ".join(word.strip() for word in words)


def release():
    try:
        facts = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release", encoding="utf-8")
                     if "=" in line)
        system = facts["PRETTY_NAME"].strip('"')
    except (OSError, KeyError):
        system = platform.system()
    return f"{system}, Linux {platform.release().split('-')[0]}, {platform.machine()}, {' '.join(platform.libc_ver())}"


def cell(outcomes):
    words = [f"{outcomes.count(what)} {what}" for what in ("passed", "failed", "skipped")
             if outcomes.count(what)]
    return ", ".join(words) or "-"


def ordered(versions):
    return sorted(versions, key=lambda one: [int(part) for part in re.findall(r"\d+", one)] + [one])


def rows_of(found, paths, *more):
    """{version: its row}, and what came of the tests of no version"""
    by = {}
    rest = []
    for name, what in found:
        match = OF_VERSION.match(name)
        if match is None:
            rest.append(what)
            continue
        by.setdefault(match[2], {}).setdefault(match[1].split(".")[0], []).append(what)
    rows = {}
    for version, outcomes in by.items():
        about = build_words(paths[version]) if version in paths else "not here any more"
        cells = [version, about, *more, *(cell(outcomes.get(kind, [])) for kind in KINDS)]
        rows[version] = f"| {' | '.join(cells)} |"
    return rows, rest


def table(found, when, paths):
    rows, rest = rows_of(found, paths)
    lines = [f"{when}, {release()}.", "",
             "| CPython | how it was built | " + " | ".join(KINDS.values()) + " |",
             "|---|---|" + "---|" * len(KINDS), *(rows[version] for version in ordered(rows))]
    lines += ["", f"Tests that depend on no interpreter: {cell(rest)}."]
    return "\n".join(lines) + "\n"


def builds_table(found, when, paths, before):
    """What was there before, with these rows in place of theirs."""
    rows = {line.split()[1]: line for line in before.splitlines() if re.match(r"\| \d", line)}
    rows.update(rows_of([one for one in found if OF_VERSION.match(one[0])], paths, when)[0])
    lines = ["| CPython | how it was built | when | " + " | ".join(KINDS.values()) + " |",
             "|---|---|---|" + "---|" * len(KINDS), *(rows[version] for version in ordered(rows))]
    return "\n".join(lines) + "\n"


def part_of(page, begin, end):
    head, tail = page.index(begin) + len(begin), page.index(end)
    return page[:head], page[head:tail], page[tail:]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][len("usage: "):])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--again", type=pathlib.Path)
    parser.add_argument("--builds", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    found, when = results_of(options.builds or options.build / "Testing" / "results.xml")
    if options.again:
        later, when = results_of(options.again)
        found = list({**dict(found), **dict(later)}.items())
    head, before, tail = part_of(page, *((BUILDS_BEGIN, BUILDS_END) if options.builds else (BEGIN, END)))
    paths = interpreters(options.build)
    text = builds_table(found, when, paths, before) if options.builds else table(found, when, paths)
    print(text, end="")
    if not options.write:
        return
    if any(what == "failed" for _, what in found):
        sys.exit("support.py: a test has failed, nothing written")
    if not options.builds and (left := set(names_of(options.build)) - {name for name, _ in found}):
        sys.exit(f"support.py: not a whole run (PYREC_MATRIX=wide ./tests/run.sh): {len(left)} tests are not in it; "
                 "nothing written")
    PAGE.write_text(head + text + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
