# SPDX-License-Identifier: MIT
"""A bad wire: a proxy between two ambassadors that can do them harm."""
import os
import selectors
import socket
import struct
import threading
import time

from .ports import connect, free_port

BLOCK = 262144


def reset(sock):
    """Close |sock| so that the other side sees a reset."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    except OSError:
        pass
    sock.close()


class _Side:
    """One socket and what waits to be written to it."""

    def __init__(self, sock):
        self.sock = sock
        self.other = None
        self.waiting = b""
        self.ended = False  # its reading half
        self.shut = False   # its writing half


class Chaos:
    """Forwards 127.0.0.1:port to |target| until told otherwise."""

    def __init__(self, box, target):
        self.target = target
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.accepted = 0
        self.bytes = 0
        self.slice = None  # at most so many bytes at a time
        self.corrupt_next = False
        self._blackhole = False
        self._refuse = False
        self._commands = []
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._sides = {}
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        box.undo(self.stop)

    # What tests say.

    def reset(self):
        """Reset every connection, both ways, now."""
        self._tell(self._reset_all)

    def finish(self):
        """End every connection by FIN, as a man in the middle may."""
        self._tell(self._finish_all)

    def blackhole(self, on=True):
        """Nothing gets through, and nobody is told."""
        self._tell(lambda: setattr(self, "_blackhole", on))

    def refuse(self, on=True):
        """New connections are reset as soon as they are accepted."""
        self._tell(lambda: setattr(self, "_refuse", on))

    def stop(self):
        """End it, with everything that goes through it."""
        if self._running:
            self._tell(self._reset_all)
            self._running = False
            self._wake.send(b"x")
            self._thread.join(10)
            self._listener.close()

    # How it works: one thread, one selector.

    def _tell(self, command):
        done = threading.Event()
        self._commands.append((command, done))
        self._wake.send(b"x")
        assert done.wait(10), "the bad wire's thread is gone"

    def _run(self):
        while self._running:
            for key, events in self._selector.select(0.1):
                if key.fileobj is self._woken:
                    self._woken.recv(100)
                elif key.fileobj is self._listener:
                    self._accept()
                elif not self._blackhole:
                    self._move(self._sides.get(key.fileobj), events)
            while self._commands:
                command, done = self._commands.pop(0)
                command()
                done.set()
            if self._blackhole:
                time.sleep(0.01)

    def _accept(self):
        sock, _ = self._listener.accept()
        self.accepted += 1
        if self._refuse:
            return reset(sock)
        try:
            far = connect(self.target, 5)
        except OSError:
            return reset(sock)
        here, there = _Side(sock), _Side(far)
        here.other, there.other = there, here
        for side in (here, there):
            side.sock.setblocking(False)
            side.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sides[side.sock] = side
            self._selector.register(side.sock, selectors.EVENT_READ)
        return None

    def _move(self, side, events):
        if not side:
            return
        try:
            if events & selectors.EVENT_WRITE:
                self._write(side)
            if events & selectors.EVENT_READ and not side.other.waiting:
                self._read(side)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(side)
            return
        for one in (side, side.other):
            if one.ended and one.other.shut and one.shut:
                self._drop(one)
                return
            self._watch(one)

    def _read(self, side):
        data = side.sock.recv(self.slice or BLOCK)
        self.bytes += len(data)
        if not data:
            side.ended = True
        elif self.corrupt_next:
            self.corrupt_next = False
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]
        side.other.waiting = data
        self._write(side.other)

    def _write(self, side):
        if side.waiting:
            side.waiting = side.waiting[side.sock.send(side.waiting):]
        if side.other.ended and not side.waiting and not side.shut:
            side.shut = True
            side.sock.shutdown(socket.SHUT_WR)

    def _watch(self, side):
        events = 0
        if not side.ended and not side.other.waiting:
            events |= selectors.EVENT_READ
        if side.waiting:
            events |= selectors.EVENT_WRITE
        try:
            if events and side.sock in self._selector.get_map():
                self._selector.modify(side.sock, events)
            elif events:
                self._selector.register(side.sock, events)
            elif side.sock in self._selector.get_map():
                self._selector.unregister(side.sock)
        except (KeyError, ValueError, OSError):
            pass

    def _drop(self, side):
        for one in (side, side.other):
            if one.sock in self._sides:
                del self._sides[one.sock]
                try:
                    self._selector.unregister(one.sock)
                except (KeyError, ValueError):
                    pass
                reset(one.sock)

    def _finish_all(self):
        for side in list(self._sides.values()):
            try:
                side.sock.shutdown(socket.SHUT_WR)
                side.shut = True
            except OSError:
                pass

    def _reset_all(self):
        for side in list(self._sides.values()):
            self._drop(side)


def canary():
    """A text that can come from nowhere else."""
    return "canary-" + os.urandom(16).hex()
