# SPDX-License-Identifier: MIT
"""The programs that tests/bench/overhead.py measures: a fixed amount of work each.

usage: overhead_work.py CASE SCALE      prints the seconds that the work took
"""
import http.client
import http.server
import os
import subprocess
import sys
import threading
import time


def step(n):
    """A few hundred bytecodes: calls, a list, a dict, arithmetic."""
    total = 0
    seen = {}
    for i in range(n):
        seen[i & 15] = total
        total += len(str(i)) + add(i, total)
    return total


def add(a, b):
    return (a ^ b) & 255


def busy(scale):
    for _ in range(scale):
        step(20000)


def deep(scale, depth=300):
    """The same work under a stack of `depth` frames."""
    if depth == 0:
        return busy(scale)
    return deep(scale, depth - 1)


def ten(scale):
    """Leaf at depth 10, for the time of one sample."""
    deep(scale, 6)


def recursion(scale):
    """Stacks that grow and shrink all the time."""
    def down(n):
        return 1 if n == 0 else down(n - 1) + 1
    for _ in range(scale * 12):
        down(900)


def idle(scale, threads=300):
    """One thread works, the others wait, as in the pools of a server."""
    stop = threading.Event()
    pool = [threading.Thread(target=stop.wait, daemon=True) for _ in range(threads)]
    for thread in pool:
        thread.start()
    begin = time.perf_counter()
    busy(scale)
    took = time.perf_counter() - begin
    stop.set()
    for thread in pool:
        thread.join()
    return took


def processes(scale):
    """Two of them, for two CPUs."""
    pair = [subprocess.Popen([sys.executable, __file__, 'busy', str(scale)],
                             stdout=subprocess.DEVNULL) for _ in range(2)]
    for process in pair:
        process.wait()


def threads(scale):
    """Four threads that compete for the GIL."""
    pool = [threading.Thread(target=busy, args=(scale // 4,)) for _ in range(4)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        body = str(step(300)).encode() * 50
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def web(scale):
    """A threading server, four clients of another process. Prints also the 99th percentile."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = dict(os.environ)
    environment.pop('LD_PRELOAD', None)
    result = subprocess.run([sys.executable, __file__, 'clients', str(scale),
                             str(server.server_address[1])],
                            stdout=subprocess.PIPE, env=environment, check=True)
    took, percentile = map(float, result.stdout.split())
    server.shutdown()
    print(percentile, end=' ')
    return took


def clients(scale):
    port = int(sys.argv[3])
    latencies = []

    def client():
        connection = http.client.HTTPConnection('127.0.0.1', port)
        for _ in range(scale * 8):
            begin = time.perf_counter()
            connection.request('GET', '/')
            connection.getresponse().read()
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    pool = [threading.Thread(target=client) for _ in range(4)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    took = time.perf_counter() - begin
    latencies.sort()
    print(took, latencies[len(latencies) * 99 // 100])
    sys.exit(0)


if __name__ == '__main__':
    begin = time.perf_counter()
    took = globals()[sys.argv[1]](int(sys.argv[2]))
    print(took if isinstance(took, float) else time.perf_counter() - begin)
