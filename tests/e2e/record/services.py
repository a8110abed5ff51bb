# SPDX-License-Identifier: MIT
"""Who was recorded: service, version and labels, from options and from OpenTelemetry's variables."""
import csv
import glob
import gzip
import os
import subprocess

SLEEP = "import time; time.sleep(0.1)"
VARIABLES = {"OTEL_SERVICE_NAME": "api", "OTEL_RESOURCE_ATTRIBUTES": "service.version=4.2,zone=eu%2C1,rack=7"}


def said(t, trace):
    """What info says of the first recording: (service, version, labels)."""
    recording = t.info(trace)["recordings"][0]
    labels = {key[len("label_"):]: value for key, value in recording.items() if key.startswith("label_")}
    return recording.get("service"), recording.get("service_version"), labels


def test_options_and_variables(t):
    run = t.record("-c", SLEEP)
    assert said(t, run.trace) == (None, None, {})
    run = t.record("-c", SLEEP, env=VARIABLES)
    assert said(t, run.trace) == ("api", "4.2", {"zone": "eu,1", "rack": "7"})
    run = t.record("-c", SLEEP, env=VARIABLES,
                   options=["--service", "shop", "--label", "zone=us", "--label=empty="])
    assert said(t, run.trace) == ("shop", "4.2", {"zone": "us", "rack": "7", "empty": ""})
    run = t.record("-c", SLEEP, env={"OTEL_RESOURCE_ATTRIBUTES": "zone"}, options=["--service-version", "1"])
    assert said(t, run.trace) == (None, "1", {})
    first, *_ = run.err.splitlines()
    assert first.startswith("pyrec: OTEL_RESOURCE_ATTRIBUTES is left out: a key without ="), run.err
    for wrong in (["--label", "zone"], ["--label", "=x"], ["--service", ""]):
        done = subprocess.run([t.pyrec, *wrong, "true"], capture_output=True, text=True)
        assert done.returncode == 2 and "wants" in done.stderr, (wrong, done.stderr)


def test_process_that_runs(t):
    """Attached to: what its own environment says, where ours says nothing of it."""
    trace = t.trace()
    with subprocess.Popen([t.python, "-c", "import time; print('up', flush=True); time.sleep(60)"],
                          stdout=subprocess.PIPE, text=True, env={**os.environ, **VARIABLES}) as process:
        try:
            process.stdout.readline()
            done = subprocess.run([t.pyrec, "-p", str(process.pid), "-o", trace, "--duration", "0.5s", "-q"],
                                  env={**os.environ, "OTEL_RESOURCE_ATTRIBUTES": "rack=8"},
                                  capture_output=True, text=True, timeout=60)
        finally:
            process.kill()
    assert done.returncode == 0, done.stderr
    assert said(t, trace) == ("api", "4.2", {"zone": "eu,1", "rack": "8"})


def test_what_leaves(t):
    """In pprof as comments, in the tables as columns, of a merged trace as each process's own."""
    a = t.record("-c", SLEEP, env=VARIABLES).trace
    b = t.record("-c", SLEEP, options=["--service", "other"]).trace
    with gzip.open(t.analyze("export", "--format", "pprof", "-o", str(t.dir / "p.gz"), a) or t.dir / "p.gz") as file:
        profile = file.read()
    for comment in (b"service: api", b"service version: 4.2", b"labels: "):
        assert comment in profile, comment
    t.analyze("export", "--format", "tables", "-o", str(t.dir / "tables"), a)
    path, = glob.glob(str(t.dir / "tables" / "recordings" / "*.zst"))
    row, = csv.DictReader(subprocess.run(["zstd", "-dc", path], capture_output=True, text=True,
                                         check=True).stdout.splitlines())
    assert (row["service"], row["service_version"]) == ("api", "4.2")
    assert sorted(row["labels"].split(",")) == ["rack=7", "zone=eu%2C1"], row
    merged = t.trace()
    t.analyze("merge", "-o", merged, a, b)
    assert said(t, merged)[0] == "api"
    assert [p.get("service") for p in t.info(merged)["processes"]] == ["api", "other"]
