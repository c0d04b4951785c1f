# SPDX-License-Identifier: MIT
"""Services that can be told from each other, and connections to them."""
import contextlib
import functools
import socket
import threading

from harness.ports import connect


class Named:
    """A service that says its name to everybody, on a port of its own."""

    def __init__(self, name, port=0, host="127.0.0.1"):
        self.name = name.encode()
        self.listener = socket.create_server((host, port), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.source = f"static:{self.address}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self._talk(connection)

    def _talk(self, connection):
        with connection, contextlib.suppress(OSError):  # and serve the next
            connection.sendall(self.name)

    def stop(self):
        """Nobody listens there any more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Keeper(Named):
    """Says its name, then echoes what it is told until they go."""

    def __init__(self, name, port=0, host="127.0.0.1"):
        self.now = 0  # connections
        self.lock = threading.Lock()
        super().__init__(name, port, host)

    def _talk(self, connection):
        threading.Thread(target=self._keep, args=(connection,),
                         daemon=True).start()

    def _keep(self, connection):
        with self.lock:
            self.now += 1
        with connection, contextlib.suppress(OSError):
            connection.sendall(self.name + b"\n")
            while data := connection.recv(4096):
                connection.sendall(data)
        with self.lock:
            self.now -= 1


class Talk:
    """A connection to a Keeper that stays; once it is made it has come to
    one, unless there is nothing to |wait| for."""

    def __init__(self, address, wait=True):
        self.socket = connect(address, 20)
        self.file = self.socket.makefile("rb")
        if wait:
            _ = self.name

    @functools.cached_property
    def name(self):
        """Who answered; waits for it.  "": nobody, it ended."""
        return self.file.readline().decode().strip()

    def waits(self):
        """Whether nobody has answered yet."""
        self.socket.settimeout(0.3)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(20)
        return False

    def says(self, text):
        """Whether what is said comes back."""
        self.socket.sendall(text.encode() + b"\n")
        return self.file.readline() == text.encode() + b"\n"

    def close(self):
        """End it."""
        self.file.close()
        self.socket.close()


def who_answers(address, timeout=15):
    """The name of the service a new connection comes to."""
    with connect(address) as connection:
        connection.settimeout(timeout)
        name = b""
        while piece := connection.recv(100):
            name += piece
    return name.decode()
