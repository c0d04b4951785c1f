# SPDX-License-Identifier: MIT
"""What is compared: for each tool, the two processes it takes to carry
connections from one port of this machine to the target, encrypted in between.

All that speak TLS use the same P-256 certificates, TLS 1.3 with
TLS_AES_256_GCM_SHA384, and check each other's certificate."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

from lab import ROOT, Lab, Process, Unavailable, listening, wait_until

SUITE = "TLS_AES_256_GCM_SHA384"
USER = pwd.getpwuid(os.getuid()).pw_name
CONNECTIONS = 9500  # a proxy has two descriptors for each; 20,000 is common


class Certificates:
    """A CA and one certificate a side, made by openssl for this run."""

    CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = URI:spiffe://bench/${ENV::SIDE}
"""

    def __init__(self, directory):
        self.directory = directory
        (directory / "openssl.cnf").write_text(self.CONFIG)
        self._make("ca", "ca", [])
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key"]
        for side in ("consume", "offer"):
            self._make(side, "leaf", signed)
            both = self.file(side, "crt").read_text() + \
                self.file(side, "key").read_text()
            self.file(side, "pem").write_text(both)

    def _make(self, name, extensions, arguments):
        subprocess.run(
            ["openssl", "req", "-x509", "-config", "openssl.cnf", "-nodes",
             "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-sha256", "-days", "2", "-subj", f"/CN={name}", "-extensions",
             extensions, "-keyout", f"{name}.key", "-out", f"{name}.crt"]
            + arguments, cwd=self.directory, check=True, capture_output=True,
            env={**os.environ, "SIDE": name})

    def file(self, name, kind):
        return self.directory / f"{name}.{kind}"


class Pair:
    """Base of all: how the two sides are written down and started."""

    program = ""  # what is executed, unless the user names another file
    version_flag = "--version"
    version_lines = r"\A.+"  # those that say something
    ours = False  # whether a failure is one of what is developed here

    def __init__(self, label, program, lab):
        self.label, self.lab = label, lab
        self.program = program or shutil.which(self.program, path=os.environ[
            "PATH"] + ":/usr/sbin:/sbin") or self.program
        if not os.access(self.program, os.X_OK):
            raise Unavailable(f"{self.program}: no such program")

    def version(self):
        result = subprocess.run([self.program, self.version_flag], text=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        lines = re.findall(self.version_lines, result.stdout, re.MULTILINE)
        return ", ".join(lines)

    def command(self, side, directory, listen, to):
        """argv of |side|; listens on port |listen|, connects to port |to|."""
        raise NotImplementedError

    def write(self, directory, name, text):
        path = directory / name
        path.write_text(text)
        return str(path)

    def certificate(self, side, kind):
        return self.lab.certificates.file(side, kind)

    @property
    def ca(self):
        return self.lab.certificates.file("ca", "crt")

    def start(self, target, wrap=()):
        return RunningPair(self, target, wrap)


class RunningPair:
    """Both sides, started, and seen to carry one answer of the target."""

    def __init__(self, pair, target, wrap):
        self.label, self.port = pair.label, target.port
        self.ready_ms, self.sides = 0.0, {}
        if isinstance(pair, Direct):
            return
        lab = pair.lab
        self.port, tunnel = lab.port(), lab.port()
        routes = {"offer": (tunnel, target.port),
                  "consume": (self.port, tunnel)}
        directory = lab.directory(pair.label)
        commands = {side: pair.command(side, directory, *route)
                    for side, route in routes.items()}
        patience = 60 if wrap else 15
        begin = time.monotonic()
        try:
            for side, (port, _) in routes.items():
                self.sides[side] = Process(lab, [*wrap, *commands[side]],
                                           directory / f"{side}.log",
                                           lab.pair_cpus)
                wait_until(lambda: listening(port), patience,
                           f"{pair.label} does not listen")
            target.wait(pair.label, self.port, patience)
        except Unavailable as error:
            words = "; ".join(side.last_words() for side in self.sides.values())
            self.stop()
            raise Unavailable(f"{error}: {words}") from None
        self.ready_ms = (time.monotonic() - begin) * 1e3

    def cpu_seconds(self):
        return sum(side.cpu_seconds() for side in self.sides.values())

    def memory(self, field):
        """{"consume": KiB, "offer": KiB}, or nothing for direct."""
        return {name: side.memory(field) for name, side in self.sides.items()}

    def stop(self, patience=5):
        for side in reversed(self.sides.values()):
            side.stop(patience)
        self.sides = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Direct(Pair):
    """No proxy: what the machine and the load tools can do."""
    program = "true"
    ours = True

    def version(self):
        return "no proxy"


class Entente(Pair):
    program = str(ROOT / "build/release/entente")
    version_lines = r"^.+"
    ours = True

    CONFIG = """\
node: bench-{side}
identity:
  certificate: {certificate}
  private_key: {key}
  trust: {ca}
admin: unix:{directory}/{side}.sock
"""
    SERVICE = {
        "consume": """\
consume:
  bench:
    listen: 127.0.0.1:{listen}
    from: [static:127.0.0.1:{to}]
    peer: [spiffe://bench/offer]
""",
        "offer": """\
tunnels:
  listen: 127.0.0.1:{listen}
offer:
  bench:
    to: [static:127.0.0.1:{to}]
    allow: [spiffe://bench/consume]
"""}

    def command(self, side, directory, listen, to):
        text = self.CONFIG + self.SERVICE[side]
        text = text.format(side=side, directory=directory, listen=listen, to=to,
                           certificate=self.certificate(side, "crt"),
                           key=self.certificate(side, "key"), ca=self.ca)
        extra = "".join(line + "\n" for line in self.lab.options.entente_config)
        config = self.write(directory, f"{side}.yaml", text + extra)
        return [self.program, "run", "--config", config]


class HAProxy(Pair):
    """As it comes: a thread a core, 16 KiB buffers, TLS sessions resumed."""
    program = "haproxy"
    version_flag = "-vv"
    version_lines = r"^HAProxy version [^ ]+|^Running on OpenSSL.+"
    tuning = ""

    CONFIG = f"""\
global
    maxconn {CONNECTIONS}
    ssl-default-bind-ciphersuites {SUITE}
    ssl-default-server-ciphersuites {SUITE}
    %(tuning)s
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
listen bench
    bind 127.0.0.1:%(listen)d backlog 4096 %(bind)s
    server next 127.0.0.1:%(to)d %(server)s
"""

    def command(self, side, directory, listen, to):
        tls = (f"ssl crt {self.certificate(side, 'pem')} ca-file {self.ca} "
               "verify required ssl-min-ver TLSv1.3")
        text = self.CONFIG % {
            "listen": listen, "to": to, "tuning": self.tuning,
            "bind": tls if side == "offer" else "",
            "server": tls if side == "consume" else ""}
        return [self.program, "-db", "-f",
                self.write(directory, f"{side}.cfg", text)]


class HAProxyTuned(HAProxy):
    """The best we found for bulk: 64 KiB buffers, four records a call."""
    tuning = "tune.bufsize 65536"


class Stunnel(Pair):
    program = "stunnel4"
    version_flag = "-version"
    version_lines = r"^stunnel.+|^Running .+"

    CONFIG = f"""\
foreground = yes
syslog = no
debug = warning
pid =
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[bench]
client = %s
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
cert = %s
key = %s
CAfile = %s
verifyChain = yes
sslVersion = TLSv1.3
ciphersuites = {SUITE}
"""

    def command(self, side, directory, listen, to):
        text = self.CONFIG % ("yes" if side == "consume" else "no", listen, to,
                              self.certificate(side, "crt"),
                              self.certificate(side, "key"), self.ca)
        return [self.program, self.write(directory, f"{side}.conf", text)]


class Spiped(Pair):
    """Not TLS: a shared key and a cipher of its own, AES-CTR with HMAC."""
    program = "spiped"
    version_flag = "-v"

    def command(self, side, directory, listen, to):
        key = directory.parent / "spiped.key"
        if not key.exists():
            key.write_bytes(os.urandom(32))
        return [self.program, "-e" if side == "consume" else "-d", "-F",
                "-s", f"[127.0.0.1]:{listen}", "-t", f"[127.0.0.1]:{to}",
                "-k", str(key), "-n", str(CONNECTIONS)]


class Nginx(Pair):
    program = "nginx"
    version_flag = "-V"
    version_lines = r"^nginx version.+|^built with.+"
    MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")

    CONFIG = """\
load_module %(module)s;
daemon off;
user %(user)s;
pid %(directory)s/%(side)s.pid;
error_log stderr warn;
worker_processes auto;
worker_rlimit_nofile 20000;
events { worker_connections 19900; }
stream {
    server {
        listen 127.0.0.1:%(listen)d%(tls)s backlog=4096;
        proxy_pass 127.0.0.1:%(to)d;
        proxy_timeout 1h;
        %(more)s
    }
}
"""
    FILES = """{0}ssl_certificate {1};
        {0}ssl_certificate_key {2};
        {0}ssl_protocols TLSv1.3;
        {0}ssl_conf_command Ciphersuites %s;
""" % SUITE
    OFFER = """
        ssl_verify_client on;
        ssl_client_certificate {3};
"""
    CONSUME = """
        proxy_ssl on;
        proxy_ssl_verify on;
        proxy_ssl_name offer;
        proxy_ssl_trusted_certificate {3};
"""

    def command(self, side, directory, listen, to):
        if not self.MODULE.exists():
            raise Unavailable("nginx has no stream module here")
        more = self.FILES + (self.OFFER if side == "offer" else self.CONSUME)
        text = self.CONFIG % {
            "module": self.MODULE, "user": USER, "side": side,
            "directory": directory, "listen": listen, "to": to,
            "tls": " ssl" if side == "offer" else "",
            "more": more.format("" if side == "offer" else "proxy_",
                                self.certificate(side, "crt"),
                                self.certificate(side, "key"), self.ca)}
        return [self.program, "-e", "stderr", "-p", str(directory), "-c",
                self.write(directory, f"{side}.conf", text)]


class Ssh(Pair):
    """ssh -L: the one that multiplexes too.  AES-GCM, its fastest cipher."""
    program = "ssh"
    version_flag = "-V"

    SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
MaxStartups 1000
"""

    def command(self, side, directory, listen, to):
        if side == "offer":
            return self.server_command(directory, listen)
        forward = f"127.0.0.1:{listen}:127.0.0.1:{self.target}"
        return [self.program, "-N", "-F", "none", "-i", f"{directory}/user",
                "-p", str(to), "-L", forward,
                "-c", "aes256-gcm@openssh.com", "-o", "BatchMode=yes",
                "-o", "ExitOnForwardFailure=yes",
                "-o", f"UserKnownHostsFile={directory}/known",
                "-o", "StrictHostKeyChecking=accept-new",
                f"{USER}@127.0.0.1"]

    def server_command(self, directory, listen):
        server = shutil.which("sshd", path="/usr/sbin:/sbin")
        if not server:
            raise Unavailable("no sshd here")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # it refuses without
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                            "-f", str(directory / key)], check=True)
        config = self.SERVER.format(port=listen, directory=directory)
        return [server, "-D", "-e", "-f",
                self.write(directory, "sshd_config", config)]

    def start(self, target, wrap=()):
        self.target = target.port  # the consuming side names it
        return super().start(target, wrap)


KINDS = {"direct": Direct, "haproxy": HAProxy, "haproxy-tuned": HAProxyTuned,
         "stunnel": Stunnel, "spiped": Spiped, "nginx": Nginx, "ssh": Ssh,
         "entente": Entente}


def make_pair(spec, lab):
    """From "LABEL" or "LABEL=PROGRAM"; the label begins with its kind, so
    "entente-old=build/old/entente" is one more entente."""
    label, _, program = spec.partition("=")
    kinds = [kind for kind in KINDS if label.startswith(kind)]
    if not kinds:
        raise SystemExit(f"bench: no pair {label}; a label begins with one of "
                         + ", ".join(KINDS))
    kind = max(kinds, key=len)
    return KINDS[kind](label, program and os.path.abspath(program), lab)


@contextlib.contextmanager
def open_lab(options):
    """A lab with certificates and a target, gone again afterwards."""
    with tempfile.TemporaryDirectory(prefix="entente-bench-") as scratch:
        os.chmod(scratch, 0o755)  # a database does not run as root
        lab = Lab(options, scratch)
        try:
            lab.certificates = Certificates(lab.directory("certificates"))
            lab.start_server()
            yield lab
        finally:
            lab.stop()
