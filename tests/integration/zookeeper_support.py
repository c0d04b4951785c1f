# SPDX-License-Identifier: MIT
"""A real ZooKeeper, alone or as an ensemble, and a small client of our own
for it, so that one misunderstanding is not on both sides."""
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

from discovery_support import free_port

JAR = "/usr/share/java/zookeeper.jar"
CONFIGURATION = """
tickTime=200
initLimit=20
syncLimit=10
dataDir={dir}
clientPortAddress=127.0.0.1
clientPort={port}
admin.enableServer=false
4lw.commands.whitelist=*
minSessionTimeout=400
maxSessionTimeout={timeout}
maxClientCnxns=0
"""


class Server:
    """One ZooKeeper server on loopback."""

    def __init__(self, directory, peers="", identity=None, timeout=2000):
        if not pathlib.Path(JAR).exists() or not shutil.which("java"):
            pytest.skip("ZooKeeper is not installed")
        self.port = free_port()
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "zoo.cfg").write_text(CONFIGURATION.format(
            dir=self.directory, port=self.port, timeout=timeout) + peers)
        if identity:
            (self.directory / "myid").write_text(str(identity))
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self, wait=True):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx64m", "-XX:TieredStopAtLevel=1",
                 "-XX:+UseSerialGC", "-cp", f"/etc/zookeeper/conf:{JAR}",
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                 str(self.directory / "zoo.cfg")],
                stdout=log, stderr=log, cwd=self.directory)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"srvr")
                    if b"Mode:" in s.recv(4096):
                        return
            except OSError:
                pass
            assert self.process.poll() is None, self.log()
            time.sleep(0.1)
        raise AssertionError("ZooKeeper does not start: " + self.log())

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-2000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start_ensemble(directory):
    """Three servers that replicate."""
    ports = [(free_port(), free_port()) for _ in range(3)]
    peers = "".join(f"server.{i + 1}=127.0.0.1:{a}:{b}\n"
                    for i, (a, b) in enumerate(ports))
    servers = [Server(pathlib.Path(directory) / str(i), peers, i)
               for i in (1, 2, 3)]
    for server in servers:
        server.start(wait=False)
    for server in servers:
        server.wait_ready()
    return servers


class Proxy:
    """Stands before a server: passes on, holds back, cuts."""

    def __init__(self, port):
        self.target = port
        self.held = False
        self.cut_after = None  # so many more bytes from the server
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs.append((near, far))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=ends,
                                 daemon=True).start()

    def _pass_on(self, source, sink):
        is_answer = (sink, source) in self.pairs
        try:
            while piece := source.recv(4096):
                while self.held:
                    time.sleep(0.01)
                if is_answer and self.cut_after is not None:
                    piece = piece[:self.cut_after]
                    self.cut_after -= len(piece)
                sink.sendall(piece)
                if is_answer and self.cut_after == 0:
                    self.cut_after = None
                    break
        except OSError:
            pass
        self._end(source, sink)

    @staticmethod
    def _end(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            self._end(*pair)
        self.pairs = []

    def close(self):
        self.listener.close()
        self.cut()


class ZooKeeperError(Exception):
    pass


def text(value):
    return data(value.encode())


def data(value):
    return struct.pack("!i", len(value)) + value


ANYONE = [(31, "world", "anyone")]


class Client:
    """One session, kept alive by a thread."""

    def __init__(self, address, timeout=2000):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 5)
        self.lock = threading.Lock()
        self.xid = 0
        self._send(struct.pack("!iqiq", 0, 0, timeout, 0) + data(b"\0" * 16))
        reply = self._receive()
        self.session, = struct.unpack("!q", reply[8:16])
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._keep_alive, daemon=True)
        self.thread.start()

    def _send(self, message):
        self.socket.sendall(data(message))

    def _receive(self):
        length, = struct.unpack("!i", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, length):
        got = b""
        while len(got) < length:  # with a timeout MSG_WAITALL does not wait
            piece = self.socket.recv(length - len(got))
            if not piece:
                raise ZooKeeperError("connection closed")
            got += piece
        return got

    def _keep_alive(self):
        while not self.closed.wait(0.2):
            try:
                with self.lock:
                    self._send(struct.pack("!ii", -2, 11))
                    self._receive()
            except (OSError, ZooKeeperError):
                return

    def _ask(self, kind, body=b"", xid=None):
        with self.lock:
            self.xid += 1
            self._send(struct.pack("!ii", xid or self.xid, kind) + body)
            reply = self._receive()
        error, = struct.unpack("!i", reply[12:16])
        if error:
            raise ZooKeeperError(error)
        return reply[16:]

    def create(self, path, value=b"", ephemeral=False, acl=None):
        acl = acl or ANYONE
        entries = b"".join(struct.pack("!i", perms) + text(scheme) + text(who)
                           for perms, scheme, who in acl)
        if isinstance(value, str):
            value = value.encode()
        self._ask(1, text(path) + data(value) + struct.pack("!i", len(acl)) +
                  entries + struct.pack("!i", 1 if ephemeral else 0))

    def create_all(self, path):
        parts = path.strip("/").split("/")
        for i in range(len(parts)):
            try:
                self.create("/" + "/".join(parts[:i + 1]))
            except ZooKeeperError as error:
                if error.args[0] != -110:
                    raise

    def delete(self, path):
        self._ask(2, text(path) + struct.pack("!i", -1))

    def set(self, path, value):
        self._ask(5, text(path) + data(value.encode()) +
                  struct.pack("!i", -1))

    def get(self, path):
        reply = self._ask(4, text(path) + b"\0")
        length, = struct.unpack("!i", reply[:4])
        return reply[4:4 + max(length, 0)]

    def owner(self, path):
        """The session an ephemeral node belongs to; 0: it is not one."""
        reply = self._ask(3, text(path) + b"\0")
        return struct.unpack("!qqqqiiiqiiq", reply)[7]

    def children(self, path):
        reply = self._ask(8, text(path) + b"\0")
        count, = struct.unpack("!i", reply[:4])
        names, at = [], 4
        for _ in range(count):
            length, = struct.unpack("!i", reply[at:at + 4])
            names.append(reply[at + 4:at + 4 + length].decode())
            at += 4 + length
        return sorted(names)

    def add_auth(self, secret):
        self._ask(100, struct.pack("!i", 0) + text("digest") +
                  data(secret.encode()), xid=-4)

    def close(self):
        """End the session: its ephemeral nodes go."""
        self.closed.set()
        try:
            self._ask(-11)
        except (OSError, ZooKeeperError):
            pass
        self.socket.close()

    def vanish(self):
        """Die without a word: the session lives until it times out."""
        self.closed.set()
        self.socket.close()
