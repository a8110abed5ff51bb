#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What analyze/README.md says of growing is so: one file and one line, and all else follows.

usage: grows.py BUILD_DIR SOURCE_DIR MAKE_OUTPUTS

In a copy of the sources a command, an output, a column and a metric are added as that page says;
what names them is compiled anew, and pyanalyze linked with the rest as it was built. Then help, man
page, completion, checks and the outputs must know all four.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

COMMAND = """\
#include "analyze/ask/request.h"
#include "analyze/cli/command.h"

static enum status build_tally(struct request *request, struct view *view, struct problem *why)
{
    (void)why;
    request_profile(request);
    view->shape = SHAPE_FACTS;
    struct section *const section = view_add_section(view, "tally", "Tally");
    section_add(section, "threads", cell_number(UNIT_COUNT, (int64_t)request->profile.n_threads),
                "that were seen");
    return STATUS_OK;
}

const struct command command_tally = {
    .name = "tally",
    .synopsis = "[options] [FILE...]",
    .summary = "how many threads there are",
    .text = "Counts threads.",
    .example = "pyanalyze tally run.trace",
    .takes = TAKES_FORMAT,
    .min_files = 1,
    .max_files = 1,
    .shape = SHAPE_FACTS,
    .output = "text",
    .build = build_tally,
};
"""

OUTPUT = """\
#include "analyze/cli/output.h"

static enum status abacus_write(struct sink *to, const struct view *view, struct problem *why)
{
    (void)why;
    for (size_t g = 0; g < view->n_groups; g++)
        sink_print(to, "%zu rows of %zu columns\\n", view->groups[g].n_rows, view->n_columns);
    return STATUS_OK;
}

const struct output output_abacus = {
    .name = "abacus",
    .help = "how much there is",
    .accepts = SHAPE_TABLE,
    .machine = true,
    .write = abacus_write,
};
"""

COLUMN = """\
static struct cell get_doubled(const struct row *row)
{
    return cell_number(UNIT_COUNT, 2 * (int64_t)weights_sum(row->self).samples);
}

static const struct column columns[] = {
    {.name = "doubled",
     .title = "doubled",
     .help = "samples, twice",
     .rows = ROW_PLACE,
     .unit = UNIT_COUNT,
     .get = get_doubled},
"""

METRIC = """\
    X(TREBLED, "trebled", "trebled", UNIT_COUNT, 3 * weights_sum(w).samples, "samples, thrice",    \\
      "trebled", "trebled samples")                                                                \\
"""


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old, text.count(old))
    path.write_text(text.replace(old, new), encoding="utf-8")


def grow(root):
    """Four files or lines; the sources that name one of the lists."""
    (root / "analyze" / "cmd" / "cmd_tally.c").write_text(COMMAND, encoding="utf-8")
    edit(root / "analyze/cli/command.h", "    X(overview) ", "    X(tally) \\\n    X(overview) ")
    (root / "analyze" / "out" / "abacus.c").write_text(OUTPUT, encoding="utf-8")
    edit(root / "analyze/cli/output.h", "    X(text) ", "    X(abacus) \\\n    X(text) ")
    edit(root / "analyze/view/column.c", "static const struct column columns[] = {\n", COLUMN)
    metric = root / "analyze/model/metric.h"
    text = metric.read_text(encoding="utf-8")
    start = text.index("#define METRIC_LIST(X)")
    end = text.index("\n\n", start)
    lines = text[start:end] + " \\\n" + METRIC.rstrip().rstrip("\\").rstrip()
    metric.write_text(text[:start] + lines + text[end:], encoding="utf-8")
    lists = re.compile(r"\b(?:COMMAND_LIST|OUTPUT_LIST|METRIC_LIST|METRIC_COUNT)\b")
    named = [p for p in (root / "analyze").rglob("*.c")
             if lists.search(p.read_text(encoding="utf-8"))]
    return [*named, root / "analyze/view/column.c", root / "analyze" / "cmd" / "cmd_tally.c",
            root / "analyze" / "out" / "abacus.c"]


def link_command(build_dir):
    """How pyanalyze was linked: the words, and where they were said; None when built by others than make or ninja."""
    by_make = build_dir / "analyze/CMakeFiles/pyanalyze.dir/link.txt"
    if by_make.exists():
        return shlex.split(by_make.read_text(encoding="utf-8")), build_dir / "analyze"
    if not (build_dir / "build.ninja").exists():
        return None
    said = subprocess.run(["ninja", "-C", build_dir, "-t", "commands", "-s", "analyze/pyanalyze"], check=True,
                          capture_output=True, text=True).stdout
    return shlex.split(said.split("&&")[1]), build_dir  # ": && .. && :", what comes before and after a link


def build(root, build_dir, source):
    """The grown pyanalyze."""
    with open(build_dir / "compile_commands.json", encoding="utf-8") as file:
        command = next(c for c in json.load(file) if c["file"].endswith("analyze/view/column.c"))
    words = shlex.split(command["command"])
    cut = words.index("-o")
    flags = [w.replace(f"-I{source}", f"-I{root}") for w in words[:cut]
             if not w.startswith(("-O", "-ffile-prefix"))]
    objects, running = [], []
    for number, path in enumerate(dict.fromkeys(grow(root))):
        objects.append(str(root / f"{number}.o"))
        running.append((path, subprocess.Popen([*flags, "-O0", "-o", objects[-1], "-c", str(path)])))
    for path, compiler in running:
        assert compiler.wait() == 0, f"{path} does not compile"
    link, where = link_command(build_dir)
    program = root / "pyanalyze"
    at = link.index("-o")
    link[at:at + 2] = ["-o", str(program), *objects]  # before the library, which has the old ones
    subprocess.run(link, cwd=where, check=True)
    return program


def main():
    build_dir, source, make = (pathlib.Path(w).resolve() for w in sys.argv[1:4])
    if not link_command(build_dir):
        print("grows: built by neither make nor ninja: skipped")
        return 77
    with tempfile.TemporaryDirectory(prefix="pyrec-grows-") as name:
        root = pathlib.Path(name)
        for folder in ("analyze", "format"):
            shutil.copytree(source / folder, root / folder,
                            ignore=shutil.ignore_patterns("page", "node_modules"))
        program = build(root, build_dir, source)
        subprocess.run([make, name], check=True)
        trace = str(root / "simple.trace")

        def ask(*words):
            done = subprocess.run([program, *words], capture_output=True, text=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
            assert done.returncode == 0, (words, done.returncode, done.stderr)
            return done.stdout

        assert "threads 3" in ask("tally", trace), ask("tally", trace)
        assert json.loads(ask("tally", "--format", "json", trace))["tally"]["threads"] == 3
        assert re.match(r"\d+ rows of \d+ columns\n", ask("lines", "--format", "abacus", trace))
        rows = json.loads(ask("lines", "--format", "json", "--columns",
                              "samples,doubled,trebled,trebled_cum", trace))
        assert rows and all(r["doubled"] == 2 * r["samples"] and r["trebled"] == 3 * r["samples"]
                            for r in rows), rows
        for words in (["lines", "--by", "trebled"], ["timeline", "--by", "trebled"],
                      ["threads", "--by", "trebled", "--format", "csv"]):
            assert "trebled" in ask(*words, trace), words
        wrong = subprocess.run([program, "taly", trace], capture_output=True, text=True, check=False)
        assert 'did you mean "tally"' in wrong.stderr, wrong.stderr
        known = ask("help") + ask("help", "lines") + ask("help", "tally")
        for text in (known, ask("help", "--man"), *(ask("completion", shell)
                                                     for shell in ("bash", "zsh", "fish"))):
            missing = [w for w in ("tally", "abacus", "doubled", "trebled") if w not in text]
            assert not missing, (missing, text[:200])
    print("grows: a command, an output, a column and a metric were added")
    return 0


if __name__ == "__main__":
    sys.exit(main())
