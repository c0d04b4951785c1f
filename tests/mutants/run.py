#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Break wire/ on purpose, a line at a time, and see the tests catch it.

    tests/mutants/run.py                all mutants, about half an hour
    tests/mutants/run.py NAME...        those whose names contain one of these
    tests/mutants/run.py --list

Works on a copy in a temporary folder.  For each mutant the unit tests of
wire/ run, then the simulation; one that none of them catches is a survivor,
and the exit status is 1.  A mutant whose text is not in its file exactly once
is out of date, which is an error too.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from mutants import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
CC = os.environ.get("CC", "cc")
FLAGS = ["-std=gnu11", "-O1", "-g", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-fno-common",
         "-Iinclude", "-Isrc", "-Itests"]
SEEDS = "1-500"
SECONDS = 120  # more for one program, and it does not come to its end


class Tree:
    """A copy of what is needed, its objects and its programs."""

    def __init__(self, root):
        self.root = root
        for part in ("include", "src/base", "src/wire", "tests"):
            shutil.copytree(ROOT / part, root / part,
                            ignore=shutil.ignore_patterns("corpus"))
        self.library = self.sources("src/base/*.c", "src/wire/*.c")
        self.support = self.sources("tests/support/wire/*.c")
        self.tests = self.sources("tests/unit/wire/test_*.c")
        self.sim = self.sources("tests/sim/*.c")

    def sources(self, *patterns):
        return [path.relative_to(self.root) for pattern in patterns
                for path in sorted(self.root.glob(pattern))]

    def call(self, *words, seconds=600):
        return subprocess.run(
            words, cwd=self.root, timeout=seconds, capture_output=True,
            text=True, check=False, errors="replace",
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"})

    def compile(self, source):
        done = self.call(CC, *FLAGS, "-c", str(source), "-o",
                         str(source.with_suffix(".o")))
        return done.stderr if done.returncode else ""

    def compile_all(self, sources):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for error in pool.map(self.compile, sources):
                if error:
                    sys.exit(error)

    def link(self, name, sources):
        objects = [str(path.with_suffix(".o")) for path in sources]
        done = self.call(CC, *FLAGS, *objects, "-lcmocka", "-lpthread",
                         "-o", name)
        if done.returncode:
            sys.exit(done.stderr)

    def caught_by(self):
        """The first program that fails, or None."""
        for test in self.tests:
            self.link("program", [test, *self.support, *self.library])
            if self.fails("./program"):
                return test.stem
        self.link("program", [*self.sim, *self.library])
        return "the simulation" if self.fails("./program", "--seeds",
                                              SEEDS) else None

    def fails(self, *words):
        try:
            return self.call(*words, seconds=SECONDS).returncode != 0
        except subprocess.TimeoutExpired:
            return True


def try_mutant(tree, mutant):
    """What caught it; None: nothing did; raises if it is out of date."""
    path = tree.root / "src/wire" / mutant.file
    good = path.read_text()
    if good.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: its text is {good.count(mutant.old)}"
                          f" times in {mutant.file}")
    path.write_text(good.replace(mutant.old, mutant.new))
    try:
        source = path.relative_to(tree.root)
        if tree.compile(source):
            raise LookupError(f"{mutant.name}: does not compile\n"
                              + tree.compile(source))
        return tree.caught_by()
    finally:
        path.write_text(good)
        tree.compile(path.relative_to(tree.root))


def main(names):
    chosen = [mutant for mutant in MUTANTS
              if not names or any(name in mutant.name for name in names)]
    if names == ["--list"]:
        print("\n".join(mutant.name for mutant in MUTANTS))
        return 0
    survivors, errors = [], []
    with tempfile.TemporaryDirectory(prefix="entente-mutants-") as folder:
        tree = Tree(pathlib.Path(folder) / "tree")
        tree.compile_all([*tree.library, *tree.support, *tree.tests,
                          *tree.sim])
        caught = tree.caught_by()
        if caught:
            sys.exit(f"without any mutant {caught} fails")
        for mutant in chosen:
            try:
                by = try_mutant(tree, mutant)
            except LookupError as error:
                errors.append(str(error))
                print(error, flush=True)
                continue
            if by is None:
                survivors.append(mutant.name)
            print(f"{mutant.name}: {by or 'SURVIVED'}", flush=True)
    print(f"{len(chosen)} mutants, {len(survivors)} survived, "
          f"{len(errors)} out of date")
    return 1 if survivors or errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
