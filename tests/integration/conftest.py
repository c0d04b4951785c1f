# SPDX-License-Identifier: MIT
"""Fixtures.  Every test has a box and gives everything in it back."""
import pathlib
import sys
import tempfile
import shutil

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import ambassador, namespaces, pair as pairs  # noqa: E402
from harness.box import Box  # noqa: E402
from harness.certificates import Authority  # noqa: E402


def pytest_addoption(parser):
    """--long: the sizes of the promises instead of those of a quick run."""
    parser.addoption("--long", action="store_true", help="full sizes")


def pytest_collection_modifyitems(items):
    """What only we can pass is not asked of those who stand in for us."""
    for item in items:
        if pairs.KIND != "entente" and item.get_closest_marker("entente"):
            item.add_marker(pytest.mark.skip(reason=f"not for {pairs.KIND}"))


def pytest_sessionstart():
    """Without the program every test would fail, each in its own way."""
    if pairs.KIND == "entente" and not pathlib.Path(ambassador.BINARY).exists():
        pytest.exit(f"{ambassador.BINARY} is not there: scripts/build.sh", 3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep the report, for the box to know; show the logs of a failure."""
    report = (yield).get_result()
    box = item.funcargs.get("box") if hasattr(item, "funcargs") else None
    if report.when == "call":
        item.failed = report.failed
    if report.failed and box:
        for name, log in box.logs():
            report.sections.append((f"log of {name}", log))


@pytest.fixture
def long(request):
    """Whether full sizes are wanted."""
    return request.config.getoption("--long")


@pytest.fixture
def box(request):
    """A folder and processes; sanitizers must have nothing to say."""
    made = Box()
    try:
        yield made
        made.stop()
        complaints = made.complaints()
        if complaints and not getattr(request.node, "failed", False):
            pytest.fail("\n".join(complaints))
    finally:
        made.stop()
        made.clear()


@pytest.fixture(scope="session")
def authority():
    """One CA for all tests that do not harm theirs."""
    folder = tempfile.mkdtemp(prefix="entente-ca-")
    yield Authority(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_pair(box, authority):
    """A pair in front of a service, started; options as of Pair."""
    def make(service, *, start=True, **options):
        made = pairs.Pair(box, authority, service, **options)
        return made.start() if start else made
    return make


@pytest.fixture
def hosts(box):
    """Two hosts, joined by a wire."""
    return namespaces.make_pair(box)
