"""What may import what, and how light `import tema9` is."""

import subprocess
import sys

import pytest
from modules import PACKAGE, ROOT, STUDENT_SIDE, imports, name_of, ours

# The modules of ours that each may import. One way only: from the tables to what reads them.
ALLOWED = {
    "architectures": set(),
    "arithmetic": {"architectures", "tables"},
    "recipes": set(),
    "kernels": set(),
    "layers": {"kernels"},
    "hardware": set(),
    "folders": set(),
    "prepared": {"folders", "hardware"},
    "data": {"folders", "prepared"},
    "augment": set(),
    "files": set(),
    "reading": {"prepared"},
    "machine": {"hardware", "prepared", "reading"},
    "views": {"augment", "prepared", "recipes"},
    "checkpoint": {"files", "views"},
    "models": {"architectures", "arithmetic", "checkpoint", "layers", "views"},
    "two_gpus": {"architectures", "arithmetic", "layers"},
    "wording": set(),
    "evaluation": {"arithmetic", "augment", "data", "machine", "views", "wording"},
    "graphs": {"machine", "views"},
    "training": {
        "arithmetic",
        "checkpoint",
        "data",
        "evaluation",
        "files",
        "graphs",
        "machine",
        "prepared",
        "recipes",
        "views",
        "wording",
    },
    "plan": {"arithmetic", "data", "graphs", "machine", "prepared", "recipes", "views"},
    "runs": {
        "checkpoint",
        "data",
        "evaluation",
        "figures",
        "files",
        "looking",
        "machine",
        "models",
        "plan",
        "recipes",
        "training",
        "views",
        "wording",
    },
    "looking": {"layers"},
    "figures": {"arithmetic"},
    "gallery": {
        "architectures",
        "arithmetic",
        "data",
        "experiments",
        "figures",
        "files",
        "layers",
        "looking",
        "models",
        "records",
    },
    "svg": {"figures"},
    "records": {"files"},
    "experiments": {"files"},
    "experiments.relu_or_tanh": {"data", "experiments"},
    "experiments.broken_runs": {"data", "experiments"},
    "experiments.scrambled_pixels": {"data", "experiments", "models", "recipes", "training"},
    "experiments.first_layer": {
        "architectures",
        "augment",
        "checkpoint",
        "data",
        "experiments",
        "looking",
        "models",
        "recipes",
        "training",
    },
    "experiments.one_factor": {
        "architectures",
        "data",
        "evaluation",
        "experiments",
        "hardware",
        "models",
        "recipes",
        "training",
    },
    "widgets.explorer": {"figures", "svg"},
    "widgets.sliding_window": {"arithmetic", "svg", "widgets.explorer"},
    "widgets.input_side": {"arithmetic", "svg", "widgets.explorer", "widgets.sliding_window"},
    "widgets.layer_table_editor": {"architectures", "arithmetic", "figures", "svg", "widgets.explorer"},
    "widgets.local_response": {"arithmetic", "layers", "svg", "widgets.explorer"},
    "widgets.dropout_rules": {"arithmetic", "figures", "svg", "widgets.explorer"},
    "widgets.gpu_traffic": {"arithmetic", "figures", "svg", "widgets.explorer"},
    "widgets.training_memory": {"arithmetic", "figures", "svg", "widgets.explorer"},
    "widgets.occlusion_map": {"arithmetic", "data", "figures", "looking", "models", "svg", "widgets.explorer"},
    "widgets.digit_pad": {"arithmetic", "data", "figures", "looking", "models", "svg", "widgets.explorer"},
    "widgets.training_run": {"arithmetic", "data", "looking", "recipes", "svg", "training", "widgets.explorer"},
    "widgets": {f"widgets.{path.stem}" for path in PACKAGE.glob("widgets/[!_]*.py")},
    "contracts": set(),
    "measuring": {"contracts"},
    "imports": set(),
    "front_ends": set(),
    "notebook": {"front_ends", "imports"},
    "hints": {"files", "notebook", "outline", "streams"},
    "checks": {"contracts", "hints", "imports", "measuring", "notebook", "streams"},
    "tables": set(),
    "streams": set(),
    "answers": set(),
    "magics": set(),
    "outline": {"files"},
    "formulas": set(),
    "contents": set(),
    "lab": {"files", "outline", "streams"},
    "hub": {"files", "lab", "outline"},
    "progress": {"answers", "checks", "imports", "lab", "magics", "measuring", "outline", "streams", "tables"},
    "update": {"files", "lab", "outline", "streams"},
    "validate": {"imports", "progress"},
    "doctor": {
        "arithmetic",
        "files",
        "front_ends",
        "hardware",
        "imports",
        "lab",
        "machine",
        "outline",
        "streams",
        "tables",
    },
}
# The rooms of the instructor's side that each may import, and the modules that stand between them.
ROOMS = {
    "cells": set(),
    "gradebook": set(),
    "sandbox": set(),
    "sources": {"cells"},
    "rules": {"sources"},
    "course": {"cells", "gradebook", "rules", "sources"},
    "authoring": {"cells", "course", "sandbox", "sources"},
    "grading": {"cells", "course", "gradebook", "rules", "sandbox", "sources"},
    "publishing": {"cells", "course", "gradebook", "grading", "rules", "sources"},
    "rehearsal": {"authoring", "cells", "course", "grading", "sources"},
    "lecture": {"authoring", "cells", "course", "grading", "publishing", "rehearsal", "sandbox", "sources"},
    "doctor": {"lecture", "sandbox"},
}
LIGHT = ("architectures", "arithmetic", "files", "recipes", "tables")  # no torch, no numpy, nothing to install


@pytest.mark.parametrize("path", STUDENT_SIDE, ids=name_of)
def test_imports_go_one_way(path):
    assert name_of(path) in ALLOWED, f"say in ALLOWED what {path.name} may import"
    assert ours(path) <= ALLOWED[name_of(path)]


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_of_the_instructor_s_side_import_one_way(room):
    there = [path for path in PACKAGE.rglob("*.py") if name_of(path).split(".")[:2] == ["classroom", room]]
    assert there, f"classroom/{room} is not there any more"
    for path in there:
        needed = {name.split(".")[1] for name in ours(path) if name.startswith("classroom.")}
        assert needed <= ROOMS[room] | {room}, path


def test_every_room_of_the_instructor_s_side_is_in_the_table():
    names = {name_of(path).split(".")[1] for path in PACKAGE.glob("classroom/*/*.py")}
    names |= {path.stem for path in PACKAGE.glob("classroom/[!_]*.py")}
    assert names == set(ROOMS)


def test_what_nbgrader_is_told_to_import_by_its_name_is_there(tmp_path):
    from traitlets.utils.importstring import import_item

    from tema9.classroom.course import settings

    config = settings(tmp_path)
    names = [*config.Autograde.sanitize_preprocessors, *config.Autograde.autograde_preprocessors]
    names += [*config.GenerateFeedback.preprocessors, config.GenerateFeedback.post_convert_hook]
    names += [*config.HTMLExporter.filters.values(), config.AssignLatePenalties.plugin_class]
    ours_by_name = [name for name in names if isinstance(name, str)]
    assert len(ours_by_name) == 7 and all(callable(import_item(name)) for name in ours_by_name)


@pytest.mark.parametrize("name", LIGHT)
def test_the_tables_need_the_standard_library_only(name):
    outside = {module.split(".")[0] for module in imports(PACKAGE / f"{name}.py")} - {"tema9"}
    assert outside <= set(sys.stdlib_module_names)


def test_nothing_a_student_holds_imports_the_instructor_s_side():
    sources = [*STUDENT_SIDE, PACKAGE / "__init__.py", *ROOT.glob("solutions/**/*.py")]
    for path in sources:
        assert not {"classroom", "cli"} & {name.split(".")[0] for name in ours(path)}, path


def test_nothing_but_the_notebooks_imports_the_widgets():
    others = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "widgets"]
    assert not [path.name for path in others if "widgets" in {name.split(".")[0] for name in ours(path)}]


def test_no_module_imports_itself_in_a_circle():
    arrows = {name_of(path): ours(path) - {name_of(path)} for path in PACKAGE.rglob("*.py") if name_of(path)}
    while arrows:
        leaves = {name for name, needed in arrows.items() if not needed & set(arrows)}
        assert leaves, f"a circle among {', '.join(arrows)}"
        arrows = {name: needed for name, needed in arrows.items() if name not in leaves}


def test_import_tema9_loads_neither_torch_nor_numpy_nor_matplotlib():
    code = (
        "import sys, tema9; tema9.layer_table('alexnet_paper').memory();"
        "heavy = {'torch', 'numpy', 'matplotlib'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_loads_neither_torch_nor_numpy_nor_matplotlib_for_a_table_of_layers():
    code = (
        "import sys; from tema9.cli import networks; networks.layers('alexnet_paper');"
        "heavy = {'torch', 'numpy', 'matplotlib', 'tema9.classroom'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
def test_what_the_commands_of_the_classroom_need_is_imported_without_torch_and_without_a_grammar_of_addresses():
    code = (
        "import sys; from tema9.classroom.grading import grade, intake;"
        "from tema9.classroom.authoring import build; from tema9.classroom.rehearsal import rehearse;"
        "from tema9.classroom.publishing import feedback, report; from tema9.classroom.sandbox import provisioner;"
        "heavy = {'torch', 'rfc3987_syntax'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_everything_in_all_is_there():
    import tema9

    assert all(hasattr(tema9, name) for name in tema9.__all__)
