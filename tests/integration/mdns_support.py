# SPDX-License-Identifier: MIT
"""Hosts on one link, some of them with an avahi-daemon of their own."""
import itertools
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

import pytest

from discovery_support import encode_name

_numbers = itertools.count(1)

AVAHI = """
[server]
host-name={host}
use-ipv4=yes
use-ipv6={ipv6}
disallow-other-stacks=no
enable-dbus=yes
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
[rlimits]
"""
BUS = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type>
<listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/>
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""
# A mount namespace of its own, so that the bus is found in the usual place.
START = """
mkdir -p /run/dbus /run/avahi-daemon
mount -t tmpfs none /run/dbus && mount -t tmpfs none /run/avahi-daemon
dbus-daemon --config-file={dir}/bus.conf --fork --nosyslog \
    --print-pid >{dir}/bus.pid
exec avahi-daemon -f {dir}/avahi.conf --no-drop-root --no-chroot --no-rlimits \
    --no-proc-title >{dir}/log 2>&1
"""


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True,
                          timeout=20)


class Host:
    """A network namespace on the link."""

    def __init__(self, link, number):
        self.name = f"ent-mdns-{os.getpid()}-{next(_numbers)}"
        self.device = f"m{os.getpid() % 100000}v{next(_numbers)}"
        self.address = f"10.78.0.{number}"
        self.prefix = ["ip", "netns", "exec", self.name]
        self.link = link
        self._daemon = self._bus = None
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        self.plug()

    def plug(self):
        run("ip", "link", "add", self.device, "netns", self.name, "type",
            "veth", "peer", "name", self.device, "netns", self.link)
        run("ip", "-n", self.link, "link", "set", self.device, "master", "br0",
            "up")
        self.ip("addr", "add", f"{self.address}/24", "dev", self.device)
        self.up()

    def unplug(self):
        """The interface goes for good; another comes with plug()."""
        self.ip("link", "del", self.device)

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def up(self):
        self.ip("link", "set", self.device, "up")
        self.ip("route", "add", "224.0.0.0/4", "dev", self.device)

    def down(self):
        self.ip("link", "set", self.device, "down")

    def start_avahi(self, directory, name, ipv6="no"):
        if not shutil.which("avahi-daemon") or not shutil.which("dbus-daemon"):
            pytest.skip("avahi is not installed")
        directory = pathlib.Path(directory)
        directory.mkdir(exist_ok=True)
        (directory / "avahi.conf").write_text(
            AVAHI.format(host=name, ipv6=ipv6))
        (directory / "bus.conf").write_text(BUS)
        self._daemon = subprocess.Popen(
            [*self.prefix, "unshare", "-m", "bash", "-c",
             START.format(dir=directory)])
        end = time.monotonic() + 10
        log = directory / "log"
        while not (log.exists() and "Server startup complete" in
                   log.read_text()):
            assert time.monotonic() < end and self._daemon.poll() is None
            time.sleep(0.05)
        self._bus = int((directory / "bus.pid").read_text())

    def avahi(self, *command):
        """A client of the daemon, started."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self._daemon.pid), "-m", "-n", *command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def browse(self, kind):
        """What avahi-browse finds: (name, host, address, port, text)."""
        done = self.avahi("avahi-browse", "-rtpk", kind).communicate(
            timeout=20)[0]
        found = set()
        for line in done.splitlines():
            parts = line.split(";")
            if parts[0] == "=":
                found.add((parts[3], parts[6], parts[7], int(parts[8]),
                           parts[9]))
        return found

    def close(self):
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(5)
        if self._bus:
            try:
                os.kill(self._bus, 15)
            except ProcessLookupError:
                pass
        run("ip", "netns", "del", self.name, check=False)


class Link:
    """A bridge in a namespace of its own, and the hosts on it."""

    def __init__(self):
        self.name = f"ent-link-{os.getpid()}-{next(_numbers)}"
        self.hosts = []
        if run("ip", "netns", "add", self.name, check=False).returncode:
            pytest.skip("no right to make network namespaces")
        run("ip", "-n", self.name, "link", "add", "br0", "type", "bridge",
            "mcast_snooping", "0")
        run("ip", "-n", self.name, "link", "set", "br0", "up")

    def add_host(self):
        host = Host(self.name, len(self.hosts) + 1)
        self.hosts.append(host)
        return host

    def close(self):
        for host in self.hosts:
            host.close()
        run("ip", "netns", "del", self.name, check=False)


def record(name, kind, ttl, data, flush=True):
    return encode_name(name) + struct.pack(
        "!HHIH", kind, 0x8001 if flush else 1, ttl, len(data)) + data


def announcement(service, instance, host, ip, port, ttl=120):
    """The packet of a responder that announces one instance."""
    whole = f"{instance}.{service}.local"
    records = [
        record(f"{service}.local", 12, ttl, encode_name(whole), flush=False),
        record(whole, 33, ttl, struct.pack("!HHH", 0, 0, port) +
               encode_name(f"{host}.local")),
        record(whole, 16, ttl, b"\0"),
        record(f"{host}.local", 1, ttl, socket.inet_aton(ip))]
    return struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0,
                       0) + b"".join(records)


SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, int(sys.argv[2]))
s.bind((sys.argv[1], 5353))
for _ in range(3):
    for packet in sys.argv[3:]:
        s.sendto(bytes.fromhex(packet), ("224.0.0.251", 5353))
"""


def send(host, *packets, ttl=255):
    """Multicast |packets| from |host|, as they are."""
    run(*host.prefix, "/usr/bin/python3", "-c", SEND, host.address, str(ttl),
        *(packet.hex() for packet in packets))
