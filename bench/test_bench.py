#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the benchmark notice when something is wrong?  Servers that misbehave in
one way each stand behind bench-load; a benchmark that does not see it would
measure anything.  usage: test_bench.py DIRECTORY-OF-TOOLS"""
import contextlib
import json
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from figures import Figure, Workload
from report import Report, median, ratio, spread

TOOLS = pathlib.Path(sys.argv.pop() if len(sys.argv) > 1 else ".")


def read_exactly(client, count):
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def up_bytes(message):
    return struct.unpack_from("=Q", message, 16)[0]


@contextlib.contextmanager
def server(answer):
    """|answer(client, message, number)| is called for every message."""
    def serve(client):
        with client, contextlib.suppress(OSError):
            for number in range(1 << 30):
                answer(client, read_exactly(client, 64), number)

    def accept():
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=[client],
                                 daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextlib.contextmanager
def bench_server():
    with socket.create_server(("127.0.0.1", 0)) as finder:
        port = finder.getsockname()[1]
    process = subprocess.Popen([TOOLS / "bench-server", f"127.0.0.1:{port}"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()  # ready
    try:
        yield port
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def load(port, *options):
    """Run bench-load; its exit status and result."""
    tool = subprocess.run([TOOLS / "bench-load", *options, "--seconds", "0.1",
                           f"127.0.0.1:{port}"], input="\n", text=True,
                          stdout=subprocess.PIPE, timeout=60)
    result = json.loads(tool.stdout.splitlines()[-1])
    return tool.returncode, result


def echo(client, message, number):
    client.sendall(message)


class TheLoadNotices(unittest.TestCase):
    def failure(self, answer, *options):
        with server(answer) as port:
            status, result = load(port, *options)
        self.assertEqual(status, 1)
        self.assertGreater(result["failures"], 0)
        return result["first_failure"]

    def test_an_honest_echo_passes(self):
        with server(echo) as port:
            status, result = load(port, "--streams", "3")
        self.assertEqual((status, result["failures"]), (0, 0))
        self.assertGreaterEqual(result["exchanges"], 3)

    def test_a_flipped_bit(self):
        def flip(client, message, number):
            client.sendall(message if number < 5 else
                           message[:-1] + bytes([message[-1] ^ 1]))
        self.assertEqual(self.failure(flip), "wrong answer")

    def test_an_answer_of_another_exchange(self):
        first = []

        def repeat(client, message, number):
            first.append(message)
            client.sendall(first[0])
        self.assertEqual(self.failure(repeat), "wrong answer")

    def test_bytes_nobody_asked_for(self):
        def chatter(client, message, number):
            client.sendall(message + (bytes(100) + b"!" if number else b""))
        self.assertEqual(self.failure(chatter, "--down", "100", "--rate",
                                      "1000"), "bytes nobody asked for")

    def test_an_end_of_file_within_an_answer(self):
        def stop(client, message, number):
            client.sendall(message[:63])
            client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.failure(stop), "end of file")

    def test_an_end_of_file_on_every_new_connection(self):
        def stop(client, message, number):
            client.close()
        self.assertEqual(self.failure(stop, "--reconnect"), "end of file")

    def test_nobody_listening(self):
        with socket.create_server(("127.0.0.1", 0)) as finder:
            port = finder.getsockname()[1]
        status, result = load(port)
        self.assertEqual((status, result["first_failure"]),
                         (1, "Connection refused"))

    def test_a_wrong_byte_in_bulk_when_asked_to_verify(self):
        def zeros(client, message, number):
            client.sendall(message + bytes(1000 if number else 0))
        self.failure(zeros, "--down", "1000", "--verify")

    def test_too_few_bytes_of_bulk(self):
        def short(client, message, number):
            client.sendall(message + bytes(999 if number else 0))
            if number:
                client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.failure(short, "--down", "1000"), "end of file")


class TheServerAndTheLoadAgree(unittest.TestCase):
    def exchange(self, *options):
        with bench_server() as port:
            status, result = load(port, *options)
        self.assertEqual((status, result["failures"]), (0, 0))
        return result

    def test_on_bodies_both_ways(self):
        result = self.exchange("--up", "300001", "--down", "700001",
                               "--streams", "3", "--depth", "4", "--verify")
        self.assertEqual(result["bytes"], result["exchanges"] * 1000002)

    def test_on_a_connection_for_each_exchange(self):
        self.assertGreater(self.exchange("--reconnect")["exchanges"], 10)

    def test_on_a_rate(self):
        result = self.exchange("--down", "10000", "--rate", "2000000",
                               "--streams", "4", "--verify")
        self.assertLessEqual(result["bytes"], 2000000 * 0.11 + 10000)
        self.assertGreaterEqual(result["bytes"], 40000)  # one each

    def test_that_a_wrong_byte_upward_is_wrong(self):
        with bench_server() as port, \
             socket.create_connection(("127.0.0.1", port)) as client:
            message = struct.pack("=8Q", 0, 1, 1000, 0, 1, 0, 0, 0)
            client.sendall(message + bytes(1000))
            answer = struct.unpack("=8Q", read_exactly(client, 64))
        self.assertEqual(answer[5], 1)

    def test_that_latency_is_what_it_is(self):
        def slow(client, message, number):
            time.sleep(0.02)
            client.sendall(message)
        with server(slow) as port:
            _, result = load(port)
        self.assertGreaterEqual(result["p50_us"], 19400)  # right to 3 %
        self.assertLessEqual(result["p50_us"], result["max_us"])


class TheReport(unittest.TestCase):
    def test_a_median_ignores_rounds_without_a_value(self):
        self.assertEqual(median([3, None, 1, 100]), 3)
        self.assertIsNone(median([None]))

    def test_a_ratio_is_of_the_same_round(self):
        # Twice as fast in every round, of a machine that gets ten times slower.
        self.assertEqual(ratio([200, 20, 2], [100, 10, 1]), 2)
        self.assertEqual(ratio([200, None, 4], [100, 10, 1]), 3)
        self.assertIsNone(ratio([1], [0]))

    def test_a_spread_is_half_the_range(self):
        self.assertAlmostEqual(spread([90, 100, 110]), 0.1)

    def test_a_table_names_what_is_missing(self):
        workload = Workload("work", Figure("rate", "/s", 0, True))
        report = Report([workload], ["a", "b"], "a", {})
        report.add(workload, "a", [1000])
        report.add(workload, "b", [None])
        self.assertEqual(list(report.table())[1],
                         ["work rate", "/s more", "1,000", "–"])


if __name__ == "__main__":
    unittest.main()
