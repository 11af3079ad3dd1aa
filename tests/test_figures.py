"""Every figure is drawn, and read back from the renderer: no text over another, none cut off."""

import itertools
import math
import subprocess
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.text import Text

from tema9 import ARCHITECTURES, experiments, figures, gallery, layer_table, records
from tema9.architectures import C3_INPUTS
from tema9.arithmetic import crossing_values
from tema9.data import PHOTOGRAPHS, SHAPES
from tema9.training import Epoch, History

QUANTITIES = ("parameters", "multiply_adds", "activation_bytes")


def epochs(count, drop_at=8):
    rates = [0.02 if epoch < drop_at else 0.002 for epoch in range(1, count + 1)]
    losses = [2.3 * math.exp(-epoch / 3) for epoch in range(1, count + 1)]
    return [
        Epoch(n, rate, loss, loss + 0.1, 25 * loss + 2, loss, 3.0)
        for n, rate, loss in zip(range(1, count + 1), rates, losses, strict=True)
    ]


def random_maps(*shape, signed=False):
    generator = np.random.default_rng(0)
    return generator.normal(size=shape) if signed else generator.random(shape)


def curve_set():
    x = np.linspace(-3, 3, 50)
    return x, {"1,7159 tanh(2a/3)": 1.7159 * np.tanh(2 * x / 3), "tanh(a)": np.tanh(x), "ReLU": np.maximum(x, 0)}


LABELS = np.arange(24) % 10
PREDICTIONS = np.where(np.arange(24) % 7 == 3, 0, LABELS)
ACCURACIES = {"CNN": 97.12, "MLP": 93.4, "CNN, píxeles permutados": 94.25, "MLP, píxeles permutados": 93.38}

FACTORS = {"base": [14.0, 13.0, 14.8], "pooling 2 × 2, paso 2": [29.0, 21.0, 21.3], "sin espejo ni luz": [11, 27.8, 11]}
RATES = {"0,003": [12.0, 11.3, 10.3], "0,01": [4.5, 4.3, 4.3], "0,3": [float("nan"), float("nan"), 8.5]}

PAPER, SLIDE, CAFFE = map(layer_table, ("alexnet_paper", "alexnet_slide", "caffenet"))
TILES = [(f"{n}\nde 5", random_maps(3, 20, 20) if n % 2 else random_maps(20, 20, signed=True)) for n in range(1, 6)]

OF_A_TABLE = [
    (f"{name}-{label}", draw, layer_table(name))
    for name in ARCHITECTURES
    for label, draw in (
        ("volumes", figures.volumes),
        ("receptive_fields", figures.receptive_fields),
        *((quantity, lambda table, ax=None, q=quantity: figures.per_layer(table, q, ax=ax)) for quantity in QUANTITIES),
    )
]
DRAWINGS = {name: (lambda ax=None, draw=draw, table=table: draw(table, ax=ax)) for name, draw, table in OF_A_TABLE} | {
    "volumes-first": lambda ax=None: figures.volumes(SLIDE, ax=ax, labels={"INPUT": "[227x227x3]", "CONV1": "?"}),
    "lanes": lambda ax=None: figures.lanes(CAFFE, crossing_values(CAFFE), ["CONV3", "FC6"], ax=ax),
    "ranking": lambda ax=None: figures.ranking(records.read("winners"), ax=ax),
    "ranking-two": lambda ax=None: figures.ranking(records.read("winners"), (2012, 2013), ax=ax),
    "filters": lambda ax=None: figures.filters(random_maps(32, 3, 7, 7, signed=True), ax=ax),
    "seeds-one": lambda ax=None: figures.seeds({"": FACTORS}, "receta", "error de test (%)", ax=ax),
    "seeds-two": lambda ax=None: figures.seeds({"ReLU": RATES, "tanh": RATES}, "tasa", "épocas", ax=ax),
    "connections": lambda ax=None: figures.connections(C3_INPUTS, ax=ax),
    "curves": lambda ax=None: figures.curves(*curve_set(), "a", "f(a)", ax=ax),
    "windows-lenet": lambda ax=None: figures.windows(32, 5, 1, ax=ax),
    "windows-leftover": lambda ax=None: figures.windows(12, 5, 3, ax=ax),
    "windows-skipped": lambda ax=None: figures.windows(7, 2, 4, ax=ax),
    "windows-padding": lambda ax=None: figures.windows(10, 4, 3, padding=(0, 3), ax=ax),
    "windows-everything": lambda ax=None: figures.windows(10, 2, 4, padding=(3, 1), rounding="ceil", ax=ax),
    "windows-one": lambda ax=None: figures.windows(5, 5, 1, ax=ax),
    "windows-227": lambda ax=None: figures.windows(227, 11, 4, ax=ax),
    "windows-224": lambda ax=None: figures.windows(224, 11, 4, rounding="ceil", ax=ax),
    "first-windows": lambda ax=None: figures.first_windows(11, 4, ax=ax),
    "first-windows-pooling": lambda ax=None: figures.first_windows(3, 2, "pooling", ax=ax),
    "kernel": lambda ax=None: figures.kernel(11, 3, 96, ax=ax),
    "maximum": lambda ax=None: figures.maximum([[3, 1, 0], [2, 7, 4], [5, 0, 6]], ax=ax),
    "runs": lambda ax=None: figures.runs(experiments.read("broken_runs"), "Avería {}"),
    "runs-four": lambda ax=None: figures.runs(experiments.read("broken_runs")[:100], "{}"),
    "learning": lambda ax=None: figures.learning(History(epochs(12), 9), ax=ax),
    "learning-one-epoch": lambda ax=None: figures.learning(History(epochs(1), 1), ax=ax),
    "learning-nothing": lambda ax=None: figures.learning(History(), ax=ax),
    "maps": lambda ax=None: figures.maps(random_maps(6, 28, 28), ax=ax),
    "maps-one": lambda ax=None: figures.maps(random_maps(1, 5, 5), ax=ax),
    "maps-dead": lambda ax=None: figures.maps(np.zeros((3, 5, 5)), ax=ax),
    "maps-filters": lambda ax=None: figures.maps(random_maps(16, 5, 5, signed=True), ax=ax),
    "maps-96": lambda ax=None: figures.maps(random_maps(96, 11, 11, signed=True), ax=ax),
    "digits": lambda ax=None: figures.digits(random_maps(24, 1, 32, 32), LABELS, PREDICTIONS, ax=ax),
    "digits-torch": lambda ax=None: figures.digits(torch.rand(5, 1, 32, 32), torch.arange(5), ax=ax),
    "bars": lambda ax=None: figures.bars(ACCURACIES, "acierto en test (%)", ax=ax),
    **{name: lambda ax=None, draw=draw: draw() for name, draw in gallery.GALLERY.items() if name not in ARCHITECTURES},
    "pictures-rows": lambda ax=None: figures.pictures(TILES, columns=3, boxes=[(0, 0, 9, 9), *[None] * 4], ax=ax),
    "pictures-one": lambda ax=None: figures.pictures(TILES[:1], ax=ax),
    "schedule-2010": lambda ax=None: figures.schedule(gallery.notes("145-2010"), ax=ax),
    "two-gpus": lambda ax=None: figures.two_gpus(PAPER, crossing_values(PAPER), ax=ax),
    "winners": lambda ax=None: figures.winners(records.read("winners"), official=True, highlight=2013, ax=ax),
    "differences": lambda ax=None: figures.differences([("con", 0.5, 0.1), ("sin " * 12, -0.3, 0.2)], ax=ax),
    "confusion": lambda ax=None: figures.confusion(10 * np.eye(5) + 1, [f"clase {n}" for n in range(5)], ax=ax),
    "confusion-many": lambda ax=None: figures.confusion(torch.ones(40, 40), [str(n) for n in range(40)], ax=ax),
    "bars-signs": lambda ax=None: figures.bars({"a": -0.25, "b": 0, "c": 12345678}, "diferencia (puntos)", ax=ax),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn_texts(figure, monkeypatch):
    """Draw the figure and return (text, its box in pixels) of each piece of text that was drawn."""
    seen = []
    plain = Text.draw

    def draw(self, renderer):
        if self.get_visible() and self.get_text().strip():
            seen.append((self, Text.get_window_extent(self, renderer)))
        plain(self, renderer)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure.draw_without_rendering()  # settles the layout first, as when it is shown
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.filterwarnings("error")  # a letter missing from the font is a warning
def test_no_text_overlaps_another_or_leaves_the_figure_and_no_legend_covers_a_bar(name, monkeypatch):
    axes = DRAWINGS[name]()
    figure = getattr(axes, "figure", axes)
    texts = drawn_texts(figure, monkeypatch)
    assert texts
    for text, box in texts:
        assert text.get_fontsize() >= 11, text
        # At 1280 px JupyterLab shows a picture at most some 900 px wide: a wider one is shrunk with its letters.
        shown = text.get_fontsize() * min(1, 9 / figure.get_figwidth())
        assert shown >= 8, f"{text.get_text()!r} is shown {shown:.1f} points high"
        assert box.x0 >= -0.5 and box.x1 <= figure.bbox.x1 + 0.5, f"cut off: {text}"
        assert box.y0 >= -0.5 and box.y1 <= figure.bbox.y1 + 0.5, f"cut off: {text}"
    for (one, box), (other, its_box) in itertools.combinations(texts, 2):
        across = min(box.x1, its_box.x1) - max(box.x0, its_box.x0)
        along = min(box.y1, its_box.y1) - max(box.y0, its_box.y0)
        assert across <= 1 or along <= 1, f"{one.get_text()!r} is over {other.get_text()!r}"
        assert across <= -4 or along <= 8, f"{one.get_text()!r} touches {other.get_text()!r}"  # beside it, in px
    for axes in figure.axes:
        if legend := axes.get_legend():
            box = legend.get_window_extent()
            assert not any(box.overlaps(patch.get_window_extent().padded(-1)) for patch in axes.patches)


FEW = [
    name
    for name in DRAWINGS
    if name not in gallery.GALLERY
    and not name.startswith("runs")  # a figure of several axes
    and (name.split("-")[0] not in ARCHITECTURES or name.startswith("lenet5_1998"))
]


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_with_axes_given_it_draws_there_and_opens_no_figure(name, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: pytest.fail("show was called"))
    _, (left, right) = plt.subplots(1, 2, figsize=(24, 6))
    before, settings = plt.get_fignums(), dict(mpl.rcParams)
    assert DRAWINGS[name](ax=left) is left
    assert plt.get_fignums() == before
    assert dict(mpl.rcParams) == settings
    assert left.has_data() or left.images or left.patches or "nothing" in name
    assert not right.has_data()


@pytest.mark.slow
def test_importing_the_figures_changes_no_setting_and_importing_tema9_loads_no_matplotlib():
    code = (
        "import sys, tema9; assert 'matplotlib' not in sys.modules;"
        "import matplotlib; before = dict(matplotlib.rcParams);"
        "import tema9.figures; assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_volumes_names_every_layer_with_the_volume_of_the_slide():
    texts = [text.get_text() for text in figures.volumes(layer_table("alexnet_slide")).texts]
    assert "CONV1\n[55x55x96]" in texts and "POOL3\n[6x6x256]" in texts and "FC8\n[1000]" in texts
    assert len([text for text in texts if text]) == 14


def test_volumes_are_to_scale():
    axes = figures.volumes(layer_table("alexnet_slide"))
    fronts = [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")]
    assert fronts[:4] == [227, 55, 27, 27]
    assert fronts[-1] == pytest.approx(1000**0.5)


def test_per_layer_draws_the_numbers_and_their_shares():
    axes = figures.per_layer(layer_table("alexnet_slide"), "parameters")
    widths = [patch.get_width() for patch in axes.patches]
    assert widths[10] == pytest.approx(37.752832)  # FC6, in millions
    shares = [text.get_text() for text in axes.texts]
    assert shares[0] == "< 0,1 %" and shares[1] == "0 %" and shares[10] == "60,5 %"
    assert "62\u202f378\u202f344" in axes.get_title(loc="left")


def test_per_layer_refuses_an_unknown_quantity():
    with pytest.raises(ValueError, match="quantity 'flops' is unknown; known: parameters"):
        figures.per_layer(layer_table("lenet5"), "flops")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((227, 11, 4), "55 ventanas; no sobra ningún píxel"),
        ((12, 5, 3), "3 ventanas; sobra 1 píxel"),
        ((224, 11, 4), "54 ventanas; sobra 1 píxel"),
        ((7, 2, 4), "2 ventanas; sobran 3 píxeles"),
    ],
)
def test_windows_counts_the_pixels_that_nobody_reads(arguments, expected):
    size, kernel_size, stride = arguments
    row = torch.arange(size)
    read = row.unfold(0, kernel_size, stride).unique()
    assert str(len(row) - len(read)) in expected or len(read) == size
    assert figures.windows(*arguments).get_title(loc="left") == expected


def test_windows_refuses_a_kernel_larger_than_the_row():
    with pytest.raises(ValueError, match="kernel_size 5 is larger than its input"):
        figures.windows(3, 5, 1)


def test_a_filter_has_a_square_for_each_of_its_weights_and_the_first_windows_stand_a_stride_apart():
    assert len(figures.kernel(11, 3, 96).patches) == 11 * 11 * 3
    windows = figures.first_windows(3, 2, "pooling").patches[-3:]
    assert [patch.get_x() for patch in windows] == [0, 2, 4] and {patch.get_width() for patch in windows} == {3}


def test_a_maximum_is_the_largest_number_of_its_window():
    texts = [text.get_text() for text in figures.maximum([[3, 1], [9, 4]]).texts]
    assert texts[:5] == ["3", "1", "9", "4", "9"]


def test_receptive_fields_draws_one_square_per_spatial_layer():
    axes = figures.receptive_fields(layer_table("alexnet_slide"))
    sides = [patch.get_width() for patch in axes.patches][2:]  # the first two are the image
    assert sides == [11, 19, 51, 67, 99, 131, 163, 195]


def test_connections_draws_60_dots():
    axes = figures.connections(C3_INPUTS)
    assert [len(dots.get_offsets()) for dots in axes.collections] == [96, 60]


def test_only_wrong_predictions_are_marked():
    texts = [text.get_text() for text in figures.digits(random_maps(24, 1, 32, 32), LABELS, PREDICTIONS).texts]
    assert [text for text in texts if "✘" in text] == ["3 → 0 ✘", "7 → 0 ✘"]  # 10 -> 0 and 17 -> 7 are below
    assert texts[:3] == ["0", "1", "2"]


@pytest.mark.parametrize(("draw", "arguments"), [(figures.maps, ((3, 4),)), (figures.digits, ((3, 4, 4), (3,)))])
def test_a_wrong_shape_is_refused_with_the_shape_in_one_line(draw, arguments):
    with pytest.raises(ValueError, match=r"has shape \(3, 4.*give \(") as caught:
        draw(*(np.zeros(shape) for shape in arguments))
    assert "\n" not in str(caught.value)


def test_every_kind_of_row_has_a_colour_and_every_colour_a_hatch():
    kinds = {row.kind for name in ARCHITECTURES for row in layer_table(name)}
    assert kinds <= set(figures.KINDS)
    assert set(figures.HATCHES) == set(figures.COLOURS)


def test_filters_have_one_scale_or_each_its_own_and_middle_grey_is_zero():
    weights = np.zeros((2, 3, 4, 4))
    weights[0, 0] = 0.5  # red at its most
    (image,) = figures.filters(weights).get_images()
    sheet = image.get_array()
    np.testing.assert_allclose(sheet[:4, :4], np.broadcast_to([1.0, 0.5, 0.5], (4, 4, 3)))
    np.testing.assert_allclose(sheet[:4, 5:9], 0.5)
    weights[1, 2] = 0.1  # a weak blue
    (image,) = figures.filters(weights).get_images()
    np.testing.assert_allclose(image.get_array()[:4, 5:9], np.broadcast_to([0.5, 0.5, 0.6], (4, 4, 3)))
    ax = figures.filters(np.concatenate([weights, np.zeros((1, 3, 4, 4))]), shared=False)
    (image,) = ax.get_images()
    sheet = image.get_array()
    np.testing.assert_allclose(sheet[:4, 5:9], np.broadcast_to([0.5, 0.5, 1.0], (4, 4, 3)))  # as strong as the red
    np.testing.assert_allclose(sheet[:4, 10:14], 0.5)  # a filter of zeros is no division by zero
    assert "cada uno en su escala" in ax.get_title(loc="left")
    with pytest.raises(ValueError, match=r"weights have shape \(2, 1, 4, 4\)"):
        figures.filters(np.zeros((2, 1, 4, 4)))


def test_a_live_run_gives_the_last_history_and_draws_nothing_outside_a_notebook():
    history = History(epochs(3))
    assert figures.live(iter([History(), history])) is history
    assert not plt.get_fignums()


def test_every_texture_and_every_shape_has_a_name_in_spanish():
    assert set(gallery.TEXTURES) == set(PHOTOGRAPHS) and set(gallery.SHAPES) == set(SHAPES)
    captions = [text.get_text() for text in gallery.textures().texts]
    assert captions[0] == "ladrillo\nentrenamiento" and captions[-1] == "tejido\ntest" and len(captions) == 20


def test_runs_are_drawn_on_the_same_scales_with_the_decimal_comma():
    figure = figures.runs(experiments.read("broken_runs"), "Avería {}")
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == [f"Avería {run}" for run in "ABCDEF"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 2
    figure.draw_without_rendering()
    ticks = [text.get_text() for ax in figure.axes for text in ax.get_yticklabels()]
    assert ticks and not [tick for tick in ticks if "." in tick]


def test_a_training_run_has_its_rate_under_its_losses():
    figure = figures.training_run(History(epochs(12), best=12))
    assert [ax.get_ylabel() for ax in figure.axes] == ["pérdida (nats)", "tasa", "error de validación (%)"]
    assert figure.axes[1].get_yscale() == "log"


def test_a_run_without_a_result_has_no_dot_and_its_place_no_mean():
    ax = figures.seeds({"ReLU": RATES, "tanh": RATES}, "tasa", "épocas")
    *dots, means = ax.get_lines()[:4]
    assert [np.isfinite(line.get_ydata()).sum() for line in dots] == [3, 3, 1]
    np.testing.assert_allclose(means.get_ydata(), [11.2, 13.1 / 3, np.nan])


def test_the_alternative_text_says_what_is_written_in_the_figure():
    ax = figures.curves([1, 2], {"ReLU": [0, 1], "tanh": [1, 0]}, "época", "error (%)")
    said = figures.alternative_text(ax.figure)
    assert said == "Figura. eje horizontal: época; eje vertical: error (%); series: ReLU, tanh"
    volumes = figures.alternative_text(figures.volumes(layer_table("alexnet_slide")).figure)
    assert "volumen que sale de cada capa" in volumes and "CONV1 [55x55x96]" in volumes
    ax.figure.set_label("Dos curvas que se cruzan")
    assert figures.alternative_text(ax.figure) == "Dos curvas que se cruzan"


@pytest.mark.slow
def test_every_figure_of_the_gallery_says_more_than_that_it_is_one():
    for name in ("lenet5", "alexnet_two_gpus", "windows_224", "ilsvrc", "ablation_2012", "filters", "occlusion"):
        assert len(figures.alternative_text(gallery.draw(name))) > 60, name
        plt.close("all")


def test_a_run_whose_losses_and_errors_are_zero_is_drawn_without_a_warning():
    perfect = [Epoch(number, 0.1, 0.0, 0.0, 0.0, 0.0, 1.0) for number in (1, 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = figures.learning(History(perfect, 1))
    assert all(axes.get_ylim() == (0, 1) for axes in ax.figure.axes)
