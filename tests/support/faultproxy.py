#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
"""faultproxy.py - a bad line: a TCP proxy on 127.0.0.1 that makes faults.

    faultproxy.py [--target PORT] [--ready-file FILE] [NAME=VALUE ...]
    faultproxy.py --tell PORT JSON

The first prints PROXY_PORT=N and PROXY_CONTROL=N (into FILE as well, all at
once) and serves until SIGTERM.  The second sends settings to the control port
of a running one and prints all of them, with what was counted.

    target            port that connections are handed on to
    latency           ms each way; a longer line, not a slower one
    rate              bytes a second each way, over all connections; 0: any
    reset_after       connections are cut hard after so many bytes upwards
    reset_after_down  the same downwards
    close_after, close_after_down   the same, but ended in order
    stall_after       after so many bytes upwards nothing moves any more
    flip_down         one bit of that byte downwards is another
    flips             so often, over all connections, -1: always
    only              so many connections suffer these, -1: all
    blackhole         connections are accepted, and nothing is ever answered
    refuse            nobody listens
    drop              every open connection is cut hard, now
"""
import argparse
import asyncio
import json
import os
import signal
import socket
import struct
import sys
import time

PIECE = 65536
NONE = -1


class Cut(Exception):
    """This connection ends here."""

    def __init__(self, hard):
        super().__init__()
        self.hard = hard


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    def __init__(self, target):
        self.set = dict(
            target=target, latency=0, rate=0, reset_after=NONE,
            reset_after_down=NONE, close_after=NONE, close_after_down=NONE,
            stall_after=NONE, flip_down=NONE, flips=NONE, only=NONE,
            blackhole=False, refuse=False)
        self.counted = dict(connections=0, up=0, down=0, struck=0)
        self.open = set()
        self.free_at = {"up": 0.0, "down": 0.0}
        self.server, self.port = None, 0

    def limit(self, name, way):
        return self.set[name if way == "up" else name + "_down"]

    def when(self, n, way):
        """The moment at which n bytes that came now arrive."""
        now = time.monotonic()
        if self.set["rate"]:
            now = max(now, self.free_at[way]) + n / self.set["rate"]
            self.free_at[way] = now
        return now + self.set["latency"] / 1000

    def spoil(self, data, seen, way):
        """-> what is passed on of `data`, and how it goes on."""
        for name, hard in (("reset_after", True), ("close_after", False)):
            n = self.limit(name, way)
            if n != NONE and seen + len(data) >= n:
                return data[:max(0, n - seen)], Cut(hard)
        n = self.set["stall_after"]
        if way == "up" and n != NONE and seen + len(data) > n:
            return data[:max(0, n - seen)], "stall"
        n = self.set["flip_down"]
        if (way == "down" and n != NONE and seen <= n < seen + len(data)
                and self.set["flips"] != 0):
            self.set["flips"] -= self.set["flips"] > 0
            n -= seen
            data = data[:n] + bytes([data[n] ^ 1]) + data[n + 1:]
        return data, None

    async def deliver(self, queue, writer, way):
        while True:
            at, data, then = await queue.get()
            await asyncio.sleep(max(0, at - time.monotonic()))
            if data:
                writer.write(data)
                self.counted[way] += len(data)
                await writer.drain()
            if isinstance(then, Cut):
                raise then
            if then == "end":
                if writer.can_write_eof():
                    writer.write_eof()
                return

    async def read_on(self, reader, queue, way, suffers):
        seen, then = 0, None
        while then is None:
            data = await reader.read(PIECE)
            at = self.when(len(data), way)
            n = len(data)
            if not data:
                then = "end"
            elif suffers:
                data, then = self.spoil(data, seen, way)
            seen += n
            await queue.put((at, data, then))
            if then == "stall":
                self.counted["struck"] += 1
                await asyncio.Event().wait()
        if isinstance(then, Cut):
            self.counted["struck"] += 1

    async def pump(self, reader, writer, way, suffers):
        queue = asyncio.Queue(1024)
        await asyncio.gather(self.read_on(reader, queue, way, suffers),
                             self.deliver(queue, writer, way))

    async def connection(self, reader, writer):
        self.counted["connections"] += 1
        self.open.add(writer)
        far = None
        try:
            if self.set["blackhole"]:
                while await reader.read(PIECE):
                    pass
                return
            suffers = self.set["only"] != 0
            if self.set["only"] > 0:
                self.set["only"] -= 1
            far_reader, far = await asyncio.open_connection(
                "127.0.0.1", self.set["target"])
            self.open.add(far)
            for w in (writer, far):
                w.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(
                self.pump(reader, far, "up", suffers),
                self.pump(far_reader, writer, "down", suffers))
        except Cut as cut:
            if cut.hard:
                reset(writer)
        except OSError:
            reset(writer)
        finally:
            for w in (writer, far):
                if w is not None:
                    self.open.discard(w)
                    w.close()

    async def listen(self):
        self.server = await asyncio.start_server(
            self.connection, "127.0.0.1", self.port, limit=4 * PIECE,
            backlog=128)
        self.port = self.server.sockets[0].getsockname()[1]

    async def apply(self, new):
        if new.pop("drop", False):
            for w in list(self.open):
                reset(w)
        unknown = set(new) - set(self.set)
        if unknown:
            raise ValueError("unknown: %s" % ", ".join(sorted(unknown)))
        self.set.update(new)
        if self.set["refuse"] and self.server:
            self.server.close()
            self.server = None
        elif not self.set["refuse"] and not self.server:
            await self.listen()
        return dict(self.set, **self.counted)

    async def control(self, reader, writer):
        try:
            answer = await self.apply(json.loads(await reader.readline()))
        except ValueError as e:
            answer = dict(error=str(e))
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()


def quiet(loop, context):
    """Connections end in all ways here; only mistakes of this file count."""
    e = context.get("exception")
    if not isinstance(e, (OSError, Cut, asyncio.CancelledError)):
        loop.default_exception_handler(context)


async def serve(o):
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(quiet)
    proxy = Proxy(o.target)
    for pair in o.settings:
        name, _, value = pair.partition("=")
        proxy.set[name] = json.loads(value)
    await proxy.listen()
    control = await asyncio.start_server(proxy.control, "127.0.0.1", 0)
    text = "PROXY_PORT=%d\nPROXY_CONTROL=%d\n" % (
        proxy.port, control.sockets[0].getsockname()[1])
    if o.ready_file:
        with open(o.ready_file + ".new", "w") as f:
            f.write(text)
        os.rename(o.ready_file + ".new", o.ready_file)
    print(text, end="", flush=True)
    end = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    os._exit(0)


def tell(port, text):
    with socket.create_connection(("127.0.0.1", int(port))) as s:
        s.sendall(text.encode() + b"\n")
        answer = s.makefile().readline()
    print(answer, end="")
    return 1 if "error" in json.loads(answer) else 0


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--target", type=int, default=0)
    ap.add_argument("--ready-file")
    ap.add_argument("--tell", nargs=2, metavar=("PORT", "JSON"))
    ap.add_argument("settings", nargs="*")
    o = ap.parse_args()
    if o.tell:
        return tell(*o.tell)
    asyncio.run(serve(o))
    return 0


if __name__ == "__main__":
    sys.exit(main())
