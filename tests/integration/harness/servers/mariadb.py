# SPDX-License-Identifier: MIT
"""A MariaDB and its client."""
from ..ports import free_port
from ..processes import run, wait_until
from . import as_nobody, give_to_nobody, need


class MariaDB:
    """A server on loopback; root needs no password."""

    def __init__(self, box, *options):
        need("mariadbd", "mariadb", "mariadb-install-db", "setpriv")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        home = give_to_nobody(box.path("mariadb"))
        data, socket = str(home / "data"), str(home / "socket")
        run(as_nobody(["mariadb-install-db", "--no-defaults",
                       "--auth-root-authentication-method=normal",
                       f"--datadir={data}", "--skip-test-db"]), cwd=home)
        self.process = box.start("mariadb", as_nobody([
            "mariadbd", "--no-defaults", f"--datadir={data}",
            f"--socket={socket}", f"--port={self.port}",
            "--bind-address=127.0.0.1", "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0", *options]), cwd=home)
        wait_until(lambda: sql(self.address, "select 1", check=False) == "1",
                   30, "MariaDB answers")


def arguments(address):
    """The client's words for an address."""
    host, port = address.rsplit(":", 1)
    return ["mariadb", "--no-defaults", "--protocol=tcp", "-u", "root", "-h",
            host, "-P", port, "--skip-ssl", "-N", "-B"]


def sql(address, *commands, timeout=60, **options):
    """What the client prints, without decoration."""
    argv = arguments(address)
    for command in commands:
        argv += ["-e", command]
    return run(argv, timeout=timeout, **options).stdout.strip()
