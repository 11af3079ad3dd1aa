"""The pictures of the README: each is named, small, and shown."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from readme import README

from tema9.classroom.lecture import tour


def test_every_picture_is_shown_in_the_readme_and_every_one_shown_is_taken():
    shown = set(re.findall(r"!\[[^\]]{15,}\]\(docs/(\w+)\.png\)", README))
    assert shown == set(tour.PICTURES) == {path.stem for path in tour.DOCS.glob("*.png")}


def test_no_picture_is_over_the_limit():
    assert all(path.stat().st_size <= tour.MOST_BYTES for path in tour.DOCS.glob("*.png"))


def test_a_large_picture_is_made_small():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    assert buffer.tell() > tour.MOST_BYTES
    assert len(tour.small(buffer.getvalue())) < tour.MOST_BYTES


def test_an_unknown_picture_lists_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="unknown picture 'mona_lisa'; known: notebook, validate"):
        tour.take(["mona_lisa"], tmp_path)
