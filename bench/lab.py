# SPDX-License-Identifier: MIT
"""The place where everything is measured: a network of its own, processes that
are stopped again, what they cost, and the load tools."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
INSIDE = "ENTENTE_BENCH_NAMESPACE"


class Unavailable(Exception):
    """Something cannot be measured here; the text says why."""


# ---- the network ----

def enter_namespace():
    """Run this program again in a network namespace of its own, if allowed."""
    if INSIDE in os.environ:
        return
    unshare = ["unshare", "--net"]
    if os.geteuid() != 0:
        unshare[1:1] = ["--user", "--map-root-user"]
    if not shutil.which("unshare") or \
       subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL).returncode:
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", unshare + [sys.executable, *sys.argv])


def prepare_network(congestion):
    """Return in words which network the figures are from."""
    setting = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
    if INSIDE not in os.environ:
        return f"this machine's loopback, {setting.read_text().strip()}"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    ports.write_text("10000 65000")
    try:
        setting.write_text(congestion)
    except OSError as error:
        raise SystemExit(f"bench: {congestion}: {error.strerror}; a namespace "
                         "may only choose what net.ipv4."
                         "tcp_allowed_congestion_control lists")
    return f"network namespace of its own, {setting.read_text().strip()}"


# ---- processes ----

def listening(port):
    """Whether somebody listens on |port|: asks the kernel (sock_diag) for
    listening TCP sockets, since a connection to try would be served too."""
    request = struct.pack("=IHHII BBxxI H46x", 72, 20, 0x301, 1, 0,
                          socket.AF_INET, socket.IPPROTO_TCP, 1 << 10,
                          socket.htons(port))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.send(request)
        kind, = struct.unpack_from("=4xH", kernel.recv(65536))
    return kind != 3  # NLMSG_DONE: no more, or none at all


def wait_until(condition, seconds, what):
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            raise Unavailable(what)
        time.sleep(0.001)


def process_table():
    """pid -> (parent, CPU seconds including those of reaped children)."""
    table = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                text = pathlib.Path(entry.path, "stat").read_text()
            except OSError:
                continue  # gone meanwhile
            fields = text[text.rindex(")") + 2:].split()
            used = sum(int(ticks) for ticks in fields[11:15]) / TICK
            table[int(entry.name)] = (int(fields[1]), used)
    return table


class Process:
    """A program we started, with all its children: one side of a pair."""

    def __init__(self, lab, argv, log, cpus=None, user=None):
        def prepare():  # between fork and exec
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            if cpus:
                os.sched_setaffinity(0, cpus)
        lab.processes.append(self)
        self.lab, self.log = lab, log
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=prepare, user=user, cwd=log.parent)

    def pids(self, table=None):
        """This process and those it started, and those they started."""
        table = table or process_table()
        found, parents = [], {self.popen.pid}
        while parents:
            found += sorted(parents)
            parents = {pid for pid, (parent, _) in table.items()
                       if parent in parents}
        return found

    def cpu_seconds(self):
        table = process_table()
        return sum(table[pid][1] for pid in self.pids(table) if pid in table)

    def memory(self, field):
        """Sum of a kB field of /proc/PID/status over the processes, in KiB."""
        total = 0
        for pid in self.pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(status.split(f"{field}:")[1].split()[0])
        return total

    def stop(self, patience=5):
        self.lab.processes.remove(self)
        for pid in self.pids():  # parents first, so that none is replaced
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Target:
    """The service behind a pair, and the bytes that make it say something."""

    def __init__(self, port, probe):
        self.port, self.probe = port, probe
        self.address = f"127.0.0.1:{port}"

    def answers(self, port=None):
        """Whether the service answers, through |port| if one is given."""
        try:
            with socket.create_connection(("127.0.0.1", port or self.port),
                                          timeout=5) as client:
                client.sendall(self.probe)
                return bool(client.recv(64))
        except OSError:
            return False

    def wait(self, what, port=None, seconds=15):
        wait_until(lambda: self.answers(port), seconds,
                   f"{what} does not answer")


class Lab:
    """One run: its scratch directory, ports, processes and options."""

    def __init__(self, options, scratch):
        self.options, self.scratch = options, pathlib.Path(scratch)
        self.processes, self.next_port, self.started = [], 6999, 0
        half = sorted(os.sched_getaffinity(0))
        half = half[:len(half) // 2], half[len(half) // 2:]
        self.load_cpus, self.pair_cpus = half if options.pin else (None, None)
        self.server = self.target = self.certificates = None
        self.servers = {}  # of real clients, by workload class

    def port(self):
        """A port below those that outgoing connections use."""
        while True:
            self.next_port = 7000 + (self.next_port - 7000 + 1) % 3000
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", self.next_port))
                    return self.next_port
                except OSError:
                    continue

    def directory(self, name):
        self.started += 1
        path = self.scratch / f"{self.started}-{name}"
        path.mkdir(mode=0o755)
        return path

    def tool(self, name):
        return str(self.options.tools / name)

    def start_server(self):
        """The target of all workloads but those with real clients."""
        self.target = Target(self.port(), bytes(64))
        command = [self.tool("bench-server"), self.target.address]
        if self.load_cpus:
            command[:0] = pin(self.load_cpus)
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL)
        self.target.wait("bench-server")

    def load(self, port, **options):
        return Load(self, port, options)

    def stop(self):
        for process in list(self.processes):
            process.stop()
        if self.server:
            self.server.stdin.close()
            self.server.wait()


def pin(cpus):
    return ["taskset", "-c", ",".join(map(str, cpus))]


class Load:
    """bench-load at work: connected once made; see tools/main.c."""

    def __init__(self, lab, port, options):
        command = pin(lab.load_cpus) if lab.load_cpus else []
        command.append(lab.tool("bench-load"))
        for name, value in options.items():
            command += [f"--{name}"] if value is True else [f"--{name}={value}"]
        if lab.options.verify:
            command.append("--verify")
        self.tool = subprocess.Popen(command + [f"127.0.0.1:{port}"], text=True,
                                     stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        self.early = self.tool.stdout.readline()  # "ready", or why not

    def begin(self):
        if self.early == "ready\n":
            self.tool.stdin.write("\n")
            self.tool.stdin.flush()

    def result(self):
        line = self.early
        if line == "ready\n":
            line = self.tool.stdout.readline()
        if not line:
            raise Unavailable("bench-load ended early")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tool.stdin.close()
        self.tool.stdout.close()
        self.tool.wait()
