# SPDX-License-Identifier: MIT
"""ship: parts arrive, each once, whatever the server does and whenever ship is killed."""
import email
import glob
import gzip
import hashlib
import hmac
import http.server
import json
import os
import random
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.parse

import otlp_check
from e2e import Skip, wide

WORK = """
import threading, time
lock = threading.Lock()
def wait():
    time.sleep(0.15)
def burn():
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        sum(range(100))
threads = [threading.Thread(target=f, name=f.__name__) for f in (wait, burn, burn)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


class Server:
    """On loopback. `script`: what is done with the requests to come, one each; then all are taken."""

    def __init__(self, script=(), certificate=None):
        self.script, self.requests, self.lock = list(script), [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.serve(self)

            do_PUT = do_POST

            def log_message(self, *args):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that was killed

        self.server = Quiet(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def serve(self, handler):
        at = time.monotonic()
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.lock:
            do = self.script.pop(0) if self.script else 200
            self.requests.append({"do": do, "at": at, "method": handler.command, "path": handler.path,
                                  "headers": dict(handler.headers), "body": body})
        if do == "cut":
            handler.connection.close()
            return
        if do == "stall":
            time.sleep(2)
            return
        status, headers, content = do if isinstance(do, tuple) else (do, {}, b"")
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def taken(self):
        with self.lock:
            return [r for r in self.requests if r["do"] == 200 or (isinstance(r["do"], tuple) and r["do"][0] == 200)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def need_curl(t):
    done = subprocess.run([t.pyanalyze, "ship", "--to", "http://127.0.0.1:1", "--once", "--attempts", "1", "/dev/null"],
                          capture_output=True, text=True)
    if "without libcurl" in done.stderr:
        raise Skip("this pyanalyze was built without libcurl")
    if not shutil.which("protoc"):
        raise Skip("no protoc here")


def parts(t, n):
    """A directory with n parts, as of a recorder that was started n times."""
    directory = t.dir / f"parts{t.n}"
    directory.mkdir()
    run = t.record("-c", WORK, rate=200, options=["--service", "api", "--service-version", "7", "--label", "zone=eu 1"])
    for i in range(n):
        path = directory / f"api-20261129T2300{i:02}Z-5f0c9a12.000000.trace"
        shutil.copy(run.trace, path)
        os.utime(path, (1764457200 + i, 1764457200 + i))
    (directory / "api-20261129T230059Z-5f0c9a12.000001.trace.part").write_bytes(b"")
    (directory / "open.trace").write_bytes((directory / path.name).read_bytes()[:-1])  # without its end
    (directory / "notes.txt").write_text("no part")
    return directory, run.trace


def ship(t, url, *words, ok=(0,), env=None, timeout=60):
    done = subprocess.run([t.pyanalyze, "ship", "--to", url, "--backoff", "0.02s", *map(str, words)],
                          capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})})
    assert done.returncode in ok, (done.returncode, done.stdout, done.stderr)
    return done.stdout.splitlines(), done.stderr


def test_otlp(t):
    """What arrives are the weights that the rows of export have, with who it is of."""
    need_curl(t)
    directory, trace = parts(t, 1)
    with Server() as server:
        lines, _ = ship(t, server.url, "--once", directory)
        request, = server.taken()
    assert len(lines) == 1 and lines[0].endswith(".000000.trace: sent"), lines
    assert (request["method"], request["path"]) == ("POST", "/v1development/profiles")
    assert request["headers"]["Content-Type"] == "application/x-protobuf"
    assert request["headers"]["Content-Encoding"] == "gzip"
    (resource, profiles), = otlp_check.decode(request["body"])
    assert (resource["service.name"], resource["service.version"], resource["zone"]) == ("api", "7", "eu 1")
    assert resource["host.name"] == os.uname().nodename and resource["process.pid"] > 0
    assert resource["process.runtime.version"] == ".".join(map(str, t.version))
    rows = json.loads(t.analyze("export", "--format", "json", trace))
    rows = rows["rows"] if isinstance(rows, dict) else rows
    for kind, name in (("wall", "wall"), ("cpu", "cpu_time"), ("gil_wait", "gil_wait"), ("blocked", "blocked")):
        wanted, got = {}, {}
        for row in rows:
            stack = tuple((f["function"], f["file"], f["line"] or 0) for f in row["stack"])
            key = (row["thread"], row["thread_id"], stack)
            wanted[key] = wanted.get(key, 0) + round(row[name] * 1e9)
        for (attributes, stack), value in profiles.get(kind, {"samples": {}})["samples"].items():
            said = dict(attributes)
            assert ("pyrec.state" in said) == (kind == "wall"), said
            key = (said["thread.name"], said["thread.id"], stack)
            got[key] = got.get(key, 0) + value
        wanted = {key: value for key, value in wanted.items() if value}
        assert got == wanted, (kind, set(got.items()) ^ set(wanted.items()))
    states = {dict(attributes)["pyrec.state"] for attributes, _ in profiles["wall"]["samples"]}
    assert {"running", "blocked"} <= states, states
    wall = profiles["wall"]
    assert abs(wall["time"] / 1e9 - time.time()) < 600 and wall["duration"] > 1e8 and wall["period"] == 5000000


def test_library_is_missing(t):
    """Only who asks a server needs libcurl: it is no library of the program's."""
    need_curl(t)
    env = t.without_curl()
    directory, _ = parts(t, 1)
    lines, said = ship(t, "http://127.0.0.1:1", "--once", directory, env=env, ok=(2,))
    assert not lines and "libcurl has to be installed (Debian: libcurl4)" in said and "libcurl.so.4" in said, (lines, said)
    lines, said = ship(t, t.dir / "taken", "--once", directory, env=env)
    assert len(lines) == 1 and lines[0].endswith(".000000.trace: sent") and not said, (lines, said)


def test_what_servers_do(t):
    """Refused for now, cut off, stalled, asked to wait: each part arrives once, in order."""
    need_curl(t)
    directory, _ = parts(t, 4)
    rejected = b"\x0a\x07\x08\x02\x12\x03why"
    script = [503, "cut", (429, {"Retry-After": "1"}, b""), 200, "stall", 200, 408, 504, (200, {}, rejected), 502]
    with Server(script) as server:
        lines, _ = ship(t, server.url, "--once", "--attempts", "9", "--timeout", "0.5s", directory)
        requests = server.requests
        assert len(server.taken()) == 4
        assert requests[3]["at"] - requests[2]["at"] >= 1, "it came back before the server wanted it"
        again, _ = ship(t, server.url, "--once", directory)
        assert again == [] and len(server.requests) == len(requests), again
    sent = [line for line in lines if line.endswith(": sent")]
    assert [re.search("T2300(..)Z", line).group(1) for line in sent] == ["00", "01", "02", "03"], lines
    assert any("rejected 2 of its profiles: why" in line for line in lines), lines
    assert sum("follows in" in line for line in lines) == 7, lines
    for body in {r["body"] for r in requests}:
        gzip.decompress(body)


def test_refused_for_good(t):
    """400 and its like, and files that cannot be read, are set aside and not tried again."""
    need_curl(t)
    directory, _ = parts(t, 3)
    broken = sorted(directory.glob("api*000000.trace"))[1]
    broken.write_bytes(b"\0" * 100)
    os.utime(broken, (1764457201, 1764457201))
    with Server([400, 302]) as server:
        lines, err = ship(t, server.url, "--once", directory, ok=(1,))
        assert sum("set aside, not sent again" in line for line in lines) == 3, lines
        assert "HTTP status 400" in lines[0] and "HTTP status 302" in lines[2], lines
        assert err.strip() == "pyanalyze: 3 of 3 parts were not taken", err
        assert ship(t, server.url, "--once", directory) == ([], "")
        assert len(server.requests) == 2
    lines, err = ship(t, "http://127.0.0.1:1", "--once", "--attempts", "2", directory, ok=(1,))
    assert "attempt 2 follows" in lines[0] and "given up for now" in lines[1], lines
    broken = t.dir / "line\nbreak"  # which no line can hold: said, not left out
    shutil.copytree(directory, broken)
    _, err = ship(t, str(t.dir / "lake"), "--once", broken, ok=(2,))
    assert "line break" in err and len(err.splitlines()) == 1, err
    with Server() as server:  # they wait for another time
        lines, _ = ship(t, server.url, "--once", "--spool", "1", "--remove", directory, ok=(1,))
        assert [line.rsplit(": ", 1)[1][:7] for line in lines] == ["dropped", "dropped", "sent"], lines
    assert not list(directory.glob("api*000000.trace"))


def test_credentials(t):
    """Sent along, from a file or the environment; never by http to others, never said."""
    need_curl(t)
    directory, _ = parts(t, 1)
    secret = t.file("headers", "Authorization: Bearer s3cret\n")
    os.chmod(secret, 0o600)
    with Server([503]) as server:
        lines, err = ship(t, server.url, "--once", "--headers", secret, directory,
                          env={"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b"})
        for request in server.requests:
            assert request["headers"]["Authorization"] == "Bearer s3cret"
            assert request["headers"]["x-tenant"] == "a b"
    assert "s3cret" not in "".join(lines) + err
    for url, words, said in (("http://host.example", ["--headers", secret], "by https only"),
                             ("https://u:s3cret@host.example", [], "no user or password")):
        _, err = ship(t, url, "--once", *words, directory, ok=(2,))
        assert said in err and "s3cret" not in err, err
    os.chmod(secret, 0o644)
    _, err = ship(t, server.url, "--once", "--headers", secret, directory, ok=(2,))
    assert "others may read" in err, err


def certificate(t, name, begin=None, end=None):
    """(certificate, key) of 127.0.0.1, signed by itself; with dates as openssl ca has them."""
    if not shutil.which("openssl"):
        raise Skip("no openssl here")
    folder = t.dir / name
    folder.mkdir()
    config = folder / "config"
    config.write_text("[req]\ndistinguished_name=dn\n[dn]\n[v3]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE\n"
                      f"[ca]\ndefault_ca=it\n[it]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial={folder}/serial\n"
                      "default_md=sha256\npolicy=any\nunique_subject=no\nx509_extensions=v3\n[any]\ncommonName=supplied\n")
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "request", "-subj",
            "/CN=127.0.0.1", "-config", config)
    openssl("ca", "-selfsign", "-batch", "-notext", "-in", "request", "-keyfile", "key", "-out", "certificate",
            "-startdate", begin or "20200101000000Z", "-enddate", end or "21200101000000Z", "-config", config)
    return folder / "certificate", folder / "key"


@wide
def test_certificates(t):
    """One that nobody vouches for, one that has expired, one for another name: nothing is sent."""
    need_curl(t)
    directory, _ = parts(t, 1)
    own, old = certificate(t, "own"), certificate(t, "old", end="20200102000000Z")
    for pair, words in ((own, []), (old, ["--cacert", old[0]]), (own, ["--cacert", old[0]])):
        with Server(certificate=pair) as server:
            lines, _ = ship(t, server.url, "--once", "--attempts", "1", *words, directory, ok=(1,))
            assert not server.requests and "certificate" in lines[0], lines
    with Server(certificate=own) as server:
        _, _ = ship(t, server.url.replace("127.0.0.1", "localhost"), "--once", "--attempts", "1", "--cacert", own[0],
                    directory, ok=(1,))
        assert not server.requests
        ship(t, server.url, "--once", "--cacert", own[0], directory)
        assert len(server.taken()) == 1


@wide
def test_killed_at_any_moment(t):
    """Each part arrives; twice only what was under way when ship was killed."""
    need_curl(t)
    directory = t.dir / "killed"
    directory.mkdir()
    names = [f"api-20261129T2300{i:02}Z-5f0c9a12.000000.trace" for i in range(6)]
    for i, name in enumerate(names):
        run = t.record("-c", "pass", options=["--label", f"part={i}"])
        shutil.copy(run.trace, directory / name)
        os.utime(directory / name, (1764457200 + i, 1764457200 + i))
    rng, allowed = random.Random(4), [1] * len(names)

    def marked():
        state = list(directory.glob(".pyrec-ship-????????????????"))
        lines = state[0].read_text().splitlines()[1:] if state else []
        assert all(line.startswith("sent ") for line in lines), lines
        return [line.rsplit("/", 1)[1] for line in lines]

    with Server() as server:
        for _ in range(40):
            process = subprocess.Popen([t.pyanalyze, "ship", "--to", server.url, "--backoff", "0.02s", directory],
                                       stdout=subprocess.DEVNULL)
            time.sleep(rng.random() * 0.2)
            process.kill()
            process.wait()
            done = marked()
            assert done == names[:len(done)], "the oldest goes first"
            if len(done) == len(names):
                break
            allowed[len(done)] += 1  # what may have been under way
        ship(t, server.url, "--once", directory)
        got = [0] * len(names)
        for request in server.taken():
            (resource, _), = otlp_check.decode(request["body"])
            got[int(resource["part"])] += 1
    assert marked() == names
    assert all(1 <= n <= most for n, most in zip(got, allowed)), (got, allowed)
    assert not list(directory.glob(".pyrec-ship-*.work")), "what was being made is taken away"


def test_two_at_once(t):
    directory, _ = parts(t, 1)
    target = t.dir / "tables"
    process = subprocess.Popen([t.pyanalyze, "ship", "--to", target, directory], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().endswith(": sent\n")
        _, err = ship(t, str(target), "--once", directory, ok=(2,))
        assert "another pyanalyze ship" in err, err
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def test_tables(t):
    """Into a directory, and by PUT: the files that export makes."""
    directory, trace = parts(t, 1)
    t.analyze("export", "--format", "tables", "-o", str(t.dir / "wanted"), trace)
    wanted = {os.path.relpath(path, t.dir / "wanted"): open(path, "rb").read()
              for path in glob.glob(str(t.dir / "wanted" / "*" / "*"))}
    assert len(wanted) == 11
    ship(t, str(t.dir / "got"), "--once", directory)
    got = {os.path.relpath(path, t.dir / "got"): open(path, "rb").read() for path in glob.glob(str(t.dir / "got/*/*"))}
    assert got == wanted
    need_curl(t)
    with Server([500, 200, 503]) as server:
        ship(t, server.url + "/lake/", "--once", "--format", "tables", directory)
        got = {r["path"][len("/lake/"):]: r["body"] for r in server.taken() if r["method"] == "PUT"}
        assert got == wanted and len(server.requests) == len(wanted) + 2
    _, err = ship(t, "http://127.0.0.1:1", "--once", "--redact", "hash", directory, ok=(2,))
    assert "--redact is for tables" in err


def signature(request, secret):
    """(scope, signed headers, signature) as it is to be: AWS's Signature Version 4, from its published steps."""
    kind, scope, signed, _ = re.fullmatch(
        r"(AWS4-HMAC-SHA256) Credential=[^/]+/(\S+), ?SignedHeaders=(\S+), ?Signature=([0-9a-f]{64})",
        request["headers"]["Authorization"]).groups()
    headers = {name.lower(): " ".join(value.split()) for name, value in request["headers"].items()}
    url = urllib.parse.urlsplit(request["path"])
    canonical = "\n".join([request["method"], url.path, url.query,
                           *(f"{name}:{headers[name]}" for name in signed.split(";")), "", signed,
                           hashlib.sha256(request["body"]).hexdigest()])
    key = f"AWS4{secret}".encode()
    text = "\n".join([kind, headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    for word in (*scope.split("/"), text):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return scope, signed.split(";"), key.hex()


def test_s3(t):
    """What goes to an object store is signed, so that nobody can change it; the secret stays here."""
    # the example of AWS's documentation of S3, "GET Object", so that the test knows how to sign
    example = {"method": "GET", "path": "/test.txt", "body": b"", "headers": {
        "Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9", "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                         "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=" + "0" * 64}}
    assert signature(example, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")[2] == (
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    need_curl(t)
    directory, _ = parts(t, 1)
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cret/+key", "AWS_REGION": "eu-west-3",
            "AWS_SESSION_TOKEN": "t0ken//=="}
    with Server([503]) as server:
        url = server.url + "/bucket/lake"
        lines, err = ship(t, url, "--once", "--format", "tables", "--s3", directory, env=keys)
        requests = server.requests
    assert len(requests) == 12, len(requests)
    for request in requests:
        headers = {name.lower(): value for name, value in request["headers"].items()}
        scope, signed, wanted = signature(request, keys["AWS_SECRET_ACCESS_KEY"])
        assert headers["authorization"].endswith("Signature=" + wanted), (headers, wanted)
        assert "Credential=AKIDEXAMPLE/" in headers["authorization"]
        assert scope == f"{headers['x-amz-date'][:8]}/eu-west-3/s3/aws4_request", scope
        assert {"host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"} <= set(signed), signed
        assert headers["x-amz-content-sha256"] == hashlib.sha256(request["body"]).hexdigest()
        assert headers["x-amz-security-token"] == keys["AWS_SESSION_TOKEN"]
        assert request["method"] == "PUT" and request["path"].startswith("/bucket/lake/")
        assert "s3cret" not in str(request["headers"])
    assert not any(word in "".join(lines) + err for word in ("s3cret", "t0ken", "AKID"))
    for url, words, env, said in (
            (url, ["--format", "tables"], {"AWS_SECRET_ACCESS_KEY": ""}, "--s3 wants AWS_SECRET_ACCESS_KEY"),
            (url, ["--format", "tables"], {"AWS_REGION": "a:b"}, "AWS_REGION holds characters"),
            ("http://host.example/x", ["--format", "tables"], {}, "by https only"),
            (url, [], {}, "--s3 is for tables"), (str(t.dir / "lake"), [], {}, "--s3 is for tables")):
        _, err = ship(t, url, "--once", "--s3", *words, directory, ok=(2,), env={**keys, **env})
        assert said in err and "s3cret" not in err, err


def pyroscope_takes(request):
    """What it makes of a request, by the rules of its /ingest handler (grafana/pyroscope, August 2026): the path, the
    query, the labels of the series, and the fields of the form."""
    url = urllib.parse.urlsplit(request["path"])
    query = dict(urllib.parse.parse_qsl(url.query))
    kind = request["headers"]["Content-Type"]
    assert "format" not in query, "with a format the whole body is a profile, and no form"
    assert kind.startswith("multipart/form-data"), kind
    name, labels = re.fullmatch(r"([^{]*)\{(.*)\}", query["name"]).groups()
    assert re.fullmatch(r"[A-Za-z0-9_./-]+", name), f"a service may not be called {name!r}"
    labels = dict(pair.split("=", 1) for pair in labels.split(","))
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in labels), labels
    assert len(labels) <= 26 and all(len(value) <= 2048 and value == value.strip() for value in labels.values()), labels
    labels.setdefault("service_name", name)
    for end in ("from", "until"):  # ten digits are seconds there, eight would be a date
        assert re.fullmatch(r"\d{10}", query[end]), query
    message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request["body"])
    return url.path, query, labels, {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                                     for part in message.get_payload()}


def test_pyroscope(t):
    need_curl(t)
    directory, trace = parts(t, 1)
    odd = t.record("-c", "sum(range(10**6))", "x" + "ä" * 2000, options=[
        "--service", "api: {web} ä", "--label", "2.b=x, y", "--label", "long=" + "ä" * 1025])
    with Server() as server:
        ship(t, server.url, "--format", "pyroscope", "--once", directory)
        ship(t, server.url, "--format", "pyroscope", "--once", odd.trace)
        ship(t, server.url, "--once", "--state", directory, odd.trace)
        request, other, otlp = server.taken()
    resource, = {tuple(resource.items()) for resource, _ in otlp_check.decode(otlp["body"])}
    longest = {key: len(str(value).encode()) for key, value in resource}
    assert longest["process.command_line"] in (2047, 2048) and longest["long"] == 2048, longest
    assert max(longest.values()) <= 2048, "Pyroscope refuses a profile with a longer value"
    _, query, labels, _ = pyroscope_takes(other)
    assert query["name"].startswith("api___web____{"), query
    assert labels["service_name"] == "api: _web_ ä" and labels["_2_b"] == "x_ y", labels
    assert labels["long"] == "ä" * 1024
    path, query, labels, fields = pyroscope_takes(request)
    assert path == "/ingest" and query["sampleRate"] == "200" and query["spyName"] == "pyrec"
    assert labels["service_name"] == "api"
    assert re.fullmatch(r"api\{service_version=7,host=[^,]+,zone=eu 1\}", query["name"]), query
    assert 0 < int(query["until"]) - int(query["from"]) < 60 and abs(int(query["until"]) - time.time()) < 600
    config = json.loads(fields["sample_type_config"])
    assert config["gil_wait"]["units"] == "nanoseconds" and config["samples"]["units"] == "count"
    wanted = subprocess.run([t.pyanalyze, "export", "--format", "pprof", trace], capture_output=True, check=True).stdout
    assert gzip.decompress(fields["profile"]) == gzip.decompress(wanted)
