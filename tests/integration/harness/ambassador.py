# SPDX-License-Identifier: MIT
"""One `entente` process and the commands that speak to it."""
import json
import os
import pathlib
import shlex

from . import yaml
from .ports import free_port
from .processes import run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("ENTENTE_BINARY",
                        str(ROOT / "build/release/entente"))
# Something to run it under: valgrind, setarch -R.
UNDER = shlex.split(os.environ.get("ENTENTE_UNDER", ""))
# A sanitizer or valgrind makes everything slower.
SLOW = 5 if "valgrind" in " ".join(UNDER) else \
    2 if "release" not in BINARY else 1


def entente(*words, check=False, environment=None, timeout=60, **options):
    """Run a command of entente's to its end."""
    return run([*UNDER, BINARY, *words], check=check, timeout=timeout,
               environment=environment, **options)


class Ambassador:
    """`entente run` with a configuration of its own."""

    def __init__(self, box, name, document, namespace=None, **options):
        self.box = box
        self.name = name
        self.admin = f"unix:{box.path(name + '.sock')}"
        self.path = box.path(f"{name}.yaml")
        self.namespace = namespace
        self.options = options
        self.process = None
        self.document = {"node": name, "admin": self.admin, **document}

    def write(self, document=None):
        """Write the configuration file, changed or not."""
        if document is not None:
            self.document = {"node": self.name, "admin": self.admin, **document}
        self.path.write_text(yaml.dump(self.document), encoding="utf-8")

    def start(self, ready=True):
        """Start it; by default wait until it says that it is healthy."""
        self.write()
        self.process = self.box.start(
            self.name, [*UNDER, BINARY, "run", "--config", str(self.path)],
            namespace=self.namespace, **self.options)
        if ready:
            self.wait_healthy()
        return self

    def wait_healthy(self, timeout=10 * SLOW):
        """Wait until `entente healthcheck` is content."""
        def healthy():
            assert self.process.is_running(), \
                f"{self.name} ended: {self.process.log[-2000:]}"
            return self.command("healthcheck").returncode == 0
        wait_until(healthy, timeout, f"{self.name} is healthy", every=0.05)

    def command(self, *words, **options):
        """A command to this ambassador, as an operator would give it."""
        return entente(*words, "--admin", self.admin, **options)

    def status(self):
        """`entente status --json`."""
        done = self.command("status", "--json", check=True)
        return json.loads(done.stdout)

    def tunnels(self):
        """Its tunnels that are up."""
        return [tunnel for tunnel in self.status()["tunnels"]
                if tunnel["state"] == "up"]

    def wait_for(self, *services, timeout=20):
        """`entente wait`: until a connection would succeed."""
        done = self.command("wait", "--timeout", f"{timeout * SLOW}s",
                            *services, timeout=timeout * SLOW + 10)
        assert done.returncode == 0, f"entente wait: {done.stderr}"

    def reload(self, document=None):
        """Change the file and have it read again; the finished command."""
        self.write(document)
        return self.command("reload")

    @property
    def log(self):
        """What it has logged."""
        return self.process.log

    @property
    def pid(self):
        """Its process id: of the program, not of what it runs under."""
        return self.process.pid

    def kill(self):
        """kill -9."""
        self.process.kill()

    def stop(self, timeout=20):
        """SIGTERM; its exit code."""
        return self.process.stop(timeout)


def any_port(host="127.0.0.1"):
    """An address for a listener of a test."""
    return f"[{host}]:{free_port(host)}" if ":" in host else \
        f"{host}:{free_port(host)}"
