# SPDX-License-Identifier: MIT
"""What README.md shows: its commands are run, and print tables with the same headings."""
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def squeeze(line):
    return " ".join(line.split())


def test_console_blocks(t):
    """Every block of ```console: each command ends with status 0."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) >= 3, len(blocks)
    shutil.copytree(ROOT / "samples", t.dir / "samples", dirs_exist_ok=True)
    build = pathlib.Path(t.pyrec).parents[1]
    (t.dir / "bin").mkdir()
    (t.dir / "bin" / "python3").symlink_to(t.python)
    path = f"{t.dir}/bin:{build}/record:{build}/analyze:{os.environ['PATH']}"
    for block in blocks:
        out = ""
        for command in re.findall(r"^\$ (.*)$", block, re.M):
            done = subprocess.run(["sh", "-c", command], cwd=t.dir, capture_output=True, text=True,
                                  env={**os.environ, "PATH": path}, timeout=120)
            assert done.returncode == 0, (command, done.returncode, done.stderr)
            out += done.stdout
        printed = {squeeze(line) for line in out.splitlines()}
        for line in block.splitlines():
            if "filename:lineno" in line:
                assert squeeze(line) in printed, (line, out)


def test_commands_are_known(t):
    """Every command and option of pyanalyze that the text names is one."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| \| \|\n(.*?)\n\n", text, re.M | re.S).group(1)
    help_text = t.analyze("help")
    known = set(re.findall(r"^  ([a-z]+) ", help_text, re.M))
    for cell in re.findall(r"^\| (.*?) \|", table, re.M):
        for words in re.findall(r"`([^`]+)`", cell):
            assert words.split()[0] in known, words
    manual = t.analyze("help", "--man").replace("\\-", "-")
    pyrec = subprocess.run([t.pyrec, "--help"], capture_output=True, text=True, check=True).stdout
    for option in set(re.findall(r"`(--[a-z][a-z-]+)", text)):
        assert option in manual or option in pyrec, option
