#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables of made-up traces say what the commands say, and their document says what they are.

usage: tables_made.py PYANALYZE MAKE_OUTPUTS SOURCE_DIR
"""
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

import tables_check
from tables_check import Maker, NS, read

KEY, OTHER = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


def made(folder):
    return sorted(pathlib.Path(folder).glob("*.trace"))


def check_document(source, tables_dir):
    """docs/TABLES.md names each table and column, in order, and which are private."""
    text = (source / "docs" / "TABLES.md").read_text(encoding="utf-8")
    documented, private = {}, set()
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        name = part.split("\n", 1)[0]
        rows = re.findall(r"^\| `(\w+)` \| ?(.*?) ?\|$", part, re.M)
        if re.fullmatch("[a-z]+", name):
            documented[name] = [column for column, _ in rows]
            private |= {(name, column) for column, said in rows if said.startswith("*private*")}
    written = {}
    for folder in tables_dir.iterdir():
        heading, _ = tables_check.read_file(folder.name, next(folder.iterdir()))
        written[folder.name] = heading
    assert documented == written, (documented, written)
    return private


def check_sums(program, folder, golden):
    """All commands, all traces; and that there was something to be compared."""
    total = {}
    for n, trace in enumerate([*made(folder), *sorted(golden.glob("*.trace"))]):
        maker = Maker(program, trace)
        out = folder / f"tables-{n}"
        done = maker.run("export", "--format", "tables", "-o", str(out), codes=(0, 3, 5))
        assert out.exists() == (done.returncode != 5), (trace, done)
        if done.returncode == 5:
            continue
        for name, found in tables_check.check_all(maker, read(out)).items():
            total[name] = total.get(name, 0) + found
        shutil.rmtree(out)
    print(total)
    assert all(total[name] > 0 for name in ("threads", "gil", "stalls")), total


def check_ranges(program, folder, golden):
    """Bins are ranges of time, whatever their length, and add up to the whole."""
    n_bins = 0
    for trace in (folder / "simple.trace", golden / "v1-busy.trace", golden / "v1-full.trace"):
        maker = Maker(program, trace)
        whole = maker.tables(folder / "whole", "--bin", "1d")
        for length in ("1s", "3s"):
            tables = maker.tables(folder / "bins", "--bin", length)
            same = {**tables, "weights": []}
            for w in tables["weights"]:
                same["weights"].append({**w, "bin": 0})
            for name in ("functions", "stacks", "threads", "stalls"):
                assert tables[name] == whole[name]
            for key_of in (lambda w: [(w["thread"], w["stack"], w["state"], w["kernel"])],):
                assert tables_check.weights_by(same, key_of) == \
                    tables_check.weights_by(whole, key_of)
            waited = [sum(g["waited_ns"] for g in t["gil"]) for t in (tables, whole)]
            assert waited[0] == waited[1]
            start = tables["recordings"][0]["start_ns"]
            tables_check.check_bins(maker, tables, start)
            n_bins += len({w["bin"] for w in tables["weights"]})
            shutil.rmtree(folder / "bins")
        thread = next(t for t in whole["threads"] if t["samples"] > 0)
        words = ["--thread", str(thread["os_tid"]), "--from", "0.2", "--to", "3"]
        tables = maker.tables(folder / "part", *words)
        tables_check.check_references(tables)
        tables_check.check_places(maker, tables, *words)
        shutil.rmtree(folder / "part")
        shutil.rmtree(folder / "whole")
    assert n_bins > 10, n_bins


def check_many(program, folder):
    """Several recordings in one directory are those that they are alone, with the same numbers."""
    traces = [folder / "simple.trace", folder / "family.trace"]
    together = Maker(program, *traces).tables(folder / "both")
    assert len(together["recordings"]) == 2
    alone = [Maker(program, t).tables(folder / f"alone-{n}") for n, t in enumerate(traces)]
    for table in ("weights", "stacks", "functions", "threads"):
        names = sorted(p.name for p in (folder / "both" / table).iterdir())
        parts = sorted(p.name for n in range(2) for p in (folder / f"alone-{n}" / table).iterdir())
        assert names == parts
        for n in range(2):
            for row in alone[n][table]:
                same = [r for r in together[table] if all(
                    r[k] == v for k, v in row.items() if not k.endswith("_ns") and k not in (
                        "bin", "module", "package", "samples", "ticks"))]
                assert same, (table, row)
    shared = {s["stack"] for s in alone[0]["stacks"]} & {s["stack"] for s in alone[1]["stacks"]}
    assert shared, "both programs have a stack in common, and it has one number"


def texts_of(tables):
    return {value for rows in tables.values() for row in rows for value in row.values()}


def check_redaction(program, folder, private):
    """Nothing private is left, hashes depend on the key alone, and all else stays as it was."""
    trace = folder / "family.trace"
    maker = Maker(program, trace, folder / "simple.trace")
    for name, text in (("key", KEY), ("other", OTHER), ("bad", KEY[:-1]), ("long", KEY + "\nmore")):
        (folder / name).write_text(text + "\n")
    plain = maker.tables(folder / "plain")
    words = {row[column] for table, column in private for row in plain[table]
             if column in row and row[column]}
    assert len(words) > 15, words
    hashed = maker.tables(folder / "hash", "--redact", "hash", "--redact-key", str(folder / "key"))
    again = Maker(program, folder / "simple.trace").tables(
        folder / "again", "--redact", "hash", "--redact-key", str(folder / "key"))
    others = maker.tables(folder / "others", "--redact", "hash", "--redact-key", str(folder / "other"))
    dropped = maker.tables(folder / "drop", "--redact", "drop")
    redrawn = maker.tables(folder / "redrawn", "--redact", "drop")
    kept = maker.tables(folder / "kept", "--redact", "drop", "--redact-key", str(folder / "key"))
    for tables in (hashed, others, dropped):
        assert not words & texts_of(tables), words & texts_of(tables)
    for table, column in private:
        values = [row[column] for row in hashed[table]]
        assert all(re.fullmatch("([0-9a-f]{16})?", value) for value in values), (table, column)
        assert values.count("") == [row[column] for row in plain[table]].count("")
        assert not any(row[column] for row in dropped[table])
    names = [{f["name"] for f in t["functions"]} for t in (hashed, again, others)]
    assert names[1] <= names[0] and not names[0] & names[2]
    numbers = [{s["stack"] for s in t["stacks"]}
               for t in (plain, hashed, again, others, dropped, redrawn, kept)]
    assert numbers[2] <= numbers[1] == numbers[6]
    for a, b in ((0, 1), (0, 4), (1, 3), (4, 5)):
        assert not numbers[a] & numbers[b]
    assert len(set(map(len, (numbers[0], numbers[1], numbers[3], numbers[4])))) == 1
    for table in plain:
        same = [sorted([str(value) for column, value in sorted(row.items())
                        if column.endswith("_ns") or column in (
                            "samples", "ticks", "line", "depth", "bin", "state", "pid")]
                       for row in tables[table]) for tables in (plain, hashed)]
        assert same[0] == same[1], table
    for options in (["--redact", "hash"], ["--redact-key", str(folder / "key")],
                    ["--redact", "hash", "--redact-key", str(folder / "bad")],
                    ["--redact", "hash", "--redact-key", str(folder / "long")],
                    ["--redact", "hash", "--redact-key", str(folder / "none")]):
        done = maker.run("export", "--format", "tables", "-o", str(folder / "no"), *options,
                         codes=(1, 2))
        assert b"key" in done.stderr or b"none" in done.stderr, done.stderr
        assert KEY[:8].encode() not in done.stderr
        assert not (folder / "no").exists()


def listing(directory):
    return {str(p.relative_to(directory)): p.read_bytes() if p.is_file() else None
            for p in sorted(directory.rglob("*"))}


def check_directory(program, folder):
    """Whole or not there; and what somebody else put there stays."""
    maker = Maker(program, folder / "simple.trace")
    command = ["export", "--format", "tables", "-o"]
    out = folder / "place"
    maker.run(*command, str(out))
    first = listing(out)
    maker.run(*command, str(out) + "/")
    assert listing(out) == first, "an earlier export is replaced by the same"
    before = os.stat(out).st_ino
    maker.run(*command, str(out), "--bin", "1s")
    assert os.stat(out).st_ino != before and listing(out).keys() == first.keys()
    (folder / "link").symlink_to("place")
    maker.run(*command, str(folder / "link"))
    assert (folder / "link").is_symlink()
    assert listing(out) == first, [k for k, v in listing(out).items() if v != first.get(k)]
    (folder / "empty").mkdir()
    maker.run(*command, str(folder / "empty"))
    assert listing(folder / "empty") == first

    for odd in ("notes.txt", "weights/notes.txt", "mine/a"):
        (out / odd).parent.mkdir(exist_ok=True)
        (out / odd).write_text("mine")
        was = listing(out)
        done = maker.run(*command, str(out), codes=(1,))
        assert odd.split("/", maxsplit=1)[0] in done.stderr.decode() and listing(out) == was, done
        (out / odd).unlink()
        if odd.startswith("mine"):
            (out / "mine").rmdir()
    was = listing(out)
    done = Maker(program, folder / "family.trace").run(*command, str(out), codes=(1,))
    assert b"something else" in done.stderr and listing(out) == was, "another recording's stays"
    (folder / "file").write_text("x")
    for place in (folder / "file", folder / "nowhere" / "out"):
        assert str(place) in maker.run(*command, str(place), codes=(1,)).stderr.decode()
    for words in (["export", "--format", "tables"], [*command, "-"],
                  [*command, str(folder / "no"), "--by", "cpu"],
                  [*command, str(folder / "no"), "--state", "gil"],
                  [*command, str(folder / "no"), "--tasks"],
                  [*command, str(folder / "no"), "--bin", "0.5s"],
                  [*command, str(folder / "no"), "--bin", "-5s"],
                  [*command, str(folder / "no"), "--bin", "2d"],
                  ["export", "--format", "folded", "--bin", "10s"],
                  ["export", "--format", "csv", "--redact", "drop"]):
        assert maker.run(*words, codes=(2,)).stderr.count(b"\n") == 1, words
    maker.run(*command, str(folder / "no"), "--thread", "nobody", codes=(5,))


    def little_room(action):
        signal.signal(signal.SIGXFSZ, action)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    for place in (folder / "no", out):  # with no room to write, and killed while writing
        was = listing(place)
        for action, code in ((signal.SIG_IGN, 1), (signal.SIG_DFL, -signal.SIGXFSZ)):
            done = subprocess.run([program, *command, place, folder / "simple.trace"],
                                  capture_output=True, check=False,
                                  preexec_fn=lambda action=action: little_room(action))
            assert done.returncode == code and done.stderr.count(b"\n") == (code == 1), done
            assert listing(place) == was
            left = [p for p in folder.iterdir() if p.name.endswith("~")]
            assert len(left) == (code < 0), left
            for path in left:
                shutil.rmtree(path)


def main():
    program, make_outputs, source = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    golden = source / "tests" / "golden"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([make_outputs, folder], check=True)
        Maker(program, folder / "simple.trace").run("export", "--format", "tables", "-o",
                                                    str(folder / "document"))
        private = check_document(source, folder / "document")
        check_sums(program, folder, golden)
        check_ranges(program, folder, golden)
        check_many(program, folder)
        check_redaction(program, folder, private)
        check_directory(program, folder)


if __name__ == "__main__":
    main()
