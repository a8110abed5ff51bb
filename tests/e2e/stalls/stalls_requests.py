# SPDX-License-Identifier: MIT
"""Servers that begin a thread or a process for each connection: the slow requests are found, and nothing else."""
import json
import subprocess

from e2e import Skip, wide
from stalls import OVER, SLEEPS, timestamp

# `ask` is the client of one kind of server after the other, in the same process: quick requests and three
# slow ones for each, a client that says nothing, and one whose upload is slow. The views log the truth.
PROGRAM = '''
import http.client, http.server, json, socket, socketserver, sys, threading, time
import wsgiref.simple_server
lock, truth, servers = threading.Lock(), [], []
SLOW, QUICK, KINDS = 0.6, int(sys.argv[1]), sys.argv[2].split(",")

def burn():
    end = time.thread_time() + SLOW
    while time.thread_time() < end:
        sum(range(1000))

def slow_cpu(read):
    burn()

def slow_sleep(read):
    time.sleep(SLOW)

def slow_lock(read):
    lock.acquire()
    threading.Timer(SLOW, lock.release).start()
    with lock:
        pass

def slow_upload(read):
    read(4)

def quick(read):
    sum(range(1000))

def view(path, read):
    begin = time.time()
    globals()[path.strip("/")](read)
    truth.append((path.strip("/"), begin, time.time()))
    return b"ok"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = view(self.path, self.rfile.read)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *words):
        pass

class Keeping(Handler):
    protocol_version = "HTTP/1.1"

def app(environ, start_response):
    body = view(environ["PATH_INFO"], environ["wsgi.input"].read)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

class Wsgi(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True

class Silent(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *words):
        pass

class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(view(line.decode().strip(), self.rfile.read) + b"\\n")

class Deep(Lines):
    def handle(self):
        while self.turn():
            pass
    def turn(self):
        line = self.rfile.readline()
        if line:
            self.wfile.write(view(line.decode().strip(), self.rfile.read) + b"\\n")
        return line

def make(kind):
    if kind == "flask":
        import flask, logging, werkzeug.serving
        logging.getLogger("werkzeug").disabled = True
        application = flask.Flask("app")
        @application.route("/<name>", methods=["GET", "POST"])
        def route(name):
            return view(name, flask.request.stream.read)
        return werkzeug.serving.make_server("127.0.0.1", 0, application, threaded=True)
    if kind == "wsgi":
        server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, Wsgi, Silent)
        return server
    if kind in ("lines", "deep"):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lines if kind == "lines" else Deep)
        server.daemon_threads = True
        return server
    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeping if kind == "keep" else Handler)

class Client:
    """Asks in the words of the server."""
    def __init__(self, kind, address):
        self.kind, self.address = kind, address
        self.kept = None
        if kind in ("lines", "deep"):
            self.kept = socket.create_connection(address)
            self.lines = self.kept.makefile("rwb", buffering=0)
        elif kind == "keep":
            self.kept = http.client.HTTPConnection(*address)
    def ask(self, name, body=None):
        if self.kind in ("lines", "deep"):
            self.lines.write(name.encode() + b"\\n")
            if body:
                time.sleep(SLOW)
                self.lines.write(body)
            return self.lines.readline()
        client = self.kept or http.client.HTTPConnection(*self.address)
        if body:
            client.putrequest("POST", "/" + name)
            client.putheader("Content-Length", str(len(body)))
            client.endheaders()
            time.sleep(SLOW)
            client.send(body)
        else:
            client.request("GET", "/" + name)
        client.getresponse().read()
        if self.kept is None:
            client.close()

def ask(kind, server):
    mute = socket.create_connection(server.server_address[:2])
    client = Client(kind, server.server_address[:2])
    for name in ("cpu", "sleep", "lock", "upload") if "none" not in sys.argv else ():
        for i in range(QUICK // 4):
            client.ask("quick")
            time.sleep(0.002)
        client.ask("slow_" + name, b"body" if name == "upload" else None)
    for i in range(QUICK if "none" in sys.argv else 0):
        client.ask("quick")
    time.sleep(SLOW)  # a connection that is kept, and asks nothing
    server.shutdown()

def main():
    for kind in KINDS:
        server = make(kind)
        threading.Thread(target=ask, args=(kind, server), name="ask " + kind, daemon=True).start()
        server.serve_forever(0.05)
    print(json.dumps(truth))
main()
'''

SLOW = ("slow_cpu", "slow_sleep", "slow_lock", "slow_upload")


def record(t, *words):
    run = t.record(t.file("server.py", PROGRAM), *words, rate=200)
    return run, json.loads(run.out.splitlines()[-1])


def is_near(row, name, begin, end):
    return timestamp(row) < end and timestamp(row) + row["duration"] > begin and \
        name in [line["function"] for line in row["stack"]]


def brief(rows):
    return [(row["thread"], row["date"], row["duration"], row["cause"], row["function"]) for row in rows]


def check_one(t, run, request, near, sure):
    name, begin, end = request
    if not near and t.unobserved(run.trace) > 0:  # what nobody saw cuts it
        near = [row for row in t.stalls(run.trace, "--over", "20ms") if is_near(row, *request)]
        assert near, (request, t.unobserved(run.trace))
        return
    assert len(near) == 1, (request, brief(near), brief(t.stalls(run.trace)))
    row = near[0]
    slack = 0.3 + row["unobserved"] + t.unobserved(run.trace)
    assert abs(timestamp(row) - begin) < slack, (request, brief(near))
    assert 0.6 * (end - begin) - slack < row["duration"] < end - begin + slack, (request, brief(near))
    assert row["pieces"] == "one" or name == "slow_cpu" and not sure, row
    assert row["end"] in ("ended", "came back"), row
    calls = {"slow_cpu": (None,), "slow_sleep": SLEEPS, "slow_lock": ("futex",),
             "slow_upload": ("recvfrom", "read", "poll")}[name]
    assert row["cause"] in ("ready", "gil", "blocked" if name != "slow_cpu" else "cpu"), row
    assert row["blocked_in"] in calls or row["cause"] != "blocked", row


def check(t, run, truth, sure=True):
    """Each slow request is one stall, with what it did; any other is one that the server saw, too."""
    rows = [row for row in t.stalls(run.trace) if row["thread"] != "MainThread"]
    for request in truth:
        name, begin, end = request
        near = [row for row in rows if is_near(row, *request)]
        if not name.startswith("slow") or not near and end - begin < OVER + 0.1:
            continue  # an upload that was over before the server came to read it
        check_one(t, run, request, near, sure)
        rows = [row for row in rows if row not in near]
    for row in rows:  # the machine was busy with something else
        assert row["cause"] in ("ready", "gil") or \
            any(end - begin >= OVER - 0.1 and timestamp(row) < end and
                timestamp(row) + row["duration"] > begin for _, begin, end in truth), row


def places_of(t, run):
    row, = [row for row in t.stalls(run.trace, threads=True) if row["thread"] == "request threads"]
    return row, {(place["taken_for"], place["function"].split(".")[-1]) for place in row["places"]}


def test_servers(t):
    """http.server and wsgiref, which close a connection, so that a thread has one request only."""
    run, truth = record(t, "60", "http,wsgi")
    assert [name for name, _, _ in truth if name in SLOW] == list(SLOW) * 2, truth
    check(t, run, truth)
    row, places = places_of(t, run)
    assert row["outcome"] == "found" and row["stalls"] >= 8 and row["thread_id"] is None, row
    assert places == {("idle", "readinto"), ("work", "process_request_thread")}, row
    text = t.analyze("stalls", run.trace)
    assert "request threads of process" in text and "all else is work" in text, text
    assert "process_request_thread) of process" not in text, text
    assert "process_request_thread)" not in text.split("not asked about")[1].split("\n")[0], text


def test_kept_connections(t):
    """One connection for many requests: waiting for the next one is idle. Many quick ones might look like a slow one."""
    for kind, sure in (("keep", "known by name"), ("lines", "likely: the wait of the loop itself")):
        run, truth = record(t, "60", kind)
        check(t, run, truth, sure=False)
        row, places = places_of(t, run)
        assert places == {("idle", "readinto"), ("work", "process_request_thread")}, row
        assert sure in {place["sure"] for place in row["places"]}, row


def test_flask(t):
    if subprocess.run([t.python, "-c", "import flask"], capture_output=True).returncode:
        raise Skip("this interpreter has no Flask")
    run, truth = record(t, "40", "flask")
    check(t, run, truth)


def test_never_slow(t):
    run, truth = record(t, "100", "http,keep", "none")
    check(t, run, truth)
    row, places = places_of(t, run)
    slow = [end - begin for _, begin, end in truth if end - begin >= OVER]
    assert row["outcome"] == "none" or slow or row["stalls"] == len(
        [stall for stall in t.stalls(run.trace) if stall["cause"] in ("ready", "gil")]), row
    assert ("idle", "readinto") in places and "0 stalls" in t.analyze("stalls", run.trace), row


def test_cannot_tell(t):
    """A handler that reads in functions of its own: that may be the client or a database."""
    run, _ = record(t, "40", "deep")
    row, = [row for row in t.stalls(run.trace, threads=True) if "request" in row["thread"]]
    assert row["outcome"] == "cannot tell" and row["stalls"] == 0, row
    assert any(place["option"] for place in row["places"]), row


FORKS = """
import http.client, http.server, socketserver, subprocess, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.6 if self.path == "/slow" else 0.01)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    pass
CLIENT = "import http.client, sys\\nfor i in range(12):\\n c = http.client.HTTPConnection('127.0.0.1', sys.argv[1])\\n" \\
    " c.request('GET', '/slow' if i in (4, 8) else '/')\\n c.getresponse().read()"
server = Server(("127.0.0.1", 0), Handler)
client = subprocess.Popen([sys.executable, "-S", "-c", CLIENT, str(server.server_port)], env={})
threading.Thread(target=lambda: (client.wait(), server.shutdown()), daemon=True).start()
server.serve_forever(0.05)
"""


@wide
def test_a_process_for_each(t):
    run = t.record("-c", FORKS, rate=500)
    # those that wait for a CPU are the machine's
    slow = [row for row in t.stalls(run.trace) if row["cause"] not in ("ready", "gil")
            and "do_GET" in [line["function"].split(".")[-1] for line in row["stack"]]]
    assert len(slow) == 2 or t.unobserved(run.trace) > 0, brief(slow)
    for row in slow:
        assert row["end"] == "ended" and row["pieces"] == "one" and row["duration"] >= OVER, row
    rows = t.stalls(run.trace, threads=True)
    one, = [row for row in rows if row["thread"] == "request processes"]
    assert one["outcome"] == "found" and one["stalls"] >= len(slow) and len(rows) <= 3, rows  # and server, client
    text = t.analyze("stalls", run.trace)
    assert f"request processes of process {one['process']} " in text, text
    assert "MainThread of process" in text.split("\n1. ")[1].split("\n")[0], text


LINES = """
import http.server, inspect, json, socketserver
def calls(function, word):
    return [i for i, line in enumerate(inspect.getsource(function).split("\\n")) if word in line and "def " not in line]
print(json.dumps([calls(http.server.BaseHTTPRequestHandler.handle, "handle_one_request("),
                  calls(socketserver.ForkingMixIn.process_request, "os.fork("),
                  calls(socketserver.ForkingMixIn.process_request, "finish_request("),
                  calls(socketserver.BaseServer.process_request, "finish_request("),
                  len(inspect.getsource(socketserver.ThreadingMixIn.process_request).strip().split("\\n")) - 1]))
"""


def test_lines_of_the_library(t):
    """By which of its lines a function is known (idle_request.c)."""
    done = subprocess.run([t.python, "-c", LINES], capture_output=True, text=True, check=True)
    (first, *others), forks, forked, served, threads = json.loads(done.stdout)
    assert first <= 4 < min(others), (first, others)
    assert forks == [2] and min(forked) > 8 >= max(served + [threads]) and 2 not in served, done.stdout
