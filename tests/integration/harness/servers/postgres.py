# SPDX-License-Identifier: MIT
"""A PostgreSQL cluster and its clients."""
import glob
import os
import signal

import pytest

from ..ports import free_port
from ..processes import run, wait_until
from . import as_nobody, give_to_nobody, need


def program(name):
    """The newest installed one."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    if not found:
        pytest.skip(f"{name} is not installed")
    return found[-1]


class Postgres:
    """A cluster on loopback that trusts everybody, or a replica of one."""

    def __init__(self, box, replica_of=None):
        need("psql", "pgbench", "setpriv")
        self.box = box
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.home = give_to_nobody(box.path(box.name("pg")))
        self.data = self.home / "data"
        if replica_of:
            run(as_nobody([program("pg_basebackup"), "-D", str(self.data), "-R",
                           "-c", "fast", "-X", "stream", "--no-sync"]),
                cwd=self.home, environment=environment(replica_of.address))
        else:
            run(as_nobody([program("initdb"), "-D", str(self.data), "-U",
                           "postgres", "--auth=trust", "--no-sync",
                           "--locale=C", "--encoding=UTF8"]), cwd=self.home)
        self.process = None
        self.start()

    def start(self):
        """Start it, or start it again."""
        self.process = self.box.start("postgres", as_nobody([
            program("postgres"), "-D", str(self.data), "-p", str(self.port),
            "-k", str(self.home), "-c", "listen_addresses=127.0.0.1", "-c",
            "fsync=off", "-c", "max_connections=200", "-c",
            "max_wal_size=4GB"]), cwd=self.home)
        wait_until(lambda: psql(self.address, "select 1", check=False) == "1",
                   30, "PostgreSQL answers")

    def want_passwords(self):
        """Trust nobody who comes over TCP any more."""
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhost all all all scram-sha-256\n",
            encoding="ascii")
        self.process.signal(signal.SIGHUP)


def environment(address):
    """libpq's variables for an address."""
    host, port = address.rsplit(":", 1)
    return {"PGHOST": host, "PGPORT": port, "PGUSER": "postgres",
            "PGDATABASE": "postgres", "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable", "HOME": "/nonexistent"}


def psql(address, *commands, check=True, timeout=600):
    """What psql prints, without decoration."""
    argv = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    for command in commands:
        argv += ["-c", command]
    return run(argv, environment=environment(address), check=check,
               timeout=timeout, cwd=os.sep).stdout.strip()


def pgbench(address, *words, timeout=300):
    """pgbench's report."""
    return run(["pgbench", *words], environment=environment(address),
               timeout=timeout, cwd=os.sep).stdout
