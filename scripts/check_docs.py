#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if a document names a file that is not there, or if a tracked file
names what exists on one machine only.

    scripts/check_docs.py [TREE]        the work tree by default
    scripts/check_docs.py --self-test   break a copy and see it noticed
"""
import pathlib
import re
import subprocess
import sys
import tempfile

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# `scripts/x.sh`, `src/wire/frame.c`: code that looks like a path of ours.
NAMED = re.compile(
    r"`((?:scripts|src|include|tests|docs|deps|cmake|bench|certs|packaging)"
    r"/[\w./-]*\w)[`\s]")
HERE = pathlib.Path(__file__).resolve().parent.parent
# What exists on this machine, or is set on each: where we stand, whose home it
# is, and where its package managers ask.
MACHINE = re.compile("|".join([
    *(r"(?<![\w.$}])" + re.escape(str(path)) + r"\b"
      for path, parts in ((HERE, 3), (pathlib.Path.home(), 2))
      if len(path.parts) >= parts),
    r"/home/\w+/",
    r"https?://[^\s/]*\b(?:debian|ubuntu|npmjs|pythonhosted|pypi|crates|golang)\b",
]))


def tracked(root):
    """The files git knows, or all of them where there is no git."""
    if (root / ".git").exists():
        names = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
        return [name for name in names if name and (root / name).is_file()]
    return [str(path.relative_to(root))
            for path in root.rglob("*") if path.is_file()]


def anchors(text):
    """The anchors of a document's headings, as forges make them."""
    for heading in re.findall(r"^#+ +(.*)$", text, re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        yield plain.strip().replace(" ", "-")


def broken_names(root, name, text):
    """Files and anchors that the document |name| speaks of in vain."""
    here = (root / name).parent
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = here / path if path else root / name
        if not target.exists():
            yield f"{name}: link to {link}: there is no such file"
        elif anchor and target.suffix == ".md" and \
                anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{name}: link to {link}: there is no such heading"
    for path in NAMED.findall(prose):
        if not (root / path).exists() and not (here / path).exists():
            yield f"{name}: names {path}: there is no such file"


def violations(root):
    """All violations in the tree at |root|, and how many files were read."""
    found, files = [], 0
    for name in tracked(root):
        try:
            text = (root / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a corpus of bytes
        files += 1
        if name.endswith(".md"):
            found += broken_names(root, name, text)
        for number, line in enumerate(text.splitlines(), 1):
            word = MACHINE.search(line)
            if word:
                found.append(f"{name}:{number}: {word[0]} is one machine's")
    return found, files


def self_test():
    """Every rule must catch its offender, and let its neighbour pass."""
    good = {
        "README.md": "# Read me\n[map](src/README.md#the-map) "
                     "`scripts/a.sh` [web](https://example.org/x)\n",
        "src/README.md": "# The map!\n[up](../README.md)\n",
        "scripts/a.sh": "echo /var/tmp\n",
    }
    bad = {
        "a dead link": ("docs/x.md", "[gone](gone.md)\n"),
        "a dead heading": ("docs/x.md", "[gone](../README.md#gone)\n"),
        "a dead name": ("docs/x.md", "see `scripts/b.sh`\n"),
        "a machine's path": ("scripts/b.sh", "cd /" + "home/me/x\n"),
        "a registry": ("scripts/b.sh", "curl https://a." + "debian.example\n"),
    }
    for what, extra in [(None, None), *bad.items()]:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for name, text in {**good, **dict([extra] if extra else [])}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            found, _ = violations(root)
        if len(found) != (1 if what else 0):
            sys.exit(f"check_docs: {what or 'a good tree'}: {found}")
    print(f"docs: a good tree passes, {len(bad)} bad ones do not")


def main():
    """Check a tree, or this check."""
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = pathlib.Path(sys.argv[1]) if sys.argv[1:] else HERE
    found, files = violations(root)
    print("\n".join(found) or f"docs: {files} files name only what is there")
    return sys.exit(1 if found or not files else 0)


if __name__ == "__main__":
    main()
