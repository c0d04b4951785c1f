# SPDX-License-Identifier: MIT
"""A consumer and an offerer in front of one service.

ENTENTE_PAIR chooses who plays them: `entente` (the default), `haproxy` (the
same job by HAProxy with mutual TLS, to compare and to try the tests
themselves) or `direct` (nobody: the application speaks to the service).
"""
import os

from .ambassador import Ambassador, any_port
from .chaos import Chaos
from .processes import wait_until
from .ports import answers

KIND = os.environ.get("ENTENTE_PAIR", "entente")


class Pair:
    """Applications connect to `address`; streams end at |service|."""

    def __init__(self, box, authority, service, *, name="service",
                 listen=None, hosts=(None, None), tunnel=None, chaos=False,
                 consume=None, offer=None, consumer=None, offerer=None):
        self.box = box
        self.name = name
        self.service = service
        self.listen = listen or any_port()
        self.tunnel = tunnel or any_port()
        self.hosts = hosts
        self.dialed = self.tunnel
        self.chaos = None
        if chaos and KIND != "direct":
            self.chaos = Chaos(box, self.tunnel)
            self.dialed = self.chaos.address
        self.web = authority.issue("web-1", file=box.name("web"))
        self.db = authority.issue("db-1", file=box.name("db"))
        self._documents = (consume or {}, offer or {}, consumer or {},
                           offerer or {})
        self.consumer = self.offerer = None

    @property
    def address(self):
        """Where the application finds the service."""
        if KIND == "direct":
            return self.service
        return self.listen[0] if isinstance(self.listen, list) else self.listen

    def documents(self):
        """The two configurations."""
        consume, offer, consumer, offerer = self._documents
        near = {"identity": self.web.section(),
                "consume": {self.name: {
                    "listen": self.listen, "from": [f"static:{self.dialed}"],
                    "peer": [self.db.identity], **consume}}, **consumer}
        far = {"identity": self.db.section(),
               "tunnels": {"listen": self.tunnel},
               "offer": {self.name: {
                   "to": [f"static:{self.service}"],
                   "allow": [self.web.identity], **offer}}, **offerer}
        return near, far

    def start(self, wait=True):
        """Start both ends; by default wait until a connection succeeds."""
        if KIND == "direct":
            return self
        if KIND == "haproxy":
            return self._start_haproxy()
        near, far = self.documents()
        self.offerer = Ambassador(self.box, "offerer", far, self.hosts[1])
        self.consumer = Ambassador(self.box, "consumer", near, self.hosts[0])
        self.offerer.start(ready=False)
        self.consumer.start(ready=False)
        if wait:
            self.offerer.wait_healthy()
            self.consumer.wait_for(self.name)
        return self

    def _start_haproxy(self):
        for end in ("consumer", "offerer"):
            leaf = self.web if end == "consumer" else self.db
            both = self.box.write(f"{end}.pem", leaf.certificate.read_text() +
                                  leaf.private_key.read_text(), 0o600)
            tls = (f"ssl crt {both} ca-file {leaf.trust} verify required "
                   "ssl-min-ver TLSv1.3")
            bind, to = (self.listen, self.dialed) if end == "consumer" else \
                (self.tunnel, self.service)
            binds = bind if isinstance(bind, list) else [bind]
            text = "defaults\n mode tcp\n timeout connect 5s\n" \
                " timeout client 1h\n timeout server 1h\n" \
                f"listen pair\n maxconn 4000\n server s {_place(to)} " \
                f"{tls if end == 'consumer' else ''}\n" + "".join(
                    f" bind {_place(one)} "
                    f"{tls if end == 'offerer' else ''}\n" for one in binds)
            path = self.box.write(f"{end}.cfg", text)
            host = self.hosts[0 if end == "consumer" else 1]
            process = self.box.start(end, ["haproxy", "-db", "-f", path],
                                     namespace=host)
            setattr(self, end, _Stranger(process))
            if not host:
                wait_until(lambda: answers(binds[0]), 10, f"{end} listens")
        return self


class _Stranger:
    """HAProxy in our place: it can be killed, and little else."""

    def __init__(self, process):
        self.process = process
        self.pid = process.pid

    @property
    def log(self):
        """What it says."""
        return self.process.log

    def kill(self):
        """kill -9."""
        self.process.kill()

    def stop(self, timeout=20):
        """SIGTERM."""
        return self.process.stop(timeout)


def _place(address):
    """An address as HAProxy writes it."""
    if address.startswith("unix:"):
        return "unix@" + address[5:]
    return address
