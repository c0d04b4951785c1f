# SPDX-License-Identifier: MIT
"""The first command of README."""
import pathlib

import pytest

from harness.ambassador import BINARY, ROOT
from harness.processes import run

pytestmark = pytest.mark.entente


def left_over(text):
    """Processes that were started with |text| in a word."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if text in words:
            found.append(words)
    return found


def test_the_demo_works_and_leaves_nothing_behind(box):
    if BINARY != str(ROOT / "build/release/entente"):
        pytest.skip("it shows the release build")
    done = run([ROOT / "scripts/demo.sh"], timeout=300, environment={
        "TMPDIR": str(box.folder), "HOME": str(pathlib.Path.home()),
        "RUNTIME_DIRECTORY": str(box.folder)})
    assert done.stdout.rstrip().endswith("It works."), done
    assert not left_over(str(box.folder)), left_over(str(box.folder))
    assert not list(box.folder.glob("entente-demo.*"))
