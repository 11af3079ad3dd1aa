"""The notebooks with an answer to every exercise, and what must have come of it when all their cells have run."""

import re
from collections.abc import Iterable

from tema9.classroom.sources import Source


def assert_right(source: Source, cells: Iterable[dict]):
    """Nothing failed or warned, every check says right, and every picture has an alternative text.

    Args:
        source: of the notebook.
        cells: of the notebook, which have run; as JSON has them.
    """
    cells = list(cells)
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    printed = "\n".join(joined(out["data"].get("text/plain", "")) for out in outputs if "data" in out)
    assert re.findall(r"✔ (\S+): correcto", printed) == [exercise.name for exercise in source.graded]
    for cell in cells:
        for out in cell.get("outputs", []):
            assert out.get("name") != "stderr", cell["source"]
            if "image/png" in out.get("data", {}):
                assert re.search(r'alt="[^"]{20,}"', joined(out["data"]["text/html"])), cell["source"]


def joined(text):
    return text if isinstance(text, str) else "".join(text)
