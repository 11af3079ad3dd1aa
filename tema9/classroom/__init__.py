"""The instructor's side: from the sources to notebooks, and from submissions to scores."""

import sys

# jsonschema, which every reader of notebooks imports, checks addresses with a grammar that takes a second to
# read each time. No schema of a notebook asks for that, and without the package jsonschema does not offer it.
if "jsonschema" not in sys.modules:
    sys.modules.setdefault("rfc3987_syntax", None)
    import jsonschema  # noqa: F401

    if sys.modules["rfc3987_syntax"] is None:
        del sys.modules["rfc3987_syntax"]
