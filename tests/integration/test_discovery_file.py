# SPDX-License-Identifier: MIT
"""file: followed through everything that happens to files."""
import contextlib
import json
import os
import pathlib
import threading
import time

import pytest

from discovery_support import DnsServer, Watch, addresses


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "endpoints"
    path.write_text("127.0.0.2:1\n")
    return path


def replace(path, text):
    fresh = path.with_name(path.name + ".fresh")
    fresh.write_text(text)
    os.replace(fresh, path)


def test_a_file_renamed_into_place_is_read_at_once(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        begun = time.monotonic()
        replace(path, "127.0.0.3:1 weight=3\n")
        line = source.wait_for("127.0.0.3:1")
        assert time.monotonic() - begun < 1
        assert line["endpoints"][0]["weight"] == 3


def test_a_file_written_in_place_is_read_when_it_is_closed(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        with path.open("w") as out:
            for ip in (3, 4, 5):
                out.write(f"127.0.0.{ip}:1\n")
                out.flush()
                time.sleep(0.3)
            source.stays(lambda line: addresses(line) == ["127.0.0.2:1"], 0.3)
        source.wait_for("127.0.0.3:1", "127.0.0.4:1", "127.0.0.5:1", timeout=1)


def test_a_file_that_is_written_again_at_once_is_waited_for(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        path.write_text("127.0.0.3:1\n")
        with path.open("w") as out:
            out.write("127.0.0.4:1\n127.0.0.5")
            out.flush()
            source.stays(lambda line: addresses(line) == ["127.0.0.2:1"] and
                         not line["stale"], 0.5)
            out.write(":1\n")
        source.wait_for("127.0.0.4:1", "127.0.0.5:1", timeout=1)


def test_a_file_that_is_never_closed_is_read_when_it_is_quiet(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        with path.open("a") as out:
            out.write("127.0.0.3:1\n")
            out.flush()
            source.stays(lambda line: False, 1)
            source.wait_for("127.0.0.2:1", "127.0.0.3:1", timeout=3)


def test_a_bad_file_is_ignored_and_said_why(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        replace(path, "127.0.0.3:1\nnonsense\n")
        line = source.wait(lambda line: line["stale"])
        assert addresses(line) == ["127.0.0.2:1"]
        assert line["failure"].startswith("line 2: ")
        assert source.has_logged("source_failed", "line 2: ", "kept=1")
        replace(path, "")
        line = source.wait(lambda line: "no endpoint" in line["failure"])
        assert addresses(line) == ["127.0.0.2:1"]
        replace(path, "127.0.0.2:1\n")
        source.wait(lambda line: not line["stale"])


def test_none_takes_all_away(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        replace(path, "none\n")
        line = source.wait_for()
        assert line["known"] and not line["stale"]


def test_a_file_that_goes_away_changes_nothing(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        path.unlink()
        line = source.wait(lambda line: line["stale"])
        assert addresses(line) == ["127.0.0.2:1"]
        assert "No such file" in line["failure"]
        replace(path, "127.0.0.3:1\n")
        source.wait_for("127.0.0.3:1", timeout=1)


def test_a_file_that_comes_later_is_found(tmp_path):
    path = tmp_path / "endpoints"
    with Watch(f"file:{path}") as source:
        line = source.wait(lambda line: line["stale"])
        assert not line["known"]
        path.write_text("127.0.0.2:1\n")
        source.wait_for("127.0.0.2:1", timeout=3)


def test_a_directory_that_comes_later_is_found(tmp_path):
    path = tmp_path / "later" / "endpoints"
    with Watch(f"file:{path}") as source:
        source.wait(lambda line: line["stale"])
        path.parent.mkdir()
        path.write_text("127.0.0.2:1\n")
        source.wait_for("127.0.0.2:1", timeout=8)


def test_links_are_swapped_as_kubernetes_does(tmp_path):
    mount = tmp_path / "config"
    mount.mkdir()

    def publish(number, text):
        version = mount / f"..version_{number}"
        version.mkdir()
        (version / "endpoints").write_text(text)
        link = mount / "..data_tmp"
        link.symlink_to(version.name)
        os.replace(link, mount / "..data")

    publish(1, "127.0.0.2:1\n")
    (mount / "endpoints").symlink_to("..data/endpoints")
    with Watch(f"file:{mount}/endpoints") as source:
        source.wait_for("127.0.0.2:1")
        for number in range(2, 6):
            publish(number, f"127.0.0.{number + 1}:1\n")
            old = mount / f"..version_{number - 1}"
            (old / "endpoints").unlink()
            old.rmdir()
            source.wait_for(f"127.0.0.{number + 1}:1", timeout=1)


def test_the_file_behind_a_link_is_watched(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (real / "list").write_text("127.0.0.2:1\n")
    path = tmp_path / "endpoints"
    path.symlink_to(real / "list")
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        replace(real / "list", "127.0.0.3:1\n")
        source.wait_for("127.0.0.3:1", timeout=1)


def test_what_others_do_in_the_directory_is_nothing_to_us(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        for i in range(200):
            (path.parent / f"other{i}").write_text("x" * 1000)
        replace(path, "127.0.0.3:1\n")
        source.wait_for("127.0.0.3:1", timeout=1)


def test_names_in_a_file_are_kept_resolved(path):
    with DnsServer() as dns:
        dns.set_a("db.test", "127.0.0.2")
        path.write_text("db.test:6379\n127.0.0.9:1\n")
        with Watch(f"file:{path}", "--server", dns.address) as source:
            source.wait_for("127.0.0.2:6379", "127.0.0.9:1")
            dns.set_a("db.test", "127.0.0.3")
            source.wait_for("127.0.0.3:6379", "127.0.0.9:1", timeout=3)


def test_yaml_and_json(tmp_path):
    yaml = tmp_path / "list.yaml"
    yaml.write_text("- 127.0.0.2:1\n- address: 127.0.0.3:1\n  weight: 7\n")
    with Watch(f"file:{yaml}") as source:
        line = source.wait_for("127.0.0.2:1", "127.0.0.3:1")
        assert line["endpoints"][1]["weight"] == 7
    listing = tmp_path / "list.json"
    listing.write_text(json.dumps([{"address": "127.0.0.4:1", "weight": 2}]))
    with Watch(f"file:{listing}") as source:
        source.wait_for("127.0.0.4:1")


def test_a_fifo_or_directory_is_refused_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with Watch(f"file:{tmp_path}/fifo") as source:
        line = source.wait(lambda line: line["stale"])
        assert line["failure"] == "not a regular file"


def test_a_file_too_long_is_refused(path):
    path.write_text("127.0.0.2:1\n" * 100000)
    with Watch(f"file:{path}") as source:
        line = source.wait(lambda line: line["stale"])
        assert "1 MiB" in line["failure"]


def test_a_missing_file_is_remembered_after_a_restart(path, tmp_path):
    state = str(tmp_path / "state")
    with Watch(f"file:{path}", "--state", state) as source:
        source.wait_for("127.0.0.2:1")
    pathlib.Path(path).unlink()
    with Watch(f"file:{path}", "--state", state) as source:
        line = source.wait_for("127.0.0.2:1")
        assert line["remembered"]


@contextlib.contextmanager
def noise(directory):
    """Somebody makes and deletes files beside ours, without a pause."""
    over = threading.Event()

    def go_on():
        other = directory / "other"
        while not over.is_set():
            other.write_text("x")
            other.unlink()
            time.sleep(0.002)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_directory_that_is_never_quiet_hides_no_change(path):
    with Watch(f"file:{path}") as source, noise(path.parent):
        source.wait_for("127.0.0.2:1")
        time.sleep(0.3)
        replace(path, "127.0.0.3:1\n")
        source.wait_for("127.0.0.3:1", timeout=3)


def test_a_file_that_is_deleted_and_written_anew_is_waited_for(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        path.unlink()
        with path.open("w") as out:
            for ip in (3, 4):
                out.write(f"127.0.0.{ip}:1\n")
                out.flush()
                source.stays(lambda line: addresses(line) == ["127.0.0.2:1"],
                             0.5)
        source.wait_for("127.0.0.3:1", "127.0.0.4:1", timeout=1)


def test_what_others_rename_does_not_make_half_a_file_whole(path):
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        with path.open("w") as out:
            for ip in (3, 4):
                out.write(f"127.0.0.{ip}:1\n")
                out.flush()
                time.sleep(0.05)
                replace(path.parent / "other", "x")
                (path.parent / "other").unlink()
                source.stays(lambda line: addresses(line) == ["127.0.0.2:1"],
                             0.5)
        source.wait_for("127.0.0.3:1", "127.0.0.4:1", timeout=1)


def test_a_change_that_no_time_tells_is_seen(path):
    # On a file system that knows seconds only, two changes look like one.
    os.utime(path, ns=(0, 10 ** 18))
    with Watch(f"file:{path}") as source:
        source.wait_for("127.0.0.2:1")
        path.write_text("127.0.0.3:1\n")
        os.utime(path, ns=(0, 10 ** 18))
        source.wait_for("127.0.0.3:1", timeout=2)


def saved(state):
    """What is on disk; None: nothing yet."""
    for path in state.glob("source-*.json"):
        return json.loads(path.read_text())
    return None


def wait_saved(state, wanted, timeout=15):
    end = time.monotonic() + timeout
    while not ((memory := saved(state)) and wanted(memory)):
        assert time.monotonic() < end, memory
        time.sleep(0.05)
    return memory


def test_an_answer_nobody_took_back_is_as_good_as_new(path, tmp_path):
    # Else a list that rightly never changes would be too old to be
    # remembered, one day.
    state = tmp_path / "state"
    with Watch(f"file:{path}", "--state", str(state)) as source:
        first = wait_saved(state, lambda memory: True)["answered"]
        time.sleep(2.5)
    assert saved(state)["answered"] >= first + 2
    with Watch(f"file:{path}", "--state", str(state)) as source:
        source.wait_for("127.0.0.2:1")
        time.sleep(2.5)
        path.unlink()
        gone = time.time()
        line = source.wait(lambda line: line["stale"])
        assert line["answered_at"] >= int(gone) - 1
        time.sleep(2.5)
    # Since then it is not.
    assert saved(state)["answered"] <= gone + 2


def test_a_change_is_saved_soon(path, tmp_path):
    state = tmp_path / "state"
    with Watch(f"file:{path}", "--state", str(state)):
        wait_saved(state, lambda memory: True)
        replace(path, "127.0.0.3:1\n")
        wait_saved(state, lambda memory: memory["endpoints"][0]["address"] ==
                   "127.0.0.3:1", timeout=5)


def test_what_could_not_be_saved_is_saved_later(path, tmp_path):
    state = tmp_path / "state"
    state.write_text("in the way")
    with Watch(f"file:{path}", "--state", str(state)) as source:
        assert source.has_logged("source_not_saved", f"file:{path}",
                                 "Not a directory", timeout=5)
        state.unlink()
        wait_saved(state, lambda memory: True, timeout=15)
        assert len(source.logged("source_not_saved")) == 1


def test_a_damaged_memory_is_told_once(path, tmp_path):
    state = tmp_path / "state"
    with Watch(f"file:{path}", "--state", str(state)):
        wait_saved(state, lambda memory: True)
    memory, = state.iterdir()
    memory.write_text("{")
    path.unlink()
    with Watch(f"file:{path}", "--state", str(state)) as source:
        assert source.has_logged("source_memory_damaged")
        time.sleep(7)  # we look for the file every five
        assert len(source.logged("source_memory_damaged")) == 1
