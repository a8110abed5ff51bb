"""A call-heavy program for the single-stepping test: every way in which frames come and go.

Stops itself before and after; in between the stepper looks at every instruction.
"""
import os
import select
import signal
import socket
import sys
import time


def leaf(x):
    return x + 1


def chain(n):
    return leaf(n) if n == 0 else chain(n - 1)


def counter(n):
    for i in range(n):
        yield leaf(i)


def delegate(n):
    result = yield from counter(n)
    return result


def catches():
    try:
        while True:
            try:
                yield 1
            except KeyError:
                leaf(1)
    finally:
        leaf(2)


def throw_through():
    def inner():
        try:
            yield 1
        except ValueError:
            yield leaf(3)

    def outer():
        yield from inner()

    g = outer()
    next(g)
    g.throw(ValueError())
    g.close()


class Suspend:
    def __await__(self):
        yield 1


async def coroutine(n):
    for _ in range(n):
        await Suspend()
    return leaf(n)


async def outer_coroutine():
    return await coroutine(3)


def drive(coro):
    try:
        while True:
            coro.send(None)
    except StopIteration as stop:
        return stop.value


class Thing:
    def __init__(self, value):
        self.value = leaf(value)

    def __lt__(self, other):
        return self.value < other.value

    @property
    def twice(self):
        return leaf(self.value) * 2

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        leaf(0)
        return True

    def __del__(self):
        leaf(9)


class Slotted(Thing):
    __slots__ = ("more",)

    def __init__(self):
        super().__init__(4)
        self.more = [leaf(i) for i in range(3)]


def raises(depth):
    if depth == 0:
        raise ValueError("deep")
    raises(depth - 1)


def keywords(a, *args, b=1, **rest):
    return leaf(a) + b + len(args) + len(rest)


def closures(n):
    cells = []
    for i in range(n):
        def inner(k=i):
            return leaf(k) + n
        cells.append(inner)
    return sum(f() for f in cells)


def mixed_loop(n):
    """Called from the loop and from the generator in turn: frames at the same place."""
    for i in counter(n):
        leaf(i)
        for j in delegate(2):
            leaf(j)


async def ticker(n):
    for i in range(n):
        await Suspend()
        yield leaf(i)


async def async_loop():
    async for i in ticker(3):
        leaf(i)
    return [leaf(i) async for i in ticker(2)]


PIPE = os.pipe()
PAIR = socket.socketpair()


def system_calls():
    """Where a thread could be blocked."""
    time.sleep(0)
    os.write(PIPE[1], b"x")
    select.select([PIPE[0]], [], [], 0)
    os.read(PIPE[0], 1)
    PAIR[0].send(b"x")
    sorted((2, 1), key=lambda x: len(PAIR[1].recv(1)) if x == 2 else os.stat("/").st_nlink)


COMPILED = compile("def f(x):\n    return leaf(x)\nf(1)", "<step>", "exec")
EXPRESSION = compile("leaf(7)", "<step>", "eval")


def round_of_work():
    system_calls()
    chain(6)
    list(counter(5))
    list(delegate(4))
    g = catches()
    next(g)
    g.throw(KeyError())
    g.close()
    throw_through()
    drive(outer_coroutine())
    drive(async_loop())
    mixed_loop(4)
    things = sorted([Thing(i) for i in (3, 1, 2)])
    max(things, key=lambda t: t.twice)
    list(map(leaf, range(4)))
    with Thing(1):
        raises(4)
    try:
        raises(3)
    except ValueError:
        leaf(5)
    Slotted()
    keywords(1, 2, 3, b=4, c=5)
    keywords(*(1, 2), **{"z": 1})
    closures(3)
    {leaf(i): [leaf(j) for j in range(2)] for i in range(3)}
    exec(COMPILED, {"leaf": leaf})
    eval(EXPRESSION, {"leaf": leaf})
    getattr(things[0], "twice")
    str.join(",", (str(leaf(i)) for i in range(3)))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    for _ in range(3):
        round_of_work()  # let the interpreter specialise some of it
    os.kill(os.getpid(), signal.SIGSTOP)
    for _ in range(rounds):
        round_of_work()
    os.kill(os.getpid(), signal.SIGSTOP)


main()
