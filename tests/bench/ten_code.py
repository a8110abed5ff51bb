# SPDX-License-Identifier: MIT
"""The other five of ten programs: control flow. See ten_data.py."""
import asyncio
import queue
import threading


def async_work(scale):
    """Tasks that hand each other values through queues, on one event loop."""
    async def stage(source, target, add):
        while True:
            value = await source.get()
            await target.put(None if value is None else value + add)
            if value is None:
                return

    async def main():
        pipes = [asyncio.Queue(8) for _ in range(6)]
        tasks = [asyncio.ensure_future(stage(a, b, i)) for i, (a, b) in
                 enumerate(zip(pipes, pipes[1:]))]

        async def feed():
            for i in range(scale * 180):
                await pipes[0].put(i)
            await pipes[0].put(None)

        tasks.append(asyncio.ensure_future(feed()))
        total = 0
        while True:
            value = await pipes[-1].get()
            if value is None:
                break
            total += value
        await asyncio.gather(*tasks)
        return total

    return asyncio.run(main())


def thread_work(scale):
    """Four threads take work from a queue; each result is put under a lock."""
    work, results, lock = queue.Queue(), {}, threading.Lock()

    def worker():
        while True:
            n = work.get()
            if n is None:
                return
            total = 0
            for i in range(400):
                total += (i * n) & 1023
            with lock:
                results[n] = total

    pool = [threading.Thread(target=worker) for _ in range(4)]
    for thread in pool:
        thread.start()
    for n in range(scale * 55):
        work.put(n)
    for _ in pool:
        work.put(None)
    for thread in pool:
        thread.join()
    return sum(results.values())


def number_work(scale):
    """Numeric loops: bodies that attract each other, and a spectral norm."""
    bodies = [[float(i), float(i * i % 7), float(i % 3), 0.0, 0.0, 0.0, 1.0 + i] for i in range(5)]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1:]]
    for _ in range(scale * 140):
        for a, b in pairs:
            dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
            pull = 0.001 / ((dx * dx + dy * dy + dz * dz + 0.1) ** 1.5)
            for axis, d in ((3, dx), (4, dy), (5, dz)):
                a[axis] -= d * b[6] * pull
                b[axis] += d * a[6] * pull
        for body in bodies:
            for axis in range(3):
                body[axis] += 0.001 * body[axis + 3]
    norm = sum(1.0 / ((i + j) * (i + j + 1) // 2 + i + 1) for i in range(40) for j in range(40))
    return round(sum(body[0] for body in bodies) * 1e6) + round(norm * 1e6)


def recursion_work(scale):
    """Queens on a board: recursion with a generator at every level."""
    def queens(n, row=0, columns=0, left=0, right=0):
        if row == n:
            yield 1
            return
        free = ~(columns | left | right) & ((1 << n) - 1)
        while free:
            bit = free & -free
            free ^= bit
            yield from queens(n, row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)

    return sum(sum(queens(6)) for _ in range(scale * 22))


class Node:
    def __init__(self, left, right, value):
        self.left, self.right, self.value = left, right, value

    def visit(self, visitor):
        return visitor.leave(self, self.left.visit(visitor) if self.left else 0,
                             self.right.visit(visitor) if self.right else 0)


class Sum:
    def leave(self, node, left, right):
        return (left * 3 + right + node.value) & 0xffff


def deep_work(scale):
    """A tree that is nearly a list, 150 deep, walked by a visitor: deep stacks, many calls."""
    root = None
    for i in range(150):
        root = Node(root, Node(None, None, i), i)
    check = 0
    for i in range(scale * 15):
        root.value = i
        check = (check + root.visit(Sum())) & 0xffffffff
    return check
