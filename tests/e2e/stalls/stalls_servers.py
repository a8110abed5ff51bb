# SPDX-License-Identifier: MIT
"""More programs for stalls_matrix: servers, and workers that others give jobs."""
from stalls_loops import THREAD, loop

POOL = '''
import MODULE
def work(n):
    if n == 0:
        prepare()
    done = tick()
    if done:
        finish()
    return done
if __name__ == "__main__":
    with MODULE.Pool(1) as pool:
        n = 0
        while not pool.apply(work, (n,)):
            n += 1
            time.sleep(PERIOD)
'''
loop("mp-pool", "queue", text=POOL.replace("MODULE", "multiprocessing"))
loop("billiard", "queue", ["billiard"], text=POOL.replace("MODULE", "billiard"))
loop("mp-connection", "python-loop", text=THREAD + '''
import multiprocessing
here, there = multiprocessing.Pipe()
threading.Thread(target=feed, args=(lambda: here.send(1),), daemon=True).start()
while True:
    there.recv()
    while there.poll():
        there.recv()
    if tick():
        break
finish()
''')
loop("socketserver", "known", text=THREAD + '''
import socketserver
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1)
        if tick():
            threading.Thread(target=server.shutdown).start()
server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
def ask():
    with socket.create_connection(server.server_address) as client:
        client.send(b"x")
        client.recv(1)
threading.Thread(target=feed, args=(ask,), daemon=True).start()
server.serve_forever()
finish()
''')
loop("asyncore", "known", ["asyncore"], text=THREAD + '''
import warnings
warnings.simplefilter("ignore")
import asyncore
here, there = socket.socketpair()
class Channel(asyncore.dispatcher):
    def handle_read(self):
        self.recv(1000)
        if tick():
            self.close()
    def writable(self):
        return False
Channel(there)
threading.Thread(target=feed, args=(lambda: here.send(b"x"),), daemon=True).start()
asyncore.loop(timeout=5)
finish()
''')
loop("redis", "queue", ["redis", "redis-server"], text=THREAD + '''
import redis
path = LOG + ".redis"
server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", ""],
                          stdout=subprocess.DEVNULL)
while not os.path.exists(path):
    time.sleep(0.02)
client = redis.Redis(unix_socket_path=path)
feeder = redis.Redis(unix_socket_path=path)
threading.Thread(target=feed, daemon=True, args=(
    lambda: feeder.llen("jobs") or feeder.rpush("jobs", 1),)).start()
def main():
    while True:
        client.blpop("jobs", timeout=5)
        if tick():
            break
try:
    main()
    finish()
finally:
    server.terminate()
''')
GUNICORN = '''
prepare()
import signal, http.client
def ask(port):
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/")
    client.getresponse().read()
    client.close()
def app(environ, start_response):
    if tick():
        finish()
        os.kill(os.getppid(), signal.SIGTERM)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
def feed(port):
    while True:
        time.sleep(PERIOD)
        ask(port)
def start(worker):
    port = worker.sockets[0].getsockname()[1]
    threading.Thread(target=feed, args=(port,), daemon=True).start()
'''
loop("gunicorn-sync", "known", ["gunicorn"], text=GUNICORN, gunicorn=["-k", "sync"])
loop("gunicorn-gthread", "queue", ["gunicorn"], text=GUNICORN,
     gunicorn=["-k", "gthread", "--threads", "1"], thread="ThreadPoolExecutor-0_0")
loop("mp-queue", "queue", text='''
import multiprocessing
def worker(jobs):
    prepare()
    while True:
        jobs.get()
        if tick():
            break
    finish()
if __name__ == "__main__":
    jobs = multiprocessing.Queue()
    process = multiprocessing.Process(target=worker, args=(jobs,))
    process.start()
    while process.is_alive():
        jobs.put(1)
        time.sleep(PERIOD)
''')
loop("http.server", "known", text=THREAD + '''
import http.client, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if tick():
            threading.Thread(target=server.shutdown).start()
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
def ask():
    client = http.client.HTTPConnection(*server.server_address)
    client.request("GET", "/")
    client.getresponse().read()
    client.close()
threading.Thread(target=feed, args=(ask,), daemon=True).start()
server.serve_forever()
finish()
''')
loop("zmq", "python-loop", ["zmq"], text=THREAD + '''
import zmq
context = zmq.Context()
pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
push.connect("tcp://127.0.0.1:%d" % pull.bind_to_random_port("tcp://127.0.0.1"))
threading.Thread(target=feed, args=(lambda: push.send(b"x"),), daemon=True).start()
poller = zmq.Poller()
poller.register(pull, zmq.POLLIN)
def main():
    while True:
        for source, event in poller.poll(5000):
            source.recv()
        if tick():
            break
main()
finish()
''')
loop("waitress", "queue", ["waitress"], thread="waitress-0", text=THREAD + '''
import http.client, waitress.server
def app(environ, start_response):
    if tick():
        finish()
        server.close()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
server = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=1)
def ask():
    client = http.client.HTTPConnection("127.0.0.1", server.effective_port)
    client.request("GET", "/")
    client.getresponse().read()
    client.close()
threading.Thread(target=feed, args=(ask,), daemon=True).start()
try:
    server.run()
except OSError:
    pass
''')
SEMAPHORE = THREAD + '''
jobs = threading.SEMAPHORE(0)
threading.Thread(target=feed, args=(jobs.release,), daemon=True).start()
def main():
    while True:
        jobs.acquire()
        if tick():
            break
main()
finish()
'''
loop("semaphore", "python-loop", text=SEMAPHORE.replace("SEMAPHORE", "Semaphore"))
loop("asyncio-semaphore", "known", text=THREAD + '''
import asyncio
async def main():
    jobs = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()
    threading.Thread(target=feed, daemon=True,
                     args=(lambda: loop.call_soon_threadsafe(jobs.release),)).start()
    while not tick():
        await jobs.acquire()
asyncio.run(main())
finish()
''')
FUTURES = '''
prepare()
import concurrent.futures
pool = concurrent.futures.ThreadPoolExecutor(1)
def job():
    time.sleep(PERIOD)
def main():
    ended = False
    while not ended:
        WAIT
main()
finish()
'''
loop("as-completed", "python-loop", may_doubt=True, text=FUTURES.replace("WAIT", '''
        jobs = [pool.submit(job) for i in range(10)]
        for future in concurrent.futures.as_completed(jobs):
            ended = ended or tick()'''))
loop("future", "python-loop", may_doubt=True, text=FUTURES.replace("WAIT", '''
        pool.submit(job).result()
        ended = tick()'''))
REDIS_LISTEN = THREAD + '''
import redis
server = socket.create_server(("127.0.0.1", 0))
def serve(connection):      # as much of redis as a subscriber needs
    connection.recv(1000)
    connection.send(b"*3\\r\\n$9\\r\\nsubscribe\\r\\n$4\\r\\njobs\\r\\n:1\\r\\n")
    feed(lambda: connection.send(b"*3\\r\\n$7\\r\\nmessage\\r\\n$4\\r\\njobs\\r\\n$1\\r\\n1\\r\\n"))
threading.Thread(target=lambda: serve(server.accept()[0]), daemon=True).start()
client = redis.Redis(port=server.getsockname()[1])
jobs = client.pubsub()
jobs.subscribe("jobs")
def main():
    WAIT
        if tick():
            break
main()
finish()
'''
loop("redis-listen", "queue", ["redis"], text=REDIS_LISTEN.replace("WAIT", "for job in jobs.listen():"))
loop("redis-message", "queue", ["redis"],
     text=REDIS_LISTEN.replace("WAIT", "while True:\n        jobs.get_message(timeout=5)"))
BUSY_ASYNCIO = '''
prepare()
import asyncio
def spin():
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
async def work():
    while not tick():
        spin()
        await asyncio.sleep(0)
def main():
    START
main()
finish()
'''
loop("asyncio-never-waits", "known", may_doubt=True,
     text=BUSY_ASYNCIO.replace("START", "asyncio.run(work())"))
loop("uvloop-never-waits", "c-loop", ["uvloop"], may_doubt=True,
     text=BUSY_ASYNCIO.replace("START", "import uvloop; uvloop.install(); asyncio.run(work())"))
loop("tk-never-waits", "c-loop", ["tkinter"], display=True, may_doubt=True, text='''
prepare()
import tkinter
root = tkinter.Tk()
def beat():
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    if tick():
        root.destroy()
    else:
        root.after(0, beat)
root.after(100, beat)
root.mainloop()
finish()
''')
