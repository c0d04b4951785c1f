# SPDX-License-Identifier: MIT
"""Real servers, each started in a test's folder and ended with the test."""
import os
import shutil

import pytest

from ..processes import run

# Daemons that refuse to be root run as this one.
UNPRIVILEGED = "nobody"


def need(*programs):
    """Skip the test where a program is not installed."""
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    for program in programs:
        if not shutil.which(program, path=path):
            pytest.skip(f"{program} is not installed")


def as_nobody(argv):
    """|argv| as a user without rights, where we have more."""
    if os.getuid() != 0:
        return list(argv)
    return ["setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups",
            "--regid=nogroup", "--", *argv]


def give_to_nobody(path):
    """Let that user write in |path|."""
    path.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        run(["chown", f"{UNPRIVILEGED}:nogroup", path])
    return path
