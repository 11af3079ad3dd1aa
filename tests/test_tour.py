"""The pictures of the documents: each is named, small, and shown."""

import io
import re

import numpy as np
import pytest
from documents import DOCUMENTS, read
from PIL import Image

from tema9.classroom.lecture import tour


def test_every_picture_is_shown_in_a_document_and_every_one_shown_is_taken():
    shown = {
        (path.parent / target).resolve()
        for path in DOCUMENTS
        for target in re.findall(r"!\[[^\]]{15,}\]\(([^)]+\.png)\)", read(path))
    }
    walk = (tour.DOCS.parent / "tests" / "server" / "test_server.py").read_text(encoding="utf-8")
    of_the_server = [f"server_{name}" for name in re.findall(r'picture\(page, "(\w+)"\)', walk)]
    taken = {tour.DOCS / f"{name}.png" for name in (*tour.PICTURES, *of_the_server)}
    assert shown == taken == set(tour.DOCS.glob("*.png"))


def test_no_picture_is_over_the_limit():
    assert all(path.stat().st_size <= tour.MOST_BYTES for path in tour.DOCS.glob("*.png"))


@pytest.mark.slow
def test_a_large_picture_is_made_small():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert buffer.tell() > tour.MOST_BYTES
    assert len(tour.small(buffer.getvalue())) < tour.MOST_BYTES


def test_an_unknown_picture_lists_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="unknown picture 'mona_lisa'; known: notebook, validate"):
        tour.take(["mona_lisa"], tmp_path)
