"""The site that the tests look at: as `tema9 site` builds it, with one notebook run and a few figures."""

import nbformat

from tema9.classroom.lecture import site

RUN = "5_dos_gpus_e_ilsvrc"  # the quickest
FIGURES = ["lenet5", "ilsvrc", "ablation_2012", "filters"]


def make(folder, deck):
    """Build it into folder/site; `deck` is the page of the slides."""

    def run(source):
        return site.solved(source, folder / "runs") if source.name == RUN else nbformat.v4.new_notebook()

    site.build(folder / "site", run=run, deck=lambda path: path.write_bytes(deck.read_bytes()), figures=FIGURES)
