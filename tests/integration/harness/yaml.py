# SPDX-License-Identifier: MIT
"""Dictionaries to YAML, as far as configurations need it."""


def scalar(value):
    """One value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    text = str(value)
    if isinstance(value, str) and (text == "" or set(text) & set("{}[],&*#?|<>=!%@\\\"'")):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def dump(document, indent=0):
    """A document of dictionaries and values."""
    lines = []
    for key, value in document.items():
        pad = "  " * indent
        if isinstance(value, dict):
            lines.append(f"{pad}{key}:")
            lines.append(dump(value, indent + 1).rstrip("\n"))
        elif value is not None:
            lines.append(f"{pad}{key}: {scalar(value)}")
    return "\n".join(lines) + "\n"
