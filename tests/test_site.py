"""The site of the course: complete, without answers, light, and without a link that leads nowhere."""

import csv
import re
import shutil

import bs4
import matplotlib.pyplot as plt
import nbformat
import pytest
import site_of_course

from tema9 import gallery, outline
from tema9.classroom import sources
from tema9.classroom.authoring import bank, bundle
from tema9.classroom.lecture import site as sites

SOURCES = sources.all_sources()
LIGHT = 2_000_000  # bytes of a notebook's page, with its pictures


def texts(folder):
    """(page, its text) of each page of the site, as a reader sees it and as it is searched."""
    for path in folder.rglob("*.html"):
        if path.name != sites.DECK:
            yield path, bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").get_text()
    yield folder / "searchindex.js", (folder / "searchindex.js").read_text(encoding="utf-8")


def squeezed(text):
    return re.sub(r"\s+", "", text)


def secrets():
    """(exercise, line) of each line of a solution or hidden test that no notebook shows, and of what is marked."""
    released = [nbformat.read(sources.NOTEBOOKS / f"{source.name}.ipynb", as_version=4) for source in SOURCES]
    open_to_all = squeezed("".join(cell.source for notebook in released for cell in notebook.cells))
    for source in SOURCES:
        for cell in source.cells:
            for block in re.findall(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END", cell.text, flags=re.S):
                for line in map(squeezed, block.splitlines()):
                    if len(line) > 25 and line not in open_to_all:
                        yield cell.grade_id, line
            if cell.role == "answer":
                yield cell.grade_id, squeezed(cell.text)
            for scheme in re.findall(r"BEGIN MARK SCHEME ===(.*?)===", cell.text, flags=re.S):
                yield cell.grade_id, squeezed(scheme)


def test_no_page_holds_a_solution_a_hidden_test_or_a_mark_scheme(site):
    everything = {path.name: squeezed(text) for path, text in texts(site)}
    hidden = list(secrets())
    assert len(hidden) > 300 and {name.split("-")[0] for name, _ in hidden} == {f"n{n}" for n in range(1, 7)}
    found = [(page, name, line) for page, text in everything.items() for name, line in hidden if line in text]
    assert not found


def test_every_exercise_is_open_on_its_page(site):
    for notebook in outline.notebooks().values():
        text = (site / "notebooks" / f"{notebook.name}.html").read_text(encoding="utf-8")
        assert all(exercise.name in text for exercise in notebook.exercises)
        stubs = sum(not exercise.by_hand for exercise in notebook.exercises)
        assert text.count("ESCRIBE TU CÓDIGO AQUÍ") >= stubs


def test_an_exploration_shows_its_picture_unless_it_uses_an_answer(site):
    page = bs4.BeautifulSoup((site / "notebooks" / f"{site_of_course.RUN}.html").read_text("utf-8"), "html.parser")
    pictures = page.select(".cell_output img, .cell_output .tema9-start svg")
    assert len(pictures) >= 5 and all(one.get("alt") for one in pictures if one.name == "img")
    assert sites.USES_ANSWER in page.get_text()


# An exploration by its code, and whether it uses the answer `f`.
USES = [
    ("f(3)", True),
    ("x = f(3)", True),
    ("for f in [1]:\n    print(f)", False),
    ("print([f for f in range(3)])", False),
    ("g = lambda: f(1)", True),
    ("def g():\n    return f(1)", True),
    ("f = 3\nprint(f)", False),
    ("print(f)\nf = 3", True),
    ("print('f')", False),
    ("f += 1", True),
    ("try:\n    x = f(1)\nexcept NameError:\n    x = 2", True),
]


@pytest.mark.parametrize(("code", "uses"), USES)
def test_what_uses_an_answer_is_known_by_its_code(code, uses):
    assert sites._depends(code, {"f"}) == uses


def test_what_an_answer_has_made_is_an_answer_too_until_it_is_made_anew():
    tainted = {"f"}
    assert [sites._depends(code, tainted) for code in ("x = f(1)", "y = x", "print(y)", "x = 2", "print(x)")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_notebook_with_its_pictures_is_light(site):
    for path in (site / "notebooks").glob("*.html"):
        page = bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        own = {
            path,
            *((path.parent / one["src"]).resolve() for one in page.select("article img[src]:not([src^=data])")),
        }
        assert sum(one.stat().st_size for one in own) < LIGHT, path.name


def test_a_built_site_has_no_problem_and_a_damaged_one_says_which(site, tmp_path):
    assert sites.problems(site) == []
    (tmp_path / "a.html").write_text('<a href="b.html#x">x</a><a href="#y">y</a><img src="z.png"><a href="b.html#w">')
    (tmp_path / "b.html").write_text('<p id="w">w</p><a href="https://example.org/#x">fuera</a>')
    assert sites.problems(tmp_path) == [
        "a.html: b.html#x leads to a page without that place",
        "a.html: #y leads to a page without that place",
        "a.html: z.png leads nowhere",
    ]


def test_every_document_is_a_page():
    there = {path.relative_to(sources.ROOT).as_posix() for path in (sources.ROOT / "docs").glob("*.md")}
    assert there <= set(sites.DOCUMENTS.values())


@pytest.mark.parametrize("kind", ["a folder of something else", "a file", "a link to nowhere"])
def test_a_site_replaces_nothing_but_a_site(kind, tmp_path):
    out = tmp_path / "out"
    if kind == "a file":
        out.write_text("notes")
    elif kind == "a link to nowhere":
        out.symlink_to(tmp_path / "nowhere")
    else:
        shutil.copytree(sources.SOLUTIONS, out)
        (out / "index.html").write_text("another site")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="is not a site that was built here"):
        sites.build(out)
    assert sorted(tmp_path.rglob("*")) == before


def test_no_page_loads_anything_from_elsewhere(site):
    for path in site.rglob("*.html"):
        page = bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        loaded = [one.get("src") or one.get("href") for one in page.select("[src], link[href]:not([rel=canonical])")]
        assert not [one for one in loaded if one and re.match(r"(https?:)?//", one)], path.name


def test_each_figure_of_the_gallery_has_its_files_and_its_data(site):
    page = bs4.BeautifulSoup((site / "figuras.html").read_text(encoding="utf-8"), "html.parser")
    for name in site_of_course.FIGURES:
        links = {one["href"].rpartition("/")[2] for one in page.select("article a[href]")}
        assert {f"{name}.svg", f"{name}.pdf", f"{name}.png"} <= links
        assert {f"{name}.csv", f"{name}.npz"} & links
    figures = site / "_static" / "figuras"
    with (figures / "lenet5.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["parameters"]) for row in rows) == 61_706
    with (figures / "ilsvrc.csv").open() as file:
        bars = [float(row["y"]) for row in csv.DictReader(file) if row["kind"] == "bar"]
    assert 16.4 in [round(one, 2) for one in bars]


@pytest.mark.parametrize("name", ["windows_227", "schedule_2012", "lrn", "alexnet_lanes", "zfnet", "ilsvrc_ranking"])
def test_a_figure_has_data_however_it_is_drawn(name, tmp_path):
    figure = gallery.draw(name)
    [written] = sites._write_data(name, figure, tmp_path)
    plt.close(figure)
    with (tmp_path / written).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 5 and all(rows[0].values())
    if name == "windows_227":  # 55 windows that start every 4 pixels and read 11
        corners = [(float(row["x"]), row["series"]) for row in rows if row["kind"] == "corner"]
        starts = [x for (x, _), (end, _) in zip(corners[::2], corners[1::2], strict=True) if end - x == 11]
        assert starts == [4 * window for window in range(55)]


def test_the_zip_of_the_site_is_that_of_the_students(site, tmp_path):
    bundle.bundle(tmp_path / "x.zip")
    assert (site / sites.ZIP).read_bytes() == (tmp_path / "x.zip").read_bytes()


def test_the_links_of_the_slides_lead_to_the_notebooks_of_the_site(site):
    text = (site / sites.DECK).read_text(encoding="utf-8")
    assert sites.slides.LAB not in text and 'href="notebooks/1_lenet5.html"' in text


def test_a_link_of_a_document_to_a_file_that_the_site_lacks_is_text_or_leads_to_the_repository(tmp_path, monkeypatch):
    (tmp_path / "root" / "docs").mkdir(parents=True)
    (tmp_path / "root" / "docs" / "x.png").write_bytes(b"png")
    text = "[a](../LICENSE) [b](teaching.md#x) [c](https://example.org) ![d](x.png)\n```\n[e](../LICENSE)\n```\n"
    (tmp_path / "root" / "docs" / "new.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sites, "ROOT", (tmp_path / "root").resolve())
    for address, first in (("", "a"), ("https://example.org/o/n", "[a](https://example.org/o/n/blob/main/LICENSE)")):
        monkeypatch.setattr(sites, "repository", lambda address=address: address)
        sites._write_document(tmp_path / "site", "docs/new.md")
        made = (tmp_path / "site" / "docs" / "new.md").read_text(encoding="utf-8")
        assert made == text.replace("[a](../LICENSE)", first) and (tmp_path / "site" / "docs" / "x.png").is_file()


@pytest.mark.parametrize(
    ("address", "offered"), [("", 0), ("https://github.com/o/n", 1), ("https://git.example/o/n", 0)]
)
def test_colab_is_offered_once_the_repository_has_its_public_address(address, offered, tmp_path, monkeypatch):
    monkeypatch.setattr(sites, "repository", lambda: address)
    source = SOURCES[4]
    released = nbformat.read(sources.NOTEBOOKS / f"{source.name}.ipynb", as_version=4)
    page = sites.shown(source, released, nbformat.v4.new_notebook(), tmp_path)
    links = [cell for cell in page.cells if "colab.research.google.com" in cell.source]
    assert len(links) == offered
    assert all(f"/github/o/n/blob/main/notebooks/{source.name}.ipynb" in cell.source for cell in links)


def test_a_notebook_that_has_not_changed_is_run_once(tmp_path, monkeypatch):
    runs = []

    class Client:
        def __init__(self, notebook, **_):
            self.notebook = notebook

        def execute(self):
            runs.append(self.notebook)

    monkeypatch.setattr("nbclient.NotebookClient", Client)
    first, again, other = (sites.solved(source, tmp_path) for source in (SOURCES[0], SOURCES[0], SOURCES[1]))
    assert first == again != other and len(runs) == 2 and len(list(tmp_path.iterdir())) == 2
    changed = tmp_path / SOURCES[0].path.name
    changed.write_text(SOURCES[0].path.read_text(encoding="utf-8") + "\n# otra línea\n", encoding="utf-8")
    sites.solved(sources.read(changed), tmp_path)
    assert len(runs) == 3 and len(list(tmp_path.glob("*.ipynb"))) == 2, "what an earlier text has shown is gone"


def test_without_sphinx_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(sites.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"^the site needs sphinx, .*pip install -e '\.\[site\]'$"):
        sites.require()


def test_the_answers_of_the_bank_are_recognised_by_the_search(site):
    """The test above would find a solution: the right answer, put into a page, is found in its text."""
    exercise = SOURCES[0].graded[0]
    line = squeezed(bank.solution(exercise).text.split("### BEGIN SOLUTION\n")[1].splitlines()[0])
    assert any(line == one for _, one in secrets())
