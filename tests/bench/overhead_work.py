# SPDX-License-Identifier: MIT
"""The programs that the benchmarks measure: a fixed amount of work each.

usage: overhead_work.py CASE SCALE

Prints a line of JSON: "seconds" that the work took, "cpu" seconds of this process and of children
that have ended, since it started, and what a case has to say besides.
"""
import contextlib
import http.client
import http.server
import io
import json
import os
import resource
import runpy
import subprocess
import sys
import threading
import time


def this_file():
    """Some profilers leave their own name in __file__."""
    return this_file.__code__.co_filename


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
    pair = [subprocess.Popen([sys.executable, this_file(), 'busy', str(scale)],
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
    """A threading server, four clients in another process, which is not recorded."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = dict(os.environ)
    environment.pop('LD_PRELOAD', None)
    result = subprocess.run([sys.executable, this_file(), 'clients', str(scale),
                             str(server.server_address[1])],
                            stdout=subprocess.PIPE, env=environment, check=True)
    facts = json.loads(result.stdout)
    server.shutdown()
    return facts


def clients(scale):
    """For web: "seconds", requests per second, and the 99th percentile of their seconds."""
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
    return {'seconds': took, 'p99': latencies[len(latencies) * 99 // 100],
            'requests_per_second': len(latencies) / took}


def fib(scale):
    """samples/fib.py, as it is; its own scale is exponential."""
    sys.argv = ['fib.py', '22']
    with contextlib.redirect_stdout(io.StringIO()) as out:
        for _ in range(max(1, scale // 4)):
            runpy.run_path(os.path.join(os.path.dirname(this_file()), '..', '..', 'samples',
                                        'fib.py'), run_name='__main__')
    return {'check': sum(int(line.split()[2].strip(',')) for line in out.getvalue().splitlines())}


def nothing(_):
    """What starting costs, and ending."""


def mixture(scale):
    """The ten, one after the other."""
    import ten_code
    import ten_data
    return sum(function(scale) for module in (ten_data, ten_code)
               for name, function in sorted(vars(module).items()) if name.endswith('_work'))


def case(name):
    """A function of this module, or one of the ten programs."""
    if name.endswith('_work'):
        import ten_code
        import ten_data
        return vars(ten_data).get(name) or vars(ten_code)[name]
    return globals()[name]


def main():
    function, scale = case(sys.argv[1]), int(sys.argv[2])
    begin = time.perf_counter()
    result = function(scale)
    facts = {'seconds': time.perf_counter() - begin}
    if isinstance(result, dict):
        facts.update(result)
    elif isinstance(result, float):
        facts['seconds'] = result
    elif isinstance(result, int):
        facts['check'] = result
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    facts['cpu'] = sum(usage.ru_utime + usage.ru_stime for usage in used)
    print('\n' + json.dumps(facts), flush=True)


if __name__ == '__main__':
    main()
