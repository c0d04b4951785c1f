# SPDX-License-Identifier: MIT
"""Bad input: one clear line with a place, exit 1, nothing half-started."""
import os
import re
import socket

import pytest

from harness import ports
from harness.ambassador import Ambassador, any_port, entente

pytestmark = pytest.mark.entente

GOOD = """identity:
  certificate: {certificate}
  private_key: {private_key}
  trust: {trust}
consume:
  redis:
    listen: {listen}
    from: [static:127.0.0.1:9]
    peer: [spiffe://test/db-*]
"""

# (what is replaced, by what, the place, words of the message)
MISTAKES = {
    "an unknown key": ("listen:", "lisen:", "7:5", "listen"),
    "an unknown section": ("consume:", "consum:", "5:1", "consume"),
    "a bad address": ("listen: {listen}", "listen: 127.0.0.1", "7:13",
                      "127.0.0.1"),
    "a port too large": ("listen: {listen}", "listen: 127.0.0.1:70000",
                         "7:13", "70000"),
    "a map where a list belongs": ("[spiffe://test/db-*]", "{{a: b}}", "9:11",
                                   ""),
    "an unknown source": ("static:127", "statik:127", "8:", "static"),
    "an identity without a scheme": ("spiffe://test/db-*", "db-1", "9:",
                                     "spiffe"),
    "a tab": ("  redis:", "\tredis:", "6:", ""),
    "an open quote": ("redis:", "\"redis:", "", ""),
    "a key twice": ("    from:", "    listen: 127.0.0.1:1\n    from:", "8:5",
                    "7"),
    "a bad duration": ("    peer:", "    hold: 10 parsecs\n    peer:", "9:11",
                       "parsecs"),
    "a bad name": ("  redis:", "  re/dis:", "6:3", "re/dis"),
    "a missing source": ("    from: [static:127.0.0.1:9]\n", "", "", "from"),
    "a missing peer": ("    peer: [spiffe://test/db-*]\n", "", "", "peer"),
    "a missing certificate": ("  certificate: {certificate}\n", "", "",
                              "certificate"),
}


@pytest.fixture
def good(authority, box):
    """What a good file's blanks are filled with."""
    leaf = authority.issue("web-1", file=box.name("web"))
    return {"certificate": leaf.certificate, "private_key": leaf.private_key,
            "trust": leaf.trust, "listen": any_port()}


def is_one_line(text):
    """One line for people, and not a trace."""
    return len(text.strip().splitlines()) == 1


def test_a_good_file_passes(box, good):
    path = box.write("good.yaml", GOOD.format(**good))
    done = entente("check", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_has_a_place_and_a_sentence(box, good, mistake):
    old, new, place, word = MISTAKES[mistake]
    assert old in GOOD
    path = box.write("bad.yaml",
                     GOOD.replace(old, new, 1).format(**good))
    for command in ("check", "run"):
        done = entente(command, "--config", path, timeout=20)
        assert done.returncode == 1, (command, done)
        assert is_one_line(done.stderr), done.stderr
        assert re.search(r"bad\.yaml:\d+:\d+: ", done.stderr) or not place, \
            done.stderr
        assert f"bad.yaml:{place}" in done.stderr or not place, done.stderr
        assert word in done.stderr, done.stderr
        assert not ports.answers(good["listen"])


def test_no_file_is_one_line(box):
    done = entente("run", "--config", box.path("nothing.yaml"))
    assert done.returncode == 1 and is_one_line(done.stderr), done.stderr
    assert "nothing.yaml" in done.stderr


def test_a_port_in_use_is_one_line_and_leaves_nothing_started(box, good):
    taken = socket.create_server(("127.0.0.1", 0))
    box.undo(taken.close)
    other = any_port()
    text = GOOD.replace("{listen}", "[{other}, {listen}]")
    good["listen"] = "127.0.0.1:%d" % taken.getsockname()[1]
    path = box.write("e.yaml", text.format(other=other, **good))
    done = entente("run", "--config", path, timeout=20)
    assert done.returncode == 1, done
    assert good["listen"] in done.stderr
    lines = done.stderr.strip().splitlines()
    assert "listen" in lines[-1] and "ready" not in done.stderr, lines
    assert not ports.answers(other)


@pytest.mark.parametrize("what", ["certificate", "private_key", "trust"])
@pytest.mark.parametrize("how", ["missing", "empty", "garbage", "folder"])
def test_files_that_are_no_use_are_one_line(box, good, what, how):
    path = box.path(f"{how}.pem")
    if how == "folder":
        path.mkdir()
    elif how != "missing":
        path.write_text("" if how == "empty" else "-----BEGIN FUN-----\nx\n",
                        encoding="ascii")
        path.chmod(0o600)
    good[what] = path
    done = entente("run", "--config",
                   box.write("e.yaml", GOOD.format(**good)), timeout=20)
    assert done.returncode == 1, done
    assert is_one_line(done.stderr), done.stderr
    assert path.name in done.stderr, done.stderr
    assert not ports.answers(good["listen"])


def test_a_key_that_we_may_not_read_is_one_line(box, good):
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    good["private_key"].chmod(0)
    done = entente("run", "--config",
                   box.write("e.yaml", GOOD.format(**good)), timeout=20)
    assert done.returncode == 1 and is_one_line(done.stderr), done.stderr
    assert "ermission" in done.stderr


@pytest.mark.parametrize("words", [
    [], ["fly"], ["consume"], ["consume", "redis", "--frm", "x"],
    ["offer", "redis", "--to"], ["check", "--config"],
    ["run", "stray"]], ids=lambda words: " ".join(words) or "nothing")
def test_wrong_usage_is_2(words):
    done = entente(*words)
    assert done.returncode == 2, done
    assert done.stderr.strip(), done


def test_the_environment_is_as_good_as_flags(box, good, authority):
    environment = {
        "ENTENTE_CERTIFICATE": str(good["certificate"]),
        "ENTENTE_PRIVATE_KEY": str(good["private_key"]),
        "ENTENTE_TRUST": str(good["trust"]),
        "ENTENTE_LISTEN": good["listen"],
        "ENTENTE_FROM": "static:127.0.0.1:9",
        "ENTENTE_PEER": "spiffe://test/db-1",
        "ENTENTE_ADMIN": f"unix:{box.path('e.sock')}",
    }
    from harness.ambassador import BINARY, UNDER
    from harness.processes import wait_until
    process = box.start("consume", [*UNDER, BINARY, "consume", "redis"],
                        environment=environment)
    wait_until(lambda: ports.answers(good["listen"]) or
               not process.is_running(), 10, "it listens")
    assert process.is_running(), process.log


def test_json_logs_are_json(box, good):
    import json
    from harness.processes import wait_until
    made = Ambassador(box, "consumer", {
        "identity": {key: str(good[key]) for key in
                     ("certificate", "private_key", "trust")},
        "log": {"format": "json"},
        "consume": {"redis": {"listen": good["listen"],
                              "from": ["static:127.0.0.1:9"],
                              "peer": ["spiffe://test/db-1"]}}})
    made.start(ready=False)
    wait_until(lambda: "tunnel_failed" in made.log, 10, "it has logged")
    assert all(json.loads(line) for line in made.log.splitlines())


def test_an_old_socket_of_ours_is_no_obstacle(box, good):
    # kill -9 leaves a Unix socket behind; the next start must not mind.
    path = box.path("app.sock")
    document = {
        "identity": {key: str(good[key]) for key in
                     ("certificate", "private_key", "trust")},
        "consume": {"redis": {"listen": f"unix:{path}",
                              "from": ["static:127.0.0.1:9"],
                              "peer": ["spiffe://test/db-1"]}}}
    from harness.processes import wait_until
    for _ in range(2):
        made = Ambassador(box, "consumer", document).start(ready=False)
        wait_until(lambda: ports.answers(f"unix:{path}") or
                   not made.process.is_running(), 10, "it listens")
        assert made.process.is_running(), made.log
        made.kill()


def test_a_file_in_a_sockets_place_is_left_alone(box, good):
    path = box.write("precious", "data")
    good["listen"] = f"unix:{path}"
    done = entente("run", "--config",
                   box.write("e.yaml", GOOD.format(**good)), timeout=20)
    assert done.returncode == 1, done
    assert path.read_text(encoding="ascii") == "data"


def test_a_file_nobody_named_has_its_name(box, good):
    box.write("entente.yaml", GOOD.format(**good))
    done = entente("check", cwd=box.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "entente.yaml: fine: 1 service\n"


def test_an_admin_address_in_use_is_called_so(box):
    first, second = (Ambassador(box, name, {"workers": 1, "consume": {
        name: {"listen": any_port(), "direct": ["static:127.0.0.1:9"]}}})
        for name in ("first", "second"))
    first.start()
    second.write({**second.document, "admin": first.admin})
    done = entente("run", "--config", str(second.path), timeout=20)
    assert done.returncode == 1 and is_one_line(done.stderr), done
    assert done.stderr.startswith("entente: admin: cannot listen on unix:")


def test_a_state_directory_that_is_not_there_is_a_warning(box, good):
    path = box.write("state.yaml", GOOD.format(**good) + "state: /no/such\n")
    done = entente("check", "--config", path)
    assert done.returncode == 0
    assert done.stderr == ("entente: warning: state: /no/such: No such file or "
                           "directory; nothing is kept\n")
