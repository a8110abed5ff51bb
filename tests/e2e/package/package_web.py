# SPDX-License-Identifier: MIT
"""pyrec.wsgi and pyrec.asgi: requests as phases, with frameworks where they are there."""
import subprocess

from e2e import Skip, near
from package import BEGIN, environment

WSGI = """
from wsgiref.util import setup_testing_defaults
import pyrec.wsgi
def app(environ, start):
    if environ["PATH_INFO"] == "/fails": raise ValueError("told")
    start("404 Not Found" if environ["PATH_INFO"] == "/no" else "200 OK", [])
    def body():
        for _ in range(3):
            work(.02)
            yield b"x"
    return body() if environ["PATH_INFO"] == "/stream" else [b"x"]
wrapped = pyrec.wsgi.Middleware(app)
def get(path, most=9):
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    said = []
    body = wrapped(environ, lambda status, headers: said.append(status))
    data = [part for part, _ in zip(body, range(most))]
    body.close()
    return said, data
assert get("/") == (["200 OK"], [b"x"])
assert get("/stream")[1] == [b"x"] * 3 and len(get("/stream", 1)[1]) == 1
assert get("/no")[0] == ["404 Not Found"]
try: get("/fails")
except ValueError as error: assert str(error) == "told"
else: assert 0
"""

FLASK = """
import flask, pyrec.wsgi
app = flask.Flask("app")
@app.route("/users/<int:number>")
def user(number):
    work(.05)
    return flask.abort(500) if number == 3 else str(number)
app.wsgi_app = pyrec.wsgi.Middleware(app.wsgi_app, pyrec.wsgi.flask_route(app))
client = app.test_client()
assert client.get("/users/1").data == b"1" and client.get("/users/3").status_code == 500
assert client.get("/nowhere").status_code == 404
"""

ASGI = """
import asyncio, pyrec.asgi
async def app(scope, receive, send):
    if scope["type"] == "lifespan": return
    for _ in range(5):
        work(.01)
        await asyncio.sleep(.005)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
wrapped = pyrec.asgi.Middleware(app)
said = []
async def send(message): said.append(message["type"])
async def get(path): await wrapped({"type": "http", "method": "GET", "path": path}, None, send)
async def main():
    await wrapped({"type": "lifespan"}, None, send)
    await asyncio.gather(get("/a"), get("/b"))
asyncio.run(main())
assert len(said) == 4, said
"""

STARLETTE = """
import asyncio, pyrec.asgi, starlette.applications, starlette.responses, starlette.routing
async def user(request):
    work(.05)
    return starlette.responses.PlainTextResponse(request.path_params["id"])
app = starlette.applications.Starlette(routes=[starlette.routing.Route("/users/{id}", user)])
wrapped = pyrec.asgi.Middleware(app)
said = []
async def send(message): said.append(message)
async def receive(): return {"type": "http.request", "body": b"", "more_body": False}
async def get(path):
    await wrapped({"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"",
                   "root_path": ""}, receive, send)
asyncio.run(get("/users/7")); asyncio.run(get("/users/8")); asyncio.run(get("/nowhere"))
assert [m["status"] for m in said if m["type"] == "http.response.start"] == [200, 200, 404], said
"""


# A real server, in a thread, and a client that keeps its connections.
UVICORN = """
import asyncio, http.client, socket, pyrec.asgi, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
async def user(request): return PlainTextResponse(request.path_params["id"])
async def stream(request):
    assert len(await request.body()) in (0, 70000)
    async def parts():
        for i in range(5):
            await asyncio.sleep(.02)
            yield b"%d" % i
    return StreamingResponse(parts())
async def fails(request): raise KeyError("mine")
async def talk(socket):
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()
app = Starlette(routes=[Route("/users/{id}", user), Route("/fails", fails), WebSocketRoute("/talk/{who}", talk),
                        Mount("/api", routes=[Route("/stream/{n}", stream, methods=["GET", "POST"])])])
wrapped = pyrec.asgi.Middleware(app)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(wrapped, log_level="critical", ws="none"))
server.install_signal_handlers = lambda: None
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
thread.start()
while not server.started: time.sleep(.01)
def client():
    connection = http.client.HTTPConnection(*listener.getsockname(), timeout=60)
    kept = None
    for method, path, status, said in [("GET", "/users/7", 200, b"7"), ("GET", "/api/stream/1", 200, b"01234"),
                                       ("GET", "/fails", 500, None), ("POST", "/api/stream/2", 200, b"01234"),
                                       ("GET", "/users/8", 200, b"8"), ("GET", "/nowhere", 404, None)]:
        connection.request(method, path, body=b"x" * 70000 if method == "POST" else None)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == status and said in (None, data), (path, answer.status, data)
        assert kept in (None, connection.sock.getsockname()), path
        kept = connection.sock.getsockname()
        if status == 500:  # uvicorn ends it without a word
            connection.close()
            kept = None
crowd = [threading.Thread(target=client) for _ in range(3)]
for one in crowd: one.start()
for one in crowd: one.join()
server.should_exit = True
thread.join()
async def websocket():
    said, told = [], [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    async def receive(): return told.pop(0)
    async def send(message): said.append(message)
    await wrapped({"type": "websocket", "path": "/talk/me", "headers": [], "query_string": b"", "root_path": "",
                   "subprotocols": []}, receive, send)
    assert [m["type"] for m in said] == ["websocket.accept", "websocket.send", "websocket.close"], said
    assert said[1]["text"] == "hello"
asyncio.run(websocket())
"""

WSGIREF = """
import http.client, flask, pyrec.wsgi
from wsgiref.simple_server import WSGIRequestHandler, make_server
app = flask.Flask("app")
@app.route("/stream/<n>")
def stream(n):
    def parts():
        for i in range(4):
            work(.01)
            yield str(i)
    return flask.Response(parts())
@app.route("/fails")
def fails(): raise KeyError("mine")
def plain(environ, start):
    if environ["PATH_INFO"] != "/plain": return flask_wrapped(environ, start)
    start("200 OK", [])
    return [b"plain"]
flask_wrapped = pyrec.wsgi.Middleware(app)
class Quiet(WSGIRequestHandler):
    def log_message(self, *args): pass
server = make_server("127.0.0.1", 0, pyrec.wsgi.Middleware(plain, name="outer"), handler_class=Quiet)
app.logger.disabled = True
thread = threading.Thread(target=server.serve_forever)
thread.start()
for path, status, said in [("/stream/7", 200, b"0123"), ("/fails", 500, None), ("/plain", 200, b"plain")]:
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == status and said in (None, data), (path, answer.status, data)
    assert path != "/plain" or answer.getheader("content-length") == "5", answer.getheaders()
server.shutdown()
thread.join()
server.server_close()
"""


def requests(t, source, *modules, names=("request",)):
    for module in modules:
        if subprocess.run([t.python, "-c", f"import {module}"], capture_output=True).returncode:
            raise Skip(f"no {module} for this interpreter")
    path = t.file("program.py", BEGIN + source)
    done = t.record(path, rate=1000, env=environment(t, PYTHONWARNINGS="ignore"))
    assert "Traceback" not in done.err, done.err
    rows = t.rows("phases", done.trace, "--by", "detail")
    labels = t.rows("phases", done.trace, "--by", "label")
    assert all(row["open"] == 0 and row["phase"] in names for row in rows), rows
    return {row["detail"]: row for row in rows}, {(row["phase"], row["detail"]): row["count"] for row in labels}, done


def test_wsgi(t):
    """Up to the end of the body, or to its close(); what fails still fails, and ends."""
    rows, labels, _ = requests(t, WSGI)
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /": 1, "GET /stream": 2, "GET /no": 1, "GET /fails": 1}, rows
    assert rows["GET /stream"]["total"] >= 0.079, rows  # its body too; how much more is the machine's affair
    assert labels == {("status", "200"): 3, ("status", "404"): 1}, labels


def test_flask(t):
    rows, labels, done = requests(t, FLASK, "flask")
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /users/<int:number>": 2, "GET /nowhere": 1}, rows
    assert labels[("route", "/users/<int:number>")] == 2 and labels[("status", "500")] == 1, labels
    functions = t.rows("functions", done.trace, "--label", "route=/users/<int:number>")
    assert any(row["function"] == "work" for row in functions), functions


def test_asgi(t):
    """Two at once in one thread: each has its own CPU."""
    rows, labels, _ = requests(t, ASGI)
    assert {detail: row["count"] for detail, row in rows.items()} == {"GET /a": 1, "GET /b": 1}, rows
    near(rows["GET /a"]["wall"], rows["GET /b"]["wall"], relative=0.6)
    assert rows["GET /a"]["total"] > 0.075 and labels == {("status", "200"): 2}, (rows, labels)


def test_starlette(t):
    rows, labels, _ = requests(t, STARLETTE, "starlette")
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /users/{id}": 2, "GET /nowhere": 1}, rows
    assert labels[("route", "/users/{id}")] == 2 and labels[("status", "404")] == 1, labels


def test_uvicorn(t):
    """Connections that are kept, three at once, answers in parts, a route below another, an error, a websocket."""
    rows, labels, _ = requests(t, UVICORN, "uvicorn", "starlette", names=("request", "websocket"))
    assert {detail: row["count"] for detail, row in rows.items()} == {
        "GET /users/{id}": 6, "GET /api/stream/{n}": 3, "POST /api/stream/{n}": 3, "GET /fails": 3, "GET /nowhere": 3,
        "/talk/{who}": 1}, rows
    assert rows["GET /api/stream/{n}"]["mean"] > 0.09, rows
    assert labels[("status", "500")] == 3 and labels[("status", "200")] == 12, labels
    assert labels[("route", "/api/stream/{n}")] == 6 and labels[("route", "/talk/{who}")] == 1, labels


def test_wsgiref_and_flask(t):
    """Through a server: answers in parts, an error, the length that it finds out; one middleware around another."""
    rows, labels, _ = requests(t, WSGIREF, "flask", names=("request", "outer"))
    assert {detail: row["count"] for detail, row in rows.items() if row["phase"] == "request"} == {
        "GET /stream/<n>": 1, "GET /fails": 1}, rows
    assert rows["GET /plain"]["count"] == 1 and labels[("status", "500")] == 2, (rows, labels)
