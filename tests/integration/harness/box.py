# SPDX-License-Identifier: MIT
"""Everything that one test has, and gives back."""
import os
import pathlib
import shutil
import tempfile

from .processes import Process


class Box:
    """A folder, processes, and what else must be undone at the end."""

    def __init__(self):
        # Short: paths of Unix sockets may have 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="entente-"))
        os.chmod(self.folder, 0o711)  # servers run as others
        self.processes = []
        self._undo = []
        self._names = {}

    def name(self, base):
        """|base| with a number that this box has not used for it."""
        number = self._names[base] = self._names.get(base, 0) + 1
        return base if number == 1 else f"{base}-{number}"

    def start(self, name, argv, namespace=None, **options):
        """Start a process that ends with the test at the latest."""
        if namespace:
            argv = namespace.command(argv)
        process = Process(self.name(name), argv, self.folder, **options)
        self.processes.append(process)
        return process

    def undo(self, action):
        """Call |action| at the end; last first."""
        self._undo.append(action)

    def path(self, name):
        """A path in the folder."""
        return self.folder / name

    def write(self, name, text, mode=0o644):
        """A file in the folder."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def logs(self, limit=6000):
        """(name, end of the output) of every process."""
        for process in self.processes:
            yield process.name, process.log[-limit:]

    def complaints(self):
        """What sanitizers and assertions said of our processes."""
        found = ((process.name, process.complaint())
                 for process in self.processes)
        return [f"{name}: {line}" for name, line in found if line]

    def stop(self):
        """End every process, last first, so that each may say goodbye."""
        for process in reversed(self.processes):
            process.stop(timeout=20)

    def clear(self):
        """Give everything back."""
        for action in reversed(self._undo):
            action()
        shutil.rmtree(self.folder, ignore_errors=True)
