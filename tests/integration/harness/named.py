# SPDX-License-Identifier: MIT
"""Services that can be told from each other."""
import socket
import threading


class Named:
    """A service that says its name to everybody, on a port of its own."""

    def __init__(self, name, port=0, host="127.0.0.1"):
        self.name = name.encode()
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.source = f"static:{host}:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self.name)

    def stop(self):
        """Nobody listens there any more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def who_answers(address, timeout=15):
    """The name of the service a new connection comes to."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.settimeout(timeout)
        name = b""
        while piece := connection.recv(100):
            name += piece
    return name.decode()
