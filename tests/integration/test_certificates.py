# SPDX-License-Identifier: MIT
"""Certificates that must be refused, in either role, by process.

Both ends stay up, no byte passes, and both logs say why in words.
"""
import re
import socket
import ssl

import pytest

from harness import verify
from harness.ambassador import SLOW, Ambassador, any_port, entente
from harness.certificates import Authority
from harness.processes import run, wait_until

pytestmark = pytest.mark.entente

# What makes it bad, and what the log of the one who refuses must speak of.
BAD = {
    "expired": (dict(begins=-30, ends=-1), "expired"),
    "not yet valid": (dict(begins=2), "not yet|begins|clock|future"),
    "of no use for TLS": (
        {"extensions": {"extendedKeyUsage": "codeSigning"}}, "usage|EKU"),
    "without a usage": (
        {"extensions": {"extendedKeyUsage": None}}, "usage|EKU"),
    "without a key usage for signing": (
        {"extensions": {"keyUsage": "critical,keyEncipherment"}}, "usage"),
    "with a common name only": (
        dict(uris=[], common_name="spiffe://test/NAME"), "URI|SAN|identity"),
    "with two identities": (
        dict(uris=["spiffe://test/NAME", "spiffe://test/other"]),
        "URI|SAN|one identity|two"),
    "with a wildcard": (dict(uris=["spiffe://test/*"]),
                        r"\*|wildcard|spiffe|identity"),
    "with a web address": (dict(uris=["https://test/NAME"]),
                           "spiffe|identity"),
    "that is a CA's": (
        {"extensions": {"basicConstraints": "critical,CA:TRUE",
                        "keyUsage": "critical,keyCertSign,digitalSignature"}},
        "CA"),
    "with a weak RSA key": (dict(key="rsa1024"), "key|RSA|weak|bits"),
    # OpenSSL does not even present it in TLS 1.3.
    "with a weak curve": (dict(key="p192"),
                          "key|curve|weak|no certificate|alert"),
    "signed with SHA-1": (dict(digest="sha1"), "SHA|digest|signature|hash"),
    "signed by itself": (dict(self_signed=True), "sign|trust|CA"),
    "of another CA": (None, "sign|trust|CA"),
    "that is revoked": ({}, "revoked"),
}


# OpenSSL as a server does not present these at all.
CANNOT_BE_SERVED = ("with a weak curve", "signed with SHA-1")


def refusals(ambassador):
    """What it has logged about tunnels that did not come to be."""
    return "\n".join(line for line in ambassador.log.splitlines()
                     if "handshake_refused" in line or "tunnel_failed" in line)


def bend(name, options):
    """Options for Authority.issue with NAME filled in."""
    options = dict(options)
    for key in ("uris", "common_name"):
        if key in options:
            value = options[key]
            options[key] = value.replace("NAME", name) \
                if isinstance(value, str) else \
                [uri.replace("NAME", name) for uri in value]
    return options


@pytest.mark.parametrize("who", ["consumer", "offerer"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_is_refused_and_said_why(
        box, authority, make_pair, kind, who):
    options, words = BAD[kind]
    server = verify.Server(box)
    pair = make_pair(server.address, start=False, consume={"hold": "300ms"})
    name = "web-1" if who == "consumer" else "db-1"
    home = authority
    if options is None:
        home = Authority(box.folder, "other-ca")
        options = {}
    bad = home.issue(name, file=box.name("bad"), **bend(name, options))
    bad.trust = authority.certificate
    if who == "consumer":
        pair.web = bad
    else:
        pair.db = bad
        pair.db.identity = authority.identity(name)
    near, far = pair.documents()
    if kind == "that is revoked":
        authority.revoke(bad)
        (far if who == "consumer" else near)["identity"]["revocation"] = \
            str(authority.write_crl())
    far["offer"]["service"]["allow"] = [authority.identity("web-1")]
    near["consume"]["service"]["peer"] = [authority.identity("db-1")]
    offerer = Ambassador(box, "offerer", far).start(ready=False)
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    strict, other = (offerer, consumer) if who == "consumer" else \
        (consumer, offerer)
    # Our own program may refuse to start with such a certificate: then the
    # far side must still refuse it from somebody else's.
    bad_one = consumer if who == "consumer" else offerer
    wait_until(lambda: not bad_one.process.is_running() or
               re.search(words, refusals(strict), re.I), 15,
               f"a word about {kind}")
    if not bad_one.process.is_running():
        assert bad_one.process.wait() == 1
        assert re.search(words, bad_one.log, re.I), bad_one.log
        assert len(bad_one.log.strip().splitlines()) <= 3, bad_one.log
        if who == "consumer":
            handshake_is_refused(pair.tunnel, bad)
        elif kind in CANNOT_BE_SERVED:
            return
        else:
            serve_handshakes(box, pair.tunnel, bad)
        wait_until(lambda: re.search(words, refusals(strict), re.I), 15,
                   f"the {strict.name} says why it refuses what is {kind}")
        assert not server.seen(), "something reached the service"
        return
    totals = verify.transfer(box, pair.address, "--up", 100, "--down", 100,
                             "--timeout", 10)
    assert totals["reset"] == 1, totals
    assert not server.seen(), "something reached the service"
    assert refusals(other), other.log
    assert strict.process.is_running()


def handshake_is_refused(address, leaf, *words):
    """Dial a tunnel listener with OpenSSL: it must not get through."""
    done = run(["openssl", "s_client", "-connect", address, "-tls1_3",
                "-alpn", "entente/1", "-cert", leaf.certificate, "-key",
                leaf.private_key, "-ign_eof", "-quiet",
                "-cipher", "DEFAULT@SECLEVEL=0", *words],
               check=False, timeout=15)
    assert "alert" in done.stderr or done.returncode != 0, done
    return done


def serve_handshakes(box, address, leaf):
    """Answer at a tunnel's address with OpenSSL."""
    box.start("s_server", [
        "openssl", "s_server", "-accept", address, "-tls1_3", "-alpn",
        "entente/1", "-cert", leaf.certificate, "-key", leaf.private_key,
        "-CAfile", leaf.trust, "-Verify", "1", "-quiet", "-cipher",
        "DEFAULT@SECLEVEL=0"])


@pytest.fixture
def offerer(box, authority):
    """A tunnel listener that offers something."""
    db = authority.issue("db-1", file=box.name("db"))
    made = Ambassador(box, "offerer", {
        "identity": db.section(), "tunnels": {"listen": any_port()},
        "offer": {"service": {"to": ["static:127.0.0.1:9"],
                              "allow": [authority.identity("web-*")]}}})
    made.start()
    made.tunnel = made.document["tunnels"]["listen"]
    return made


STRANGERS = {
    "no certificate": (["-alpn", "entente/1", "-tls1_3"], False),
    "TLS 1.2": (["-alpn", "entente/1", "-tls1_2"], True),
    "no protocol name": (["-tls1_3"], True),
    "another protocol name": (["-tls1_3", "-alpn", "h2"], True),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_gets_an_alert_and_nothing_else(
        box, authority, offerer, kind):
    words, has_certificate = STRANGERS[kind]
    if has_certificate:
        leaf = authority.issue("web-1", file=box.name("web"))
        words = [*words, "-cert", leaf.certificate, "-key", leaf.private_key]
    done = run(["openssl", "s_client", "-connect", offerer.tunnel, "-ign_eof",
                *words], check=False, timeout=15)
    assert re.search("alert|unexpected eof|handshake failure", done.stderr), \
        done.stderr
    assert not done.stdout.strip().endswith("entente")
    wait_until(lambda: re.search("tunnel_(failed|refused)|handshake",
                                 offerer.log), 10, "a word in the log")
    assert offerer.process.is_running()


def test_openssl_with_a_good_certificate_is_let_in(box, authority, offerer):
    # Else the tests above prove nothing.
    leaf = authority.issue("web-1", file=box.name("web"))
    client = box.start("s_client", [
        "openssl", "s_client", "-connect", offerer.tunnel, "-tls1_3", "-alpn",
        "entente/1", "-cert", leaf.certificate, "-key", leaf.private_key,
        "-CAfile", authority.certificate, "-ign_eof"])
    client.says("Verification: OK")
    client.says("ALPN protocol: entente/1")
    wait_until(lambda: leaf.identity in offerer.log, 10, "its name is logged")


def begin_handshake(address, source):
    """A stranger who says hello, is answered, and says nothing more."""
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), 10, (source, 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["entente/1"])
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
    sock.sendall(hello.read())
    return sock


def test_strangers_who_stop_halfway_keep_no_peer_out(box, authority, offerer):
    strangers = [begin_handshake(offerer.tunnel, f"127.0.0.{2 + number % 4}")
                 for number in range(160)]
    assert all(stranger.recv(1) == b"\x16" for stranger in strangers)
    web = authority.issue("web-1", file=box.name("web"))
    consumer = Ambassador(box, "consumer", {
        "identity": web.section(), "consume": {"service": {
            "listen": any_port(), "from": [f"static:{offerer.tunnel}"],
            "peer": [authority.identity("db-*")]}}}).start(ready=False)
    wait_until(lambda: "tunnel_opened" in consumer.log, 10 * SLOW, "a tunnel")
    # At once: not only when the strangers had been given up.
    assert "tunnel_failed" not in consumer.log
    for stranger in strangers:
        stranger.close()


def test_plain_text_is_not_an_error_of_ours(box, offerer):
    from harness import ports
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 4096, b"PING\r\n",
                    b"\x16\x03\x01\xff\xff" + b"x" * 300, b""):
        with ports.connect(offerer.tunnel) as sock:
            sock.sendall(garbage)
            sock.shutdown(1)
            sock.settimeout(15)
            try:
                while sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert offerer.process.is_running()
    assert offerer.command("healthcheck").returncode == 0


def test_the_key_of_another_certificate_is_noticed_at_the_start(
        box, authority):
    one = authority.issue("web-1", file=box.name("web"))
    two = authority.issue("web-2", file=box.name("web"))
    listen = any_port()
    done = entente("consume", "redis", "--listen", listen, "--from",
                   "static:127.0.0.1:9", "--peer", authority.identity("db"),
                   "--certificate", one.certificate, "--private-key",
                   two.private_key, "--trust", one.trust)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "key" in done.stderr


def test_a_key_that_others_can_read_warns_and_runs(box, authority):
    leaf = authority.issue("web-1", file=box.name("web"))
    leaf.private_key.chmod(0o644)
    made = Ambassador(box, "consumer", {
        "identity": leaf.section(), "consume": {"redis": {
            "listen": any_port(), "from": ["static:127.0.0.1:9"],
            "peer": [authority.identity("db-1")]}}}).start(ready=False)
    made.process.says("chmod")
    assert made.process.is_running()


