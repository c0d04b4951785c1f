# SPDX-License-Identifier: MIT
"""curl and nginx: large files, many requests, uploads, and the source."""
import hashlib
import os

import pytest

from harness.pair import KIND
from harness.processes import run, wait_until
from harness.servers import need, nginx

MIB = 1 << 20


def make_file(path, size):
    """A file of random bytes and its checksum."""
    digest = hashlib.sha256()
    with open(path, "wb") as data:
        for _ in range(0, size, MIB):
            block = os.urandom(min(size, MIB))
            digest.update(block)
            data.write(block)
    return digest.hexdigest()


def test_large_files_keep_their_checksum_both_ways(box, make_pair, long):
    need("curl")
    server = nginx.Nginx(box)
    pair = make_pair(server.address, name="web")
    size = (1024 if long else 100) * MIB
    digest = make_file(server.folder / "www" / "big", size)
    done = run(["sh", "-c", f"curl -sSf http://{pair.address}/big | "
                "sha256sum"], timeout=300)
    assert done.stdout.split()[0] == digest
    run(["curl", "-sSf", "-T", server.folder / "www" / "big",
         f"http://{pair.address}/upload/big"], timeout=300)
    done = run(["sha256sum", server.folder / "in" / "upload" / "big"])
    assert done.stdout.split()[0] == digest


def test_a_connection_a_request_and_a_connection_for_all(box, make_pair):
    need("curl")
    server = nginx.Nginx(box)
    pair = make_pair(server.address, name="web")
    (server.folder / "www" / "small").write_text("small\n", encoding="ascii")
    for words in ([], ["-H", "Connection: close"]):
        done = run(["curl", "-sSf", *words,
                    f"http://{pair.address}/small?[1-200]"])
        assert done.stdout == "small\n" * 200


def test_the_service_learns_the_applications_address(box, make_pair):
    if KIND != "entente":
        pytest.skip("not asked of others")
    need("curl")
    server = nginx.Nginx(box, options="proxy_protocol")
    (server.folder / "www" / "small").write_text("small\n", encoding="ascii")
    pair = make_pair(server.address, name="web",
                     offer={"proxy_protocol": True})
    for source in ("127.0.0.1", "127.0.0.77"):
        done = run(["curl", "-sSf", "--interface", source,
                    f"http://{pair.address}/small"])
        assert done.stdout == "small\n"
    wait_until(lambda: len(server.logged()) >= 2, 10, "nginx wrote both down")
    assert [told for told, _, _ in server.logged()] == \
        ["127.0.0.1", "127.0.0.77"]
