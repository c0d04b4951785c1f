# SPDX-License-Identifier: MIT
"""Processes of one test: started in its folder, ended by their recorded id."""
import os
import pathlib
import signal
import subprocess
import time

# A sanitizer's or valgrind's own exit code: never confused with a test's.
SANITIZER_EXIT = 99
COMPLAINTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
              "runtime error:", "WARNING: ThreadSanitizer",
              ": broken: ", "Invalid read", "Invalid write",
              "definitely lost")


def wait_until(condition, timeout=10, what=None, every=0.02):
    """Return the first true value of |condition|; fail after |timeout|."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(every)


class Process:
    """One process with its output in a file."""

    def __init__(self, name, argv, folder, environment=None, **options):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        base = {"PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin",
                "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            base[key] = os.environ.get(key, f"exitcode={SANITIZER_EXIT}")
        base.update(environment or {})
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                self.argv, stdin=options.pop("stdin", subprocess.DEVNULL),
                stdout=options.pop("stdout", log), stderr=log,
                cwd=options.pop("cwd", folder), env=base,
                start_new_session=True, **options)

    @property
    def pid(self):
        """The id, recorded at the start."""
        return self.popen.pid

    @property
    def log(self):
        """Everything it has said so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def is_running(self):
        """Whether it has not ended."""
        return self.popen.poll() is None

    def signal(self, number):
        """Send a signal to it, and to it only."""
        if self.is_running():
            self.popen.send_signal(number)

    def wait(self, timeout=10):
        """Its exit code, once it has ended."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} still runs after {timeout} s") from None

    def kill(self):
        """kill -9, and what is left of its session with it."""
        try:
            if self._owns_its_number():
                os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait(10)

    def _owns_its_number(self):
        """Whether nobody else can have it by now.

        Until we have heard of its end it is kept for it; later, as long as
        others of its session live, which nobody of that number leads.
        """
        return self.popen.returncode is None or \
            not os.path.exists(f"/proc/{self.pid}")

    def stop(self, timeout=10):
        """SIGTERM; then harder.  The exit code, None if it took force."""
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def says(self, text, timeout=10):
        """Wait until |text| stands in its output."""
        def said():
            return text in self.log or not self.is_running()
        wait_until(said, timeout, f"{self.name} says {text!r}")
        assert text in self.log, f"{self.name} ended without saying {text!r}"

    def descriptors(self):
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_bytes(self):
        """Memory in use."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """Processor time used so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def complaint(self):
        """What a sanitizer or an assertion said of it, or None."""
        for line in self.log.splitlines():
            if any(word in line for word in COMPLAINTS):
                return line
        return None


def run(argv, timeout=60, check=True, environment=None, **options):
    """Run a short command to its end; its output as text."""
    base = {"PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin",
            "LC_ALL": "C.UTF-8"}
    base.update(environment or {})
    done = subprocess.run([str(word) for word in argv], timeout=timeout,
                          capture_output=True, env=base, text=True,
                          stdin=options.pop("stdin", subprocess.DEVNULL)
                          if "input" not in options else None,
                          check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))} exited with "
                             f"{done.returncode}: {done.stdout}{done.stderr}")
    return done
