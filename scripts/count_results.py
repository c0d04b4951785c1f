#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Add up a folder of results (JUnit files and a tally) into one last line.

Exits with 1 if a test failed or if none ran at all.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def counts_of(path):
    """(passed, failed, skipped) of one JUnit file, as its cases say."""
    passed = failed = skipped = 0
    for case in xml.parse(path).iter("testcase"):
        tags = {child.tag for child in case}
        if tags & {"failure", "error"} or case.get("status") == "fail":
            failed += 1
            print(f"failed: {case.get('classname')} {case.get('name')}")
        elif "skipped" in tags or case.get("status") in ("notrun", "disabled"):
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    """Count what is in the folder given."""
    results = pathlib.Path(sys.argv[1])
    total = [0, 0, 0]
    for path in sorted(results.glob("*.xml")):
        for index, count in enumerate(counts_of(path)):
            total[index] += count
    tally = results / "tally"
    if tally.exists():
        words = tally.read_text(encoding="utf-8").split()
        for index, word in enumerate(("passed", "failed", "skipped")):
            total[index] += words.count(word)
    print("%d passed, %d failed, %d skipped" % tuple(total))
    sys.exit(1 if total[1] or not total[0] else 0)


if __name__ == "__main__":
    main()
