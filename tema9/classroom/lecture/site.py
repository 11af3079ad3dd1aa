"""The course as a site that is read without Jupyter: notebooks, slides, gallery, glossary, documents.

`web/` holds what Sphinx is told and the templates of the pages that only the site has. The notebooks are shown as they
are released. Beside an exploration stands what it shows in the solved notebook, unless it uses an answer: no page holds
a solution, what one computes, or a hidden test.
"""

import ast
import base64
import csv
import hashlib
import html
import html.parser
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import nbformat
from nbformat import NotebookNode

from tema9 import outline
from tema9.classroom import cells, sources
from tema9.classroom.authoring import bundle
from tema9.classroom.lecture import slides
from tema9.classroom.sources import ROOT, Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WEB = ROOT / "web"
DECK = "diapositivas.html"
ZIP = f"{bundle.FOLDER}.zip"
OWN = ("index.html", "searchindex.js", DECK, ZIP)  # what every site has that was built here
GITHUB = "https://github.com/"
USES_ANSWER = "Esta exploración usa tu respuesta: lo que muestra se ve al ejecutarla en tu cuaderno."
GUIDE = ("Instalar y entregar", "tema9/classroom/authoring/LEEME.md")
ABOUT = "README.md"  # the first of the documents for teachers, with the others below it
DOCUMENTS = {  # title in the menu: document
    "Teaching": "docs/teaching.md",
    "Slides": "docs/slides.md",
    "Training": "docs/training.md",
    "Commands": "docs/commands.md",
    "A server": "docs/server.md",
    "The map": "docs/map.md",
    "Contributing": "CONTRIBUTING.md",
    "Security": "SECURITY.md",
    "Benchmarks": "benchmarks/README.md",
    "Changelog": "CHANGELOG.md",
}
MOST_IMAGE = 200_000  # bytes of a figure as SVG on the page of the gallery; a larger one is shown as PNG


class BrokenSite(RuntimeError):
    """What was built has a fault; the message says which, one line for each."""


def require() -> None:
    """Ask for what the site is built with.

    Raises:
        RuntimeError: a package is missing; the message says how to install it.
    """
    if missing := [name for name in ("sphinx", "myst_nb", "pydata_sphinx_theme") if not importlib.util.find_spec(name)]:
        raise RuntimeError(f"the site needs {', '.join(missing)}: python -m pip install -e '.[site]'")


def repository() -> str:
    """The public address of the repository, from `[tool.tema9]` of pyproject.toml; "" while there is none."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["tool"]["tema9"]["repository"].rstrip("/")


def build(
    out: str | Path,
    run: Callable[[Source], NotebookNode] | None = None,
    deck: Callable[[Path], object] = slides.build,
    figures: Iterable[str] | None = None,
    track: Callable[[list], Iterable] = iter,
) -> Path:
    """Build the site and return the path of its first page.

    Args:
        out: the folder of the site, which replaces what an earlier build left there.
        run: runs a solved notebook; `solved`, with its memory in the folder beside `out`, by default.
        deck: writes the page of the slides to a path.
        figures: of the gallery, by name; all by default.
        track: wraps the list of notebooks to show progress.

    Raises:
        FileExistsError: `out` holds something else than a site.
        RuntimeError: a package is missing.
        BrokenSite: Sphinx complains, or a link leads nowhere.
        slides.NoPackages: MathJax is not there and cannot be fetched.
    """
    require()
    out = Path(out)
    if os.path.lexists(out) and not (
        out.is_dir() and (not any(out.iterdir()) or all((out / one).is_file() for one in OWN))
    ):
        raise FileExistsError(f"{out} is not a site that was built here; give --out a new folder, or an empty one")
    slides.fetch()
    memory = out.parent / f"{out.name}-runs"
    run = run or (lambda source: solved(source, memory))
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder, "source"), Path(folder, "site")
        _fill(source, run, deck, figures, track)
        _sphinx(source, made)
        if found := problems(made):
            raise BrokenSite("\n".join(found))
        if out.is_dir():
            shutil.rmtree(out)
        shutil.copytree(made, out)
    return out / "index.html"


def solved(source: Source, memory: Path) -> NotebookNode:
    """Run a solved notebook, or read what it showed when it and the package were what they are now.

    Args:
        source: the notebook.
        memory: a folder for what was shown.
    """
    from nbclient import NotebookClient

    digest = hashlib.sha256(source.path.read_bytes())
    for path in sorted((ROOT / "tema9").rglob("*")):
        if path.suffix in (".py", ".csv", ".safetensors") and "classroom" not in path.parts:
            digest.update(path.read_bytes())
    kept = memory / f"{source.name}-{digest.hexdigest()[:16]}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    notebook = sources.to_notebook(source)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    memory.mkdir(parents=True, exist_ok=True)
    for old in memory.glob(f"{source.name}-*.ipynb"):
        old.unlink()
    nbformat.write(notebook, kept)
    return notebook


def _fill(folder, run, deck, figures, track):
    """Fill the folder that Sphinx reads."""
    static = folder / "_static"
    static.mkdir(parents=True)
    shutil.copy(WEB / "conf.py", folder)
    shutil.copytree(WEB / "_templates", folder / "_templates")
    shutil.copy(WEB / "site.css", static)
    mathjax = slides.SLIDES / "node_modules" / "mathjax" / "es5"
    shutil.copytree(mathjax / "output", static / "mathjax" / "output")
    shutil.copytree(mathjax / "input" / "tex" / "extensions", static / "mathjax" / "input" / "tex" / "extensions")
    shutil.copy(mathjax / "tex-chtml.js", static / "mathjax")
    bundle.bundle(folder / ZIP)
    deck(folder / DECK)
    _move_links_of_slides(folder / DECK)
    (folder / "notebooks").mkdir()
    for source in track(sources.all_sources()):
        released = nbformat.read(sources.NOTEBOOKS / f"{source.name}.ipynb", as_version=4)
        page = shown(source, released, run(source), static / "notebooks")
        nbformat.write(page, folder / "notebooks" / f"{source.name}.ipynb")
    for name in (ABOUT, GUIDE[1], *DOCUMENTS.values()):
        _write_document(folder, name)
    with (folder / ABOUT).open("a", encoding="utf-8") as file:
        listed = "\n".join(f"{title} <{name.removesuffix('.md')}>" for title, name in DOCUMENTS.items())
        file.write(f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n")
    _write_pages(folder, _gallery(static / "figuras", figures))


def _write_pages(folder, gallery):
    """Write the pages that only the site has, from their templates in web/."""
    with (sources.SOLUTIONS / "glosario.csv").open(encoding="utf-8", newline="") as file:
        terms = list(csv.DictReader(file))
    given = {
        "notebooks": list(outline.notebooks().values()),
        "guide": GUIDE,
        "zip": ZIP,
        "deck": DECK,
        "megabytes": f"{(folder / ZIP).stat().st_size / 1e6:.1f}".replace(".", ","),
        "figures": gallery,
        "terms": terms,
    }
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB), keep_trailing_newline=True, autoescape=False)
    for path in WEB.glob("*.md.j2"):
        (folder / path.stem).write_text(templates.get_template(path.name).render(given), encoding="utf-8")


def _move_links_of_slides(path):
    """Lead the links of the slides to the notebooks of the site, and no longer to those of a JupyterLab at hand."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(rf"{re.escape(slides.LAB)}/(\w+)\.ipynb", r"notebooks/\1.html", text), encoding="utf-8")


# The notebooks


def shown(source: Source, released: NotebookNode, ran: NotebookNode, pictures: Path) -> NotebookNode:
    """A released notebook with what its explorations show, without what depends on an answer.

    Args:
        source: its source.
        released: the notebook as students receive it.
        ran: the solved notebook, after it was run.
        pictures: the folder for its pictures, within _static/.
    """
    page = nbformat.from_dict(released)
    outputs = {cell.id: cell.get("outputs", []) for cell in ran.cells}
    tainted = _names_of_answers(source)
    made = []
    for cell in page.cells:
        made.append(cell)
        role = "respuesta" if cells.is_written_by_student(cell) else "prueba" if cells.is_test(cell) else ""
        exploration = cells.is_exploration(cell)
        cell.metadata = nbformat.from_dict({"tags": [role]} if role and cell.cell_type == "code" else {})
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if exploration and "tema9.check(" not in cell.source:
            if _depends(cell.source, tainted):
                made.append(nbformat.v4.new_markdown_cell(f"*{USES_ANSWER}*", id=f"{cell.id}-nota"))
            else:
                found = (_output(one, pictures) for one in outputs.get(cell.id, []))
                cell.outputs = [one for one in found if one is not None]
    if repository().startswith(GITHUB):
        address = f"https://colab.research.google.com/github/{repository().removeprefix(GITHUB)}/blob/main/notebooks"
        link = f"[Abrir este cuaderno en Colab]({address}/{source.name}.ipynb)"
        made.insert(1, nbformat.v4.new_markdown_cell(link, id="colab"))
    page.cells = made
    page.metadata = nbformat.from_dict({"kernelspec": released.metadata.kernelspec})
    return page


def _names_of_answers(source):
    """The names that the answers of a notebook define."""
    return {
        name
        for exercise in source.graded
        for statement in ast.parse(exercise.solution.text).body
        for name in _made(statement)
    }


def _made(statement):
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _depends(code, tainted):
    """Whether code reads one of the tainted names; if so, what it makes is tainted from there on, and else no longer.

    Where the order of reading and making is not plain, a name counts as read.
    """
    made, reads = set(), set()
    for statement in ast.parse(code).body:
        loops = [node for node in ast.walk(statement) if isinstance(node, ast.For | ast.comprehension)]
        own = {name for loop in loops for name in _made(loop.target)}
        loaded = (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        added = {name for n in ast.walk(statement) if isinstance(n, ast.AugAssign) for name in _made(n.target)}
        reads |= ({*loaded} | added) - made - own
        made |= _made(statement)
    depends = bool(reads & tainted)
    tainted ^= tainted & made  # made anew
    if depends:
        tainted |= made
    return depends


def _output(output, pictures):
    """An output as the site shows it, or None; its pictures become files of their own."""
    if output.output_type == "stream":
        return output if output.name == "stdout" and output.text.strip() else None
    data = output.get("data", {})
    if text := data.get("text/html"):
        return _display("text/html", _with_files(text, pictures))
    if png := data.get("image/png"):
        return _display("text/html", _image(png, data.get("text/plain", ""), pictures))
    if "application/vnd.jupyter.widget-view+json" in data:  # its picture is an output of its own
        return None
    kind = next((kind for kind in ("text/markdown", "text/plain") if data.get(kind)), None)
    return kind and _display(kind, data[kind])


def _display(kind, content):
    return nbformat.v4.new_output("display_data", data={kind: content})


def _with_files(text, pictures):
    """HTML whose pictures are files and no longer a part of it."""
    return re.sub(
        r'<img src="data:image/png;base64,([^"]+)" alt="([^"]*)"[^>]*>',
        lambda found: _image(found[1], html.unescape(found[2]), pictures),
        text,
    )


def _image(png, words, pictures):
    from PIL import Image

    content = base64.b64decode(png)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.webp"
    pictures.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
        image.save(pictures / name, lossless=True, method=4)
    return (
        f'<img src="../_static/{pictures.name}/{name}" width="{width}" height="{height}" loading="lazy"'
        f' alt="{html.escape(words)}">'
    )


# The documents


def _write_document(folder, name):
    """Copy a document, with the pictures that it shows; a link to a file that the site lacks becomes text.

    Where the address of the repository is known, such a link leads there.
    """
    path, home = folder / name, (ROOT / name).parent
    pages = {ABOUT, GUIDE[1], *DOCUMENTS.values(), *(f"notebooks/{one}.ipynb" for one in outline.notebooks())}

    def moved(found):
        mark, words, target = found.groups()
        address, _, _ = target.partition("#")
        if not address or re.match(r"[a-z]+:", target):
            return found[0]
        there = (home / urllib.parse.unquote(address)).resolve()
        inside = there.relative_to(ROOT).as_posix() if there.is_relative_to(ROOT) else ""
        if mark:
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(there, folder / inside)
            return found[0]
        if inside in pages:
            return found[0]
        return f"[{words}]({repository()}/blob/main/{inside})" if repository() else words

    text = (ROOT / name).read_text(encoding="utf-8")
    pieces = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    pieces[::2] = [re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", moved, piece) for piece in pieces[::2]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(pieces), encoding="utf-8")


# The gallery


@dataclass(frozen=True)
class Drawn:
    """A figure of the gallery on the site: its name, size in pixels, alternative text, file to show, and its data."""

    name: str
    width: int
    height: int
    alt: str
    file: str
    data: tuple[str, ...]


def _gallery(folder, names):
    import matplotlib.pyplot as plt

    from tema9 import figures, gallery

    folder.mkdir(parents=True)
    found = []
    chosen = list(gallery.GALLERY if names is None else names)
    for written in gallery.write(chosen, folder):
        figure = gallery.draw(written.name)
        words = html.escape(figures.alternative_text(figure)).replace("\n", " ")
        kind = "svg" if written.sizes["svg"] <= MOST_IMAGE else "png"
        width, height = (round(96 * inches) for inches in written.inches)
        data = tuple(_write_data(written.name, figure, folder))
        found.append(Drawn(written.name, width, height, words, f"{written.name}.{kind}", data))
        plt.close(figure)
    return found


def _write_data(name: str, figure: "Figure", folder: Path) -> list[str]:
    """Write the data of a figure as tables beside it, and return the names of the files.

    A figure of a network has the network's table of layers; what is drawn as lines, bars and points, and the values of
    pictures, are read from the axes.
    """
    from tema9.architectures import ARCHITECTURES
    from tema9.arithmetic import layer_table

    written = []
    of = max((one for one in ARCHITECTURES if name == one or name.startswith(f"{one}_")), key=len, default="")
    of = {"zfnet": "zfnet_paper", "alexnet_two_gpus": "alexnet_paper", "alexnet_lanes": "caffenet"}.get(name, of)
    if of:
        rows = list(layer_table(of))
        head = [*(one.name for one in fields(rows[0])), "parameters", "activations"]
        _write_csv(folder / f"{name}.csv", head, ([getattr(row, key) for key in head] for row in rows))
        written.append(f"{name}.csv")
    values = list(_values_of(figure))
    if values and not of:
        _write_csv(folder / f"{name}.csv", ["axes", "kind", "series", "x", "y"], values)
        written.append(f"{name}.csv")
    if images := {f"image_{place}": image for place, image in enumerate(_images_of(figure))}:
        import numpy as np

        np.savez_compressed(folder / f"{name}.npz", allow_pickle=False, **images)
        written.append(f"{name}.npz")
    return written


def _write_csv(path, head, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _values_of(figure):
    """(axes, kind, series, x, y) of each point, bar, word and corner of a rectangle that the axes of a figure hold."""
    from matplotlib.patches import Rectangle

    for number, ax in enumerate(figure.axes, 1):
        where = ax.get_title() or ax.get_ylabel() or str(number)
        for line in ax.lines:
            yield from ((where, "line", str(line.get_label()), x, y) for x, y in zip(*line.get_data(), strict=True))
        for container in ax.containers:
            for patch in getattr(container, "patches", ()):
                middle = patch.get_x() + patch.get_width() / 2, patch.get_y() + patch.get_height() / 2
                yield where, "bar", str(container.get_label()), *_longer(patch, middle)
        barred = {patch for container in ax.containers for patch in getattr(container, "patches", ())}
        for patch in ax.patches:
            if isinstance(patch, Rectangle) and patch not in barred:
                x, y = patch.get_xy()
                yield where, "corner", "from", x, y
                yield where, "corner", "to", x + patch.get_width(), y + patch.get_height()
        for points in ax.collections:
            for x, y in points.get_offsets():
                yield where, "point", str(points.get_label()), x, y
        for text in ax.texts:
            if words := text.get_text().strip():
                yield where, "word", words, *text.get_position()


def _longer(patch, middle):
    """A bar as (its place, its length) or, if it lies, (its length, its place)."""
    lying = patch.get_height() < patch.get_width() and patch.get_x() == 0
    return (patch.get_width(), middle[1]) if lying else (middle[0], patch.get_height())


def _images_of(figure):
    return [
        image.get_array().filled() if hasattr(image.get_array(), "filled") else image.get_array()
        for ax in figure.axes
        for image in ax.images
    ]


# Building, and looking at what was built


def _sphinx(source, out):
    """Have Sphinx build the site.

    Raises:
        BrokenSite: it complains.
    """
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", "-d", f"{out}-doctrees", str(source), str(out)],
        capture_output=True,
        text=True,
    )
    said = [line.replace(f"{source}/", "") for line in done.stderr.splitlines() if line.strip()]
    if done.returncode or said:
        raise BrokenSite("\n".join(said[:20]) or "Sphinx failed")
    for name in (DECK, ZIP):
        shutil.copy(source / name, out)
    for name in ("_sources", ".buildinfo", "objects.inv", "_static/webpack-macros.html"):
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


class _Links(html.parser.HTMLParser):
    """The links of a page, what it loads, and the names that links can lead to."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = [], {""}

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        self.links += [found[key] for key in ("href", "src") if found.get(key)]


def problems(folder: str | Path) -> list[str]:
    """The links of a built site that lead nowhere, a line for each.

    Args:
        folder: the folder of the site.
    """
    folder = Path(folder).resolve()
    pages: dict[Path, Any] = {}
    for path in sorted(folder.rglob("*.html")):
        pages[path] = _Links()
        pages[path].feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        for link in page.links:
            address, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|//", link):
                continue
            there = (path.parent / urllib.parse.unquote(address.partition("?")[0])).resolve() if address else path
            where = path.relative_to(folder).as_posix()
            if not there.is_file():
                found.append(f"{where}: {link} leads nowhere")
            elif there in pages and path.name != DECK and urllib.parse.unquote(anchor) not in pages[there].anchors:
                found.append(f"{where}: {link} leads to a page without that place")
    return found
