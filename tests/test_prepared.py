"""A folder becomes one array: the right pixels, nothing lost in silence, nothing half done that looks done."""

import csv
import errno
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from tema9 import prepared
from tema9.prepared import centre_256, open_prepared, prepare


def smooth(width, height, seed=0):
    """A photograph of sorts: it changes slowly, so that JPEG and resizing hardly do."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def photos(tmp_path):
    """Two classes, nine good images of many kinds, and two that are no images."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog/inner"):
        (folder / name).mkdir(parents=True)
    for place in range(5):
        smooth(300 + 20 * place, 260, seed=place).save(folder / "cat" / f"{place}.jpg")
    smooth(40, 30).convert("L").save(folder / "dog" / "grey.PNG")
    smooth(256, 256).save(folder / "dog" / "inner" / "deep.bmp")
    smooth(300, 300).convert("P").save(folder / "dog" / "palette.gif")
    smooth(300, 300).convert("CMYK").save(folder / "dog" / "cmyk.jpg")
    whole = (folder / "cat" / "0.jpg").read_bytes()
    (folder / "cat" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "text.jpg").write_text("this is no image")
    (folder / "dog" / ".hidden").write_text("nor this, and nobody asked")
    return folder


BAD = ["cat/truncated.jpg", "dog/text.jpg"]


def run(photos, out, **options):
    return prepare(photos, out, **{"workers": 1, "progress": False, **options})


def test_every_readable_image_has_its_row_its_class_and_its_file(photos, tmp_path):
    made = run(photos, tmp_path / "out")
    assert made.classes == ("cat", "dog") and made.labels.tolist() == [0] * 5 + [1] * 4
    assert made.files == [
        *(f"cat/{place}.jpg" for place in range(5)),
        *("dog/cmyk.jpg", "dog/grey.PNG", "dog/inner/deep.bmp", "dog/palette.gif"),
    ]
    assert len(made) == 9 and made.images.shape == (9, 3, 256, 256)
    for image, file in zip(made.images[:], made.files, strict=True):
        assert np.array_equal(image.permute(1, 2, 0), centre_256(photos / file))


def test_the_files_are_an_array_of_bytes_and_two_tables(photos, tmp_path):
    run(photos, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["images.npy", "index.csv", "unreadable.csv"]
    array = np.load(tmp_path / "out" / "images.npy")
    assert array.shape == (11, 256, 256, 3) and array.dtype == np.uint8
    with (tmp_path / "out" / "index.csv").open() as file:
        index = list(csv.DictReader(file))
    assert list(index[0]) == ["row", "class", "file"] and len(index) == 9
    for line in index:
        assert np.array_equal(array[int(line["row"])], centre_256(photos / line["file"]))


def test_unreadable_images_are_skipped_printed_listed_and_returned(photos, tmp_path, capsys):
    made = run(photos, tmp_path / "out")
    assert [file for _, file, _ in made.unreadable] == BAD
    reasons = [reason for *_, reason in made.unreadable]
    assert "truncated" in reasons[0] and "cannot identify" in reasons[1]
    with (tmp_path / "out" / "unreadable.csv").open(newline="") as file:
        assert [tuple(line) for line in csv.reader(file)] == [("class", "file", "reason"), *made.unreadable]
    printed = capsys.readouterr().out
    assert all(file in printed for file in BAD)
    assert f"2 of 11 images could not be read; all are in {tmp_path / 'out' / 'unreadable.csv'}" in printed


@pytest.mark.slow
def test_several_processes_write_what_one_does(photos, tmp_path, capsys):
    one, many = run(photos, tmp_path / "one"), run(photos, tmp_path / "many", workers=2, progress=True)
    assert "preparing: 100%" in capsys.readouterr().out
    for name in ("images.npy", "index.csv", "unreadable.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes(), name
    assert torch.equal(one.images[:], many.images[:])


# Interruptions.


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_run_goes_on_where_it_was(photos, tmp_path, monkeypatch, capsys, failure):
    real, decoded = prepared._decode_chunk, []

    def watched(array, chunk):
        if len(decoded) == 4:
            raise failure
        decoded.extend(row for row, _ in chunk)
        return real(array, chunk)

    monkeypatch.setattr(prepared, "_decode_chunk", watched)
    monkeypatch.setattr(prepared, "CHUNK", 1)
    with pytest.raises(type(failure) if isinstance(failure, OSError) else failure):
        run(photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(FileNotFoundError, match="not finished: prepare it again to go on"):
        open_prepared(tmp_path / "out")
    if failure is KeyboardInterrupt:
        assert "interrupted: 4 of 11 images are done and kept" in capsys.readouterr().out
    with (tmp_path / "out.partial" / "done.csv").open("a") as file:
        file.write("9")  # half a line, as a killed process may leave

    monkeypatch.setattr(prepared, "_decode_chunk", lambda array, chunk: (decoded.extend(chunk), real(array, chunk))[1])
    resumed = run(photos, tmp_path / "out")
    assert decoded[:4] == [0, 1, 2, 3] and [row for row, _ in decoded[4:]] == [*range(4, 11)]
    assert not (tmp_path / "out.partial").exists()
    monkeypatch.setattr(prepared, "_decode_chunk", real)
    assert torch.equal(resumed.images[:], run(photos, tmp_path / "straight").images[:])
    assert (tmp_path / "out" / "index.csv").read_bytes() == (tmp_path / "straight" / "index.csv").read_bytes()


STOPS_AFTER_A_CHUNK = """
import signal, sys
from tema9 import prepared

def first(*arguments, run=prepared._run):
    yield next(run(*arguments))
    signal.pause()  # its children go on

if __name__ == "__main__":
    prepared._run = first
    prepared.prepare(sys.argv[1], sys.argv[2], workers=2, progress=False)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_run_leaves_nothing_that_looks_complete_and_no_process_and_can_go_on(tmp_path):
    folder, other = tmp_path / "photos" / "cat", tmp_path / "photos" / "dog"
    folder.mkdir(parents=True)
    other.mkdir()
    smooth(1000, 800).save(folder / "0.png")
    for place in range(1, 64):
        os.link(folder / "0.png", (other if place > 32 else folder) / f"{place}.png")
    (tmp_path / "script.py").write_text(STOPS_AFTER_A_CHUNK)
    command = [sys.executable, tmp_path / "script.py", folder.parent, tmp_path / "out"]
    done = tmp_path / "out.partial" / "done.csv"
    # The children hold the pipe too: it ends when the last process does.
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while process.poll() is None and not (done.exists() and done.stat().st_size):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.communicate()[0] == b""
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "out").exists()
    finished = len(done.read_text().splitlines())
    assert 0 < finished < 64
    made = run(folder.parent, tmp_path / "out")
    expected = torch.from_numpy(centre_256(folder / "0.png")).permute(2, 0, 1)
    assert len(made) == 64 and (made.images[:] == expected).all()


def test_a_folder_that_changed_in_between_is_refused(photos, tmp_path, monkeypatch):
    def full(array, chunk):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_decode_chunk", full)
        with pytest.raises(OSError, match="No space left"):
            run(photos, tmp_path / "out")
    smooth(300, 300).save(photos / "cat" / "new.jpg")
    with pytest.raises(ValueError, match=r"out.partial was begun with other files .*; delete it to start again"):
        run(photos, tmp_path / "out")


def test_what_is_finished_is_opened_and_not_redone(photos, tmp_path, monkeypatch):
    first = run(photos, tmp_path / "out")
    monkeypatch.setattr(prepared, "_decode_chunk", None)
    assert run(photos, tmp_path / "out").files == first.files
    smooth(300, 300).save(photos / "cat" / "new.jpg")
    with pytest.raises(ValueError, match="exists already and was made from other files than"):
        run(photos, tmp_path / "out")


def test_an_image_that_was_mended_meanwhile_gets_another_try(tmp_path, capsys):
    for name in ("cat", "dog"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "0.jpg").write_text("no image yet")
    with pytest.raises(ValueError, match=r"holds no image that can be read; the first, cat/0.jpg: UnidentifiedImage"):
        run(tmp_path / "in", tmp_path / "out")
    smooth(300, 300).save(tmp_path / "in" / "cat" / "0.jpg")
    assert len(run(tmp_path / "in", tmp_path / "out")) == 1


# One image.


def test_the_shorter_side_goes_to_256_and_the_centre_stays(tmp_path):
    """Against the two steps of the paper, one after the other."""
    for size in ((500, 375), (375, 500), (256, 300), (40, 30), (256, 256)):
        image = smooth(*size)
        image.save(tmp_path / "image.png")
        scale = 256 / min(size)
        whole = image.resize([round(scale * side) for side in size], Image.Resampling.BILINEAR)
        left, top = (whole.width - 256) // 2, (whole.height - 256) // 2
        expected = np.asarray(whole.crop((left, top, left + 256, top + 256)), dtype=int)
        found = centre_256(tmp_path / "image.png")
        assert found.shape == (256, 256, 3) and found.dtype == np.uint8
        assert abs(found - expected).max() <= 5 and abs(found - expected).mean() < 1, size


def test_an_image_of_256x256_is_left_as_it_is(tmp_path):
    smooth(256, 256).save(tmp_path / "image.png")
    assert np.array_equal(centre_256(tmp_path / "image.png"), np.asarray(smooth(256, 256)))


def test_grey_images_of_8_and_16_bits_get_three_equal_channels(tmp_path):
    grey = smooth(256, 256).convert("L")
    grey.save(tmp_path / "8.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(tmp_path / "16.png")
    for name in ("8.png", "16.png"):
        assert np.array_equal(centre_256(tmp_path / name), np.repeat(np.asarray(grey)[..., None], 3, axis=2)), name


def test_what_is_transparent_lies_on_white(tmp_path):
    image = Image.new("RGBA", (256, 256), (255, 0, 0, 255))
    image.paste((0, 0, 255, 0), (0, 0, 128, 256))
    image.save(tmp_path / "alpha.png")
    image.quantize(4, method=Image.Quantize.FASTOCTREE).save(tmp_path / "palette.png")
    image.convert("LA").save(tmp_path / "grey.png")
    for name, right in (("alpha.png", [255, 0, 0]), ("palette.png", [255, 0, 0]), ("grey.png", [76, 76, 76])):
        found = centre_256(tmp_path / name)
        assert found[100, 50].tolist() == [255, 255, 255] and found[100, 200].tolist() == right, name


def test_cmyk_and_palette_images_keep_their_colours(tmp_path):
    image = smooth(256, 256)
    image.convert("CMYK").save(tmp_path / "cmyk.tif")
    image.quantize(256).save(tmp_path / "palette.png")
    for name in ("cmyk.tif", "palette.png"):
        assert abs(centre_256(tmp_path / name) - np.asarray(image, dtype=int)).mean() < 8, name


def test_the_orientation_of_the_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the orientation: the camera was turned a quarter to the left
    smooth(256, 256).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(centre_256(tmp_path / "turned.png"), np.rot90(np.asarray(smooth(256, 256)), -1))


def test_a_very_long_image_costs_no_memory_that_is_thrown_away(tmp_path):
    """At a shorter side of 256 px the whole would take 2 GB."""
    smooth(20_000, 2).save(tmp_path / "long.png")
    assert centre_256(tmp_path / "long.png").shape == (256, 256, 3)


# Batches.


def test_a_batch_is_indexed_as_a_tensor_is(photos, tmp_path):
    images = run(photos, tmp_path / "out").images
    whole = images[:]
    assert whole.dtype == torch.uint8 and whole.is_contiguous(memory_format=torch.channels_last)
    order = torch.tensor([7, 0, 3, 3])
    for index in (order, order.numpy(), order.tolist(), slice(2, 6), torch.arange(9) > 4, 5, -1):
        assert torch.equal(images[index], whole[index])
    assert torch.equal(images.select(order)[1:], whole[order][1:])
    assert [len(batch) for batch in images.split(4)] == [4, 4, 1]
    assert torch.equal(torch.cat([*images.split(4)]), whole)


def test_a_batch_can_be_written_to_and_the_disk_stays_as_it_was(photos, tmp_path):
    images = run(photos, tmp_path / "out").images
    before = images[:].clone()
    images[torch.arange(3)].zero_()
    images[0].zero_()
    images[:].zero_()
    assert torch.equal(open_prepared(tmp_path / "out").images[:], before)


def test_only_the_path_of_the_array_goes_to_another_process(photos, tmp_path):
    images = run(photos, tmp_path / "out").images
    sent = pickle.dumps(images)
    assert len(sent) < 2000 and torch.equal(pickle.loads(sent)[:], images[:])


# What is refused.


def test_a_folder_that_cannot_be_prepared_says_why_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for empty in ("empty", "parts/train/cat", "parts/val/cat", "hollow/cat", "flat", "other"):
        (tmp_path / empty).mkdir(parents=True)
    smooth(30, 30).save(tmp_path / "flat" / "0.jpg")
    for folder, message in {
        "nowhere": "folder .*nowhere does not exist",
        "file": "folder .*file is a file, not a folder of classes",
        "empty": "folder .*empty holds no folders; the images of each class go in one: .*empty/CLASS/IMAGE",
        "flat": "folder .*flat holds no folders",
        "hollow": "folder .*hollow holds no images in cat; they go in",
        "parts": "folder .*parts holds train and val, not classes; take each of them on its own",
    }.items():
        with pytest.raises((ValueError, OSError), match=message) as caught:
            run(tmp_path / folder, tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_other_wrong_arguments_are_refused(photos, tmp_path):
    with pytest.raises(ValueError, match="workers 0 is not positive"):
        run(photos, tmp_path / "out", workers=0)
    with pytest.raises(FileExistsError, match=r"out .*photos exists already and is not a prepared folder"):
        run(photos, photos)
    with pytest.raises(FileNotFoundError, match=r"out .*nowhere holds no images.npy; prepare it first"):
        open_prepared(tmp_path / "nowhere")
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"out.partial is where the work goes, and it holds thesis.txt"):
        run(photos, tmp_path / "out")
    assert (tmp_path / "out.partial" / "thesis.txt").read_text() == "mine"


def test_an_array_that_is_not_that_of_its_index_is_refused(photos, tmp_path):
    run(photos, tmp_path / "out")
    np.save(tmp_path / "out" / "images.npy", np.zeros((3, 256, 256, 3), np.uint8))
    with pytest.raises(ValueError, match=r"images.npy is uint8 \(3, 256, 256, 3\), not the uint8 \(11, 256, 256, 3\)"):
        open_prepared(tmp_path / "out")


def test_the_processes_that_decode_start_without_torch():
    code = "import sys, tema9.prepared; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
