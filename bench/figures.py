# SPDX-License-Identifier: MIT
"""What is measured.  A workload runs against one started pair and returns one
or more figures; README.md says how each is to be read."""
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import time

from lab import Process, Target, Unavailable, pin

CHUNK = 1 << 20       # body of one bulk exchange
UNDER_WAY = 64 << 20  # bulk bytes asked for ahead, over all streams


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    digits: int
    higher_is_better: bool


class Workload:
    """Base: |name| on the command line, |figures| in the order of run()'s."""

    def __init__(self, name, *figures):
        self.name, self.figures = name, figures

    def run(self, lab, pair, running):
        """Values of |figures|; None where a pair has none.  Raises
        Unavailable if it cannot be done, Failed if bytes were not right."""
        raise NotImplementedError


class Failed(Exception):
    """The pair did not deliver what it should have."""


def checked(result):
    if result["failures"]:
        raise Failed(f"{result['failures']} failed, the first: "
                     + result["first_failure"])
    return result


def under_load(running, load):
    """Run |load|; its result and the CPU seconds the pair used for it."""
    before = running.cpu_seconds()
    load.begin()
    result = load.result()
    return result, running.cpu_seconds() - before


def per(cpu, running, count):
    """CPU seconds per |count| units; direct has no processes to look at."""
    return cpu / count if running.sides and count else None


class Bulk(Workload):
    def __init__(self, direction, streams):
        super().__init__(f"bulk-{direction}-{streams}",
                         Figure("rate", "MB/s", 0, True),
                         Figure("CPU", "s/GB", 2, False))
        self.options = {"streams": streams, direction: CHUNK,
                        "depth": max(2, min(16, UNDER_WAY // CHUNK // streams))}

    def run(self, lab, pair, running):
        with lab.load(running.port, seconds=lab.options.seconds,
                      **self.options) as load:
            result, cpu = under_load(running, load)
        checked(result)
        return (result["bytes"] / result["seconds"] / 1e6,
                per(cpu, running, result["bytes"] / 1e9))


class Requests(Workload):
    def __init__(self, streams):
        super().__init__(f"requests-{streams}",
                         Figure("rate", "/s", 0, True),
                         Figure("p50", "µs", 0, False),
                         Figure("p99", "µs", 0, False),
                         Figure("CPU", "s/1000", 4, False))
        self.streams = streams

    def run(self, lab, pair, running):
        with lab.load(running.port, streams=self.streams,
                      seconds=lab.options.seconds) as load:
            result, cpu = under_load(running, load)
        checked(result)
        return (result["exchanges"] / result["seconds"], result["p50_us"],
                result["p99_us"], per(cpu, running, result["exchanges"] / 1e3))


class Connections(Workload):
    def __init__(self, in_flight):
        super().__init__(f"connections-{in_flight}",
                         Figure("rate", "/s", 0, True),
                         Figure("p50", "µs", 0, False),
                         Figure("p99", "µs", 0, False),
                         Figure("CPU", "s/1000", 3, False),
                         Figure("failures", "", 0, False))
        self.in_flight = in_flight

    def run(self, lab, pair, running):
        with lab.load(running.port, streams=self.in_flight, reconnect=True,
                      seconds=lab.options.seconds) as load:
            result, cpu = under_load(running, load)
        if pair.ours or not result["exchanges"]:
            checked(result)  # ours may not fail once
        return (result["exchanges"] / result["seconds"], result["p50_us"],
                result["p99_us"], per(cpu, running, result["exchanges"] / 1e3),
                result["failures"])


class Beside(Workload):
    """One 64-byte echo after the other, while bulk runs through the pair: as
    fast as it goes, or paced so that the processors are not all busy."""

    def __init__(self, name, streams, rate=None):
        super().__init__(name, Figure("p50", "µs", 0, False),
                         Figure("p99", "µs", 0, False),
                         Figure("bulk", "MB/s", 0, True))
        self.options = Bulk("down", streams).options
        if rate:
            self.options = {"streams": streams, "down": CHUNK // 4,
                            "rate": rate}

    def run(self, lab, pair, running):
        seconds = lab.options.seconds
        with lab.load(running.port, seconds=seconds + 0.4,
                      **self.options) as bulk, \
             lab.load(running.port, seconds=seconds) as echo:
            bulk.begin()
            time.sleep(0.2)
            echo.begin()
            latency, rate = checked(echo.result()), checked(bulk.result())
        return (latency["p50_us"], latency["p99_us"],
                rate["bytes"] / rate["seconds"] / 1e6)


class Idle(Workload):
    """Streams that were used once and then wait, through a fresh pair."""

    def __init__(self):
        super().__init__("idle",
                         Figure("consuming side", "KiB/stream", 2, False),
                         Figure("offering side", "KiB/stream", 2, False))

    def run(self, lab, pair, running):
        if not running.sides:
            return None, None
        with pair.start(lab.target) as fresh:
            before = fresh.memory("RssAnon")
            with lab.load(fresh.port, streams=lab.options.idle_streams,
                          seconds=0) as load:
                time.sleep(0.3)
                after = fresh.memory("RssAnon")
                load.begin()  # each must still carry an exchange
                checked(load.result())
        return tuple((after[side] - before[side]) / lab.options.idle_streams
                     for side in ("consume", "offer"))


class Start(Workload):
    def __init__(self):
        super().__init__("start",
                         Figure("first answer after", "ms", 0, False),
                         Figure("resident, both", "MiB", 1, False))

    def run(self, lab, pair, running):
        if not running.sides:
            return None, None
        with pair.start(lab.target) as fresh:
            return fresh.ready_ms, sum(fresh.memory("VmRSS").values()) / 1024


# ---- real clients ----

def client(lab, command):
    """Run a real client and return what it printed."""
    if lab.load_cpus:
        command = pin(lab.load_cpus) + command
    result = subprocess.run(command, capture_output=True, text=True,
                            timeout=60 + 10 * lab.options.seconds)
    if result.returncode:
        raise Failed(f"{command[0]}: {result.stderr.strip()[-200:]}")
    return result.stdout


class Client(Workload):
    """A real client in front of a pair, its server behind."""

    def server(self, lab):
        """Started when first needed, then kept for the run."""
        kind = type(self)
        if kind not in lab.servers:
            try:
                lab.servers[kind] = self.start_server(lab)
            except Unavailable as error:
                lab.servers[kind] = error
        if isinstance(lab.servers[kind], Unavailable):
            raise lab.servers[kind]
        return lab.servers[kind]

    def run(self, lab, pair, running):
        with pair.start(self.server(lab)) as through:
            before = through.cpu_seconds()
            count, rate = self.measure(lab, through.port)
            cpu = through.cpu_seconds() - before
            return rate, per(cpu, through, count / 1e3)


class Redis(Client):
    def __init__(self, pipeline):
        super().__init__(f"redis-p{pipeline}", Figure("rate", "/s", 0, True),
                         Figure("CPU", "s/1000", 4, False))
        self.pipeline = pipeline

    def start_server(self, lab):
        if not shutil.which("redis-server"):
            raise Unavailable("no redis-server here")
        target = Target(lab.port(), b"PING\r\n")
        Process(lab, ["redis-server", "--port", str(target.port), "--bind",
                      "127.0.0.1", "--save", "", "--appendonly", "no"],
                lab.directory("redis") / "log", lab.load_cpus)
        target.wait("redis-server")
        return target

    def measure(self, lab, port):
        # As many as take about the time wanted; redis-benchmark only counts.
        count = int(lab.options.seconds * 20000 * self.pipeline ** 0.9)
        text = client(lab, ["redis-benchmark", "-p", str(port), "-t", "get",
                            "-c", "50", "-n", str(count), "-P",
                            str(self.pipeline), "--csv"])
        return count, float(re.search(r'"GET","([\d.]+)"', text).group(1))


class Postgres(Client):
    """pgbench -S; with -C a new connection for every transaction."""

    def __init__(self, name, clients, arguments):
        super().__init__(name, Figure("rate", "/s", 0, True),
                         Figure("CPU", "s/1000", 3, False))
        self.arguments = [*arguments, "-c", str(clients), "-j", "2"]

    def start_server(self, lab):
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not programs or not shutil.which("pgbench"):
            raise Unavailable("no PostgreSQL with pgbench here")
        user = "nobody" if os.geteuid() == 0 else None  # it refuses root
        data = lab.directory("postgres") / "data"
        data.mkdir(mode=0o700)
        target = Target(lab.port(), bytes.fromhex("0000000804d2162f"))
        try:
            if user:
                shutil.chown(data, user)
            subprocess.run([programs[-1] / "initdb", "--no-sync", "-A", "trust",
                            "-U", "bench", "-D", data], check=True, user=user,
                           capture_output=True, cwd=data)
        except (subprocess.CalledProcessError, OSError) as error:
            raise Unavailable(f"PostgreSQL does not start: {error}") from None
        Process(lab, [programs[-1] / "postgres", "-D", data, "-p",
                      str(target.port), "-k", data, "-c", "fsync=off", "-c",
                      "listen_addresses=127.0.0.1", "-c",
                      "max_connections=200"],
                data.parent / "log", lab.load_cpus, user)
        target.wait("postgres")
        client(lab, self.command(target.port, ["-i", "-q", "-s", "5"]))
        return target

    @staticmethod
    def command(port, arguments):
        return ["pgbench", "-h", "127.0.0.1", "-p", str(port), "-U", "bench",
                *arguments, "postgres"]

    def measure(self, lab, port):
        seconds = max(1, round(lab.options.seconds))
        text = client(lab, self.command(
            port, ["-S", "-n", "-T", str(seconds), *self.arguments]))
        count = re.search(r"actually processed: (\d+)", text).group(1)
        return int(count), float(re.search(r"tps = ([\d.]+)", text).group(1))


WORKLOADS = [
    *(Bulk(direction, streams) for streams in (1, 8, 64)
      for direction in ("up", "down")),
    *(Requests(streams) for streams in (1, 32, 256)),
    *(Connections(in_flight) for in_flight in (1, 16, 32)),
    Beside("beside-8", 8), Beside("beside-8-paced", 8, 100_000_000),
    Idle(), Start(),
    Redis(1), Redis(16),
    Postgres("pgbench", 16, []), Postgres("pgbench-reconnect", 8, ["-C"]),
]
