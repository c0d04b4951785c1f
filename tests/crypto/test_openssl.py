#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our TLS against OpenSSL's s_client and s_server, in both roles.

test_openssl.py TLS_SOCKET [unittest's arguments]
"""
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

OURS = None
PATIENCE = 30
LEAF = """keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectAltName=URI:spiffe://acme/%s
"""
CA = """basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
"""
P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


def openssl(*words, cwd):
    subprocess.run(["openssl", *words], cwd=cwd, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Place:
    """A CA and leaves below it, all by OpenSSL."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="entente-test-")
        self.authority("ca")

    def file(self, name):
        return os.path.join(self.path, name)

    def authority(self, name, key=P256):
        openssl("req", "-x509", "-new", "-newkey", *key, "-nodes", "-sha256",
                "-subj", f"/CN={name}", "-days", "30", "-keyout",
                f"{name}.key", "-out", f"{name}.crt", "-config",
                self.config(CA), "-extensions", "x", cwd=self.path)

    def leaf(self, name, ca="ca", key=P256, days=30):
        with open(self.file("ext"), "w") as file:
            file.write(LEAF % name)
        openssl("req", "-new", "-newkey", *key, "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", "csr",
                cwd=self.path)
        openssl("x509", "-req", "-in", "csr", "-CA", f"{ca}.crt", "-CAkey",
                f"{ca}.key", "-CAcreateserial", "-days", str(days), "-sha256",
                "-extfile", "ext", "-out", f"{name}.crt", cwd=self.path)

    def config(self, extensions):
        with open(self.file("config"), "w") as file:
            file.write("[req]\ndistinguished_name=d\n[d]\n[x]\n" + extensions)
        return "config"


class Process:
    """A child whose output is collected while it runs."""

    def __init__(self, words, cwd):
        self.child = subprocess.Popen(
            words, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.output, self.errors = bytearray(), bytearray()
        self.threads = [
            threading.Thread(target=self.collect, args=pair, daemon=True)
            for pair in ((self.child.stdout, self.output),
                         (self.child.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def collect(stream, into):
        while chunk := stream.read1(1 << 16):
            into += chunk

    def write(self, data):
        """In the background: a peer that does not read must not stop us."""
        def work():
            try:
                self.child.stdin.write(data)
                self.child.stdin.flush()
            except BrokenPipeError:
                pass
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def end_input(self):
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass

    def wait_for(self, words, errors=False):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            heard = bytes(self.errors if errors else self.output)
            if words in heard:
                return heard
            if self.child.poll() is not None:
                break
            time.sleep(0.01)
        for thread in self.threads:
            thread.join(PATIENCE)
        heard = bytes(self.errors if errors else self.output)
        if words in heard:
            return heard
        raise AssertionError(f"{words} not in {heard[-2000:]}, "
                             f"{bytes(self.errors[-2000:])}")

    def finish(self):
        code = self.child.wait(PATIENCE)
        for thread in self.threads:
            thread.join(PATIENCE)
        return code

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for thread in self.threads:
            thread.join(PATIENCE)
        for stream in (self.child.stdin, self.child.stdout,
                       self.child.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OpenSSL(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.place.leaf("ours")
        cls.place.leaf("theirs")
        cls.place.authority("stranger")
        cls.place.leaf("odd", ca="stranger")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place.path)

    def setUp(self):
        self.running = []

    def tearDown(self):
        for process in self.running:
            process.stop()

    def start(self, *words):
        process = Process(words, self.place.path)
        self.running.append(process)
        return process

    def our_server(self, *more, name="ours", ca="ca"):
        ours = self.start(OURS, "server", "0", f"{name}.crt", f"{name}.key",
                          f"{ca}.crt", *more)
        heard = ours.wait_for(b"port: ", errors=True)
        time.sleep(0.01)
        return ours, int(re.search(rb"port: (\d+)\n", heard + bytes(
            ours.errors)).group(1))

    def our_client(self, port, *more, ca="ca"):
        return self.start(OURS, "client", str(port), "ours.crt", "ours.key",
                          f"{ca}.crt", *more)

    def s_client(self, port, *more, name="theirs", alpn=True, quiet=True):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                 "-CAfile", "ca.crt", "-verify_return_error"]
        words += ["-cert", f"{name}.crt", "-key", f"{name}.key"] if name else []
        words += ["-alpn", "entente/1"] if alpn else []
        words += ["-quiet", "-no_ign_eof", "-nocommands"] if quiet else []
        return self.start(*words, *more)

    def s_server(self, *more, name="theirs", alpn=True, quiet=True,
                 version="-tls1_3"):
        port = free_port()
        words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}",
                 "-naccept", "1", "-cert", f"{name}.crt", "-key",
                 f"{name}.key", "-CAfile", "ca.crt", "-Verify", "2",
                 "-verify_return_error", version]
        words += ["-alpn", "entente/1"] if alpn else []
        words += ["-quiet"] if quiet else []
        server = self.start(*words, *more)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with open("/proc/net/tcp") as table:
                if f":{port:04X} 00000000:0000 0A" in table.read():
                    return server, port
            self.assertIsNone(server.child.poll(), server.errors)
            time.sleep(0.01)
        self.fail("s_server does not listen")

    def assert_said(self, process, words):
        process.wait_for(words, errors=True)

    # ---- data ----

    def assert_same(self, got, sent):
        self.assertEqual(len(got), len(sent))
        self.assertEqual(hashlib.sha256(got).digest(),
                         hashlib.sha256(sent).digest())

    def wait_length(self, process, length):
        until = time.monotonic() + PATIENCE
        while len(process.output) < length and time.monotonic() < until:
            time.sleep(0.01)

    def exchange(self, ours, theirs, size):
        """|size| bytes each way at once, then both close in order."""
        a, b = os.urandom(size), os.urandom(size)
        ours.wait_for(b"established\n", errors=True)
        writers = ours.write(a), theirs.write(b)
        self.wait_length(ours, size)
        self.wait_length(theirs, size)
        for writer in writers:
            writer.join(PATIENCE)
        ours.end_input()
        theirs.end_input()
        self.assertEqual(ours.finish(), 0, ours.errors)
        self.assert_same(ours.output, b)
        self.assert_same(theirs.output, a)

    def test_s_client_and_our_server_exchange(self):
        ours, port = self.our_server()
        self.exchange(ours, self.s_client(port), 20 << 20)
        self.assert_said(ours, b"peer: spiffe://acme/theirs\naead: ")

    def test_our_client_and_s_server_exchange(self):
        theirs, port = self.s_server()
        ours = self.our_client(port)
        self.exchange(ours, theirs, 20 << 20)
        self.assert_said(ours, b"peer: spiffe://acme/theirs\naead: ")

    def test_either_cipher_does(self):
        for suite, name in (("TLS_CHACHA20_POLY1305_SHA256", b"chacha20"),
                            ("TLS_AES_256_GCM_SHA384", b"aes-256-gcm")):
            with self.subTest(suite):
                ours, port = self.our_server()
                theirs = self.s_client(port, "-ciphersuites", suite)
                self.exchange(ours, theirs, 300000)
                self.assert_said(ours, b"aead: " + name)
                theirs, port = self.s_server("-ciphersuites", suite)
                ours = self.our_client(port)
                self.exchange(ours, theirs, 300000)
                self.assert_said(ours, b"aead: " + name)

    def test_every_group_does_with_or_without_a_retry(self):
        for group in ("X25519", "P-256", "P-384"):
            with self.subTest(group):
                ours, port = self.our_server()
                self.exchange(ours, self.s_client(port, "-groups", group),
                              1000)
                theirs, port = self.s_server("-groups", group)
                self.exchange(self.our_client(port), theirs, 1000)

    def test_rsa_certificates_do(self):
        self.place.authority("rsa-ca", key=["rsa:3072"])
        self.place.leaf("rsa", ca="rsa-ca", key=["rsa:3072"])
        ours, port = self.our_server(ca="rsa-ca")
        self.exchange(ours, self.s_client(port, name="rsa"), 1000)
        theirs, port = self.s_server(name="rsa")
        self.exchange(self.our_client(port, ca="rsa-ca"), theirs, 1000)

    def test_padded_records_are_read(self):
        ours, port = self.our_server()
        self.exchange(ours, self.s_client(port, "-record_padding", "1000"),
                      100000)

    def test_both_export_the_same(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, "-keymatexport", "EXPORTER-entente",
                               "-keymatexportlen", "32", quiet=False)
        ours.wait_for(b"established\n", errors=True)
        material = re.search(rb"exporter: (\w{64})", ours.errors).group(1)
        theirs.wait_for(b"Keying material: " + material)

    # ---- keys ----

    def test_our_key_updates_are_followed(self):
        ours, port = self.our_server("5")
        self.exchange(ours, self.s_client(port), 5 << 20)
        theirs, port = self.s_server()
        self.exchange(self.our_client(port, "5"), theirs, 5 << 20)

    def say(self, process, line):
        """One line, read by itself: a command is what a read begins with."""
        process.write(line).join()
        until = time.monotonic() + PATIENCE
        left = b""
        while left != bytes(4):
            left = fcntl.ioctl(process.child.stdin, termios.FIONREAD, bytes(4))
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def converse(self, ours, theirs, letter):
        """Lines to and fro, with a KeyUpdate of theirs between them."""
        ours.wait_for(b"established\n", errors=True)
        for turn in range(5):
            self.say(theirs, b"theirs %d\n" % turn)
            ours.wait_for(b"theirs %d\n" % turn)
            self.say(theirs, letter + b"\n")
            self.say(theirs, b"after %d\n" % turn)
            ours.wait_for(b"after %d\n" % turn)
            ours.write(b"ours %d\n" % turn).join()
            theirs.wait_for(b"ours %d\n" % turn)

    def test_their_key_updates_are_followed(self):
        for letter in (b"k", b"K"):
            with self.subTest(letter):
                ours, port = self.our_server()
                theirs = self.s_client(port, quiet=False)
                self.converse(ours, theirs, letter)
                theirs.wait_for(b"KEYUPDATE", errors=True)
                theirs, port = self.s_server(quiet=False)
                self.converse(self.our_client(port), theirs, letter)
                self.say(theirs, b"Q\n")
                theirs.finish()
                self.assertEqual(
                    theirs.output.count(b"SSL_do_handshake -> 1"), 5)

    # ---- endings ----

    def test_an_end_without_close_notify_is_told_apart(self):
        ours, port = self.our_server()
        theirs = self.s_client(port)
        ours.wait_for(b"established\n", errors=True)
        theirs.child.send_signal(signal.SIGKILL)
        self.assertEqual(ours.finish(), 3)

    def test_close_notify_from_us_is_understood(self):
        ours, port = self.our_server()
        theirs = self.s_client(port)
        ours.wait_for(b"established\n", errors=True)
        ours.write(b"bye\n").join()
        ours.end_input()
        self.assertEqual(ours.finish(), 0, ours.errors)
        self.assertEqual(theirs.finish(), 0, theirs.errors)
        self.assertEqual(theirs.output, b"bye\n")

    # ---- refusals; alerts must be readable to others, too ----

    def test_our_server_refuses_a_stranger(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, name="odd")
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"not signed by a CA we trust")
        self.assert_said(theirs, b"SSL alert number 48")
        self.assertEqual(ours.output, b"")

    def test_our_client_refuses_a_stranger(self):
        theirs, port = self.s_server(name="odd")
        ours = self.our_client(port)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"not signed by a CA we trust")
        self.assert_said(theirs, b"SSL alert number 48")

    def test_our_client_learns_why_it_was_refused(self):
        theirs, port = self.s_server("-CAfile", "stranger.crt")
        ours = self.our_client(port)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"it does not trust the CA that signed it")
        self.assert_said(ours, b"alert: 48 theirs")

    def test_our_server_learns_why_it_was_refused(self):
        ours, port = self.our_server(name="odd")
        self.s_client(port)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"it does not trust the CA that signed it")

    def test_no_certificate_is_refused(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, name=None)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"presented no certificate")
        self.assert_said(theirs, b"SSL alert number 116")

    def test_no_protocol_name_is_refused_in_both_roles(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, alpn=False)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"does not say that it speaks entente/1")
        self.assert_said(theirs, b"SSL alert number 120")
        theirs, port = self.s_server(alpn=False)
        ours = self.our_client(port)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"does not say that it speaks entente/1")
        self.assert_said(theirs, b"SSL alert number 120")

    def test_older_protocols_are_refused(self):
        for version in ("-tls1_2", "-tls1_1", "-tls1"):
            with self.subTest(version):
                ours, port = self.our_server()
                theirs = self.s_client(port, version, "-cipher",
                                       "DEFAULT:@SECLEVEL=0")
                self.assertEqual(ours.finish(), 1)
                self.assert_said(ours, b"does not speak TLS 1.3")
                self.assert_said(theirs, b"alert")
                self.assertEqual(ours.output, b"")

    def test_a_server_of_tls_1_2_is_refused(self):
        theirs, port = self.s_server(version="-tls1_2")
        ours = self.our_client(port)
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"failure: ")
        self.assertEqual(theirs.output, b"")

    def test_nothing_in_common_is_told(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, "-ciphersuites",
                               "TLS_AES_128_GCM_SHA256")
        self.assertEqual(ours.finish(), 1)
        self.assert_said(ours, b"no cipher, curve or signature in common")
        self.assert_said(theirs, b"SSL alert number 40")

    def test_offered_keys_of_old_are_passed_over(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, "-psk", "00112233445566778899aabbccddeeff"
                               "00112233445566778899aabbccddeeff")
        self.exchange(ours, theirs, 1000)
        self.assert_said(ours, b"peer: spiffe://acme/theirs")

    def test_our_server_gives_no_tickets(self):
        ours, port = self.our_server()
        theirs = self.s_client(port, "-sess_out", "session", quiet=False)
        ours.wait_for(b"established\n", errors=True)
        ours.write(b"hello\n").join()
        theirs.wait_for(b"hello\n")
        theirs.end_input()
        ours.end_input()
        ours.finish()
        theirs.finish()
        self.assertNotIn(b"New Session Ticket", theirs.output)
        self.assertFalse(os.path.exists(self.place.file("session")))


if __name__ == "__main__":
    if not shutil.which("openssl"):
        print("openssl is not installed")
        sys.exit(77)
    OURS = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
