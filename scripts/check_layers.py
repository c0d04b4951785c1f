#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail if an #include points up or sideways in the house of src/README.md, or
if a library is spoken to outside the layer that fences it in.

    scripts/check_layers.py [TREE]        the work tree by default
    scripts/check_layers.py --self-test   break a copy and see it noticed
"""
import pathlib
import re
import sys
import tempfile

# Layer: the layers it may include, as in CMakeLists.txt.
LAYERS = {
    "base": "",
    "wire": "base",
    "crypto": "base",
    "net": "base",
    "tunnel": "wire crypto net base",
    "discovery": "net base",
    "inject": "crypto base",
    "health": "discovery net base",
    "service": "inject health tunnel discovery wire crypto net base",
    "config": "service inject health tunnel discovery wire crypto net base",
    "admin": "service inject health tunnel discovery wire crypto net base",
    "app": "config admin service inject health tunnel discovery wire crypto "
           "net base",
}

# Library: its headers, and the layers that may include them.
FENCES = {
    "libevent": (r"event2/|evhttp|evdns|event\.h", "net admin"),
    "mbedTLS": (r"mbedtls/|psa/", "crypto"),
    "libsodium": (r"sodium", "crypto"),
    "c-ares": (r"ares", "discovery"),
    "ZooKeeper": (r"zookeeper/", "discovery"),
    "Avahi": (r"avahi-", "discovery"),
    "libyaml": (r"yaml\.h", "config discovery"),
    "jansson": (r"jansson", "discovery admin app"),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def violations_of(path, layer, text):
    """The includes in |text| that a file of |layer| may not have."""
    allowed = {layer, *LAYERS[layer].split()}
    for kind, target in INCLUDE.findall(text):
        head = target.split("/")[0]
        if ".." in target.split("/"):
            yield f"{path}: write the layer, not a path: {target}"
        elif head in LAYERS and head not in allowed:
            yield f"{path}: {layer}/ may not include {head}/ ({target})"
        elif kind == '"' and head not in LAYERS:
            yield f'{path}: "{target}" has no layer in front'
        for library, (headers, homes) in FENCES.items():
            if re.match(headers, target) and layer not in homes.split():
                yield f"{path}: {library} ({target}) only in {homes}/"


def violations(root):
    """All violations in the tree at |root|, and how many files were read."""
    found, files = [], 0
    for top in ("src", "include"):
        for path in sorted((root / top).rglob("*.[ch]")):
            relative = path.relative_to(root)
            layer = relative.parts[1]
            files += 1
            if layer not in LAYERS or len(relative.parts) != 3:
                found.append(f"{relative}: not in a folder of a layer")
                continue
            text = path.read_text(encoding="utf-8")
            found += violations_of(relative, layer, text)
    return found, files


def self_test():
    """Every rule must catch its offender, and let its neighbour pass."""
    good = {
        "include/base/a.h": '#include <stdio.h>\n',
        "include/net/a.h": '#include "base/a.h"\n',
        "src/net/a.c": '#include "net/a.h"\n#include <event2/event.h>\n',
        "src/crypto/a.c": '#include <psa/crypto.h>\n#include <sodium.h>\n',
        "src/discovery/a.c": '#include "net/a.h"\n#include <ares.h>\n',
    }
    bad = {
        "up": ("src/net/b.c", '#include "tunnel/a.h"\n'),
        "sideways": ("src/wire/b.c", '#include "net/a.h"\n'),
        "in angle brackets": ("src/base/b.c", '#include <wire/a.h>\n'),
        "indented": ("src/base/b.c", '  #  include "wire/a.h"\n'),
        "by a path": ("src/net/b.c", '#include "../tunnel/a.h"\n'),
        "without a layer": ("src/net/b.c", '#include "a.h"\n'),
        "libevent": ("src/tunnel/b.c", '#include <event2/event.h>\n'),
        "mbedTLS": ("src/net/b.c", '#include <mbedtls/ssl.h>\n'),
        "PSA": ("src/app/b.c", '#include <psa/crypto.h>\n'),
        "libsodium": ("src/config/b.c", '#include <sodium.h>\n'),
        "c-ares": ("src/service/b.c", '#include <ares.h>\n'),
        "libyaml": ("src/service/b.c", '#include <yaml.h>\n'),
        "jansson": ("src/config/b.c", '#include <jansson.h>\n'),
        "a stranger": ("src/util/b.c", '#include <stdio.h>\n'),
        "a header": ("include/net/b.h", '#include "service/a.h"\n'),
    }
    for name, extra in [(None, None), *bad.items()]:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            tree = dict(good)
            if extra:
                tree[extra[0]] = extra[1]
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            found, _ = violations(root)
        if len(found) != (1 if name else 0):
            sys.exit(f"check_layers: {name or 'a good tree'}: {found}")
    print(f"layers: a good tree passes, {len(bad)} bad ones do not")


def main():
    """Check a tree, or this check."""
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    here = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if sys.argv[1:] else here
    found, files = violations(root)
    print("\n".join(found) or f"layers: {files} files keep to the house")
    return sys.exit(1 if found or not files else 0)


if __name__ == "__main__":
    main()
