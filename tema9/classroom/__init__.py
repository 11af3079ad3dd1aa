"""The instructor's side: from the sources to notebooks, and from submissions to scores."""

import sys

# jsonschema, which every reader of notebooks imports, can check URLs with the package rfc3987_syntax, whose grammar
# takes a second to read each time. The schema of notebooks asks for no such check, so the package is hidden (None)
# while jsonschema is imported.
if "jsonschema" not in sys.modules:
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import jsonschema  # noqa: F401

    if sys.modules["rfc3987_syntax"] is None:
        del sys.modules["rfc3987_syntax"]
