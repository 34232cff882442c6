"""The import direction of ARCHITECTURE.md, held against the code's own imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = [  # a module may import from its own line and the lines above it
    (
        "pruning.errors",
        "pruning.amounts",
        "pruning.choices",
        "pruning.criterion_cards",
        "pruning.settings",
        "pruning.wishes",
        "pruning.studies",
        "pruning.requests",
        "pruning.spec",
        "pruning.contradictions",
        "pruning.run",
        "pruning.report",
    ),
    (
        "pruning.channels.map",
        "pruning.plan",
        "pruning.proof",
        "pruning.recipes",
        "pruning.jobs.row",
        "pruning.jobs.trees",
        "pruning.jobs.submit",
        "pruning.jobs.database",
        "pruning.jobs.notes",
        "pruning.jobs.trash",
        "pruning.jobs.store",
    ),
    (
        "pruning.limits",
        "pruning.protect",
        "pruning.ranking",
        "pruning.allocate",
        "pruning.budget",
        "pruning.search",
        "pruning.schedule",
        "pruning.curves",
        "pruning.damage",
        "pruning.prediction",
        "pruning.latency",
        "pruning.timefit",
    ),
    ("models",),
    ("pruning.interface", "pruning.windows", "pruning.attention", "pruning.surgery", "pruning.reversal"),
    ("pruning.channels", "pruning.measure", "pruning.runtimes", "pruning.data"),
    ("pruning.criteria", "pruning.equivalence"),
    (
        "pruning.evaluate",
        "pruning.freezing",
        "pruning.distillation",
        "pruning.optimize",
        "pruning.precision",
        "pruning.resume",
        "pruning.session",
    ),
    (
        "pruning.train",
        "pruning.explain",
        "pruning.tiles",
        "pruning.timing",
        "pruning.masks",
        "pruning.sensitivity",
        "pruning.prefixes",
        "pruning.timetable",
        "pruning.changes",
        "pruning.pictures",
        "pruning.planning",
        "pruning.speed",
        "pruning.shaping",
        "pruning.mask_record",
        "pruning.ablation",
        "pruning.correlation",
        "pruning.audit",
    ),
    ("pruning.checkpoint", "pruning.export"),
    ("pruning.origin",),
    ("pruning.stages",),
    ("pruning.kinds",),
    ("pruning.engine",),
    ("pruning.jobs",),
    ("pruning.__main__",),
    ("pages.ui",),
    ("pages",),
    ("app",),
]
LAZY = {
    "torchvision",
    "sklearn",
    "optuna",
    "mlflow",
    "ray",
    "onnx",
    "onnxruntime",
    "openvino",
}  # imported inside the function that needs them
NO_TORCH = (
    "pruning.spec",
    "pruning.run",
    "pruning.report",
    "pruning.plan",
    "pruning.proof",
    "pruning.allocate",
    "pruning.latency",
    "pruning.channels.map",
    "pruning.recipes",
    "pruning.jobs.store",
    "pruning.jobs.supervisor",
    "pruning.data",
    "models",
)


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ("pruning", "models", "pages"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path
    yield "app", ROOT / "app.py"


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(imported module, whether at module level)."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            known = {name for name, _ in modules()}
            yield from ((name if name in known else node.module, id(node) in top) for name in whole)


def layer(module: str) -> int | None:
    fits = [(len(name), i) for i, names in enumerate(LAYERS) for name in names if f"{module}.".startswith(f"{name}.")]
    return max(fits)[1] if fits else None


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_no_module_imports_from_its_right(name: str, path: Path) -> None:
    own = layer(name)
    wrong = [other for other, _ in imports(path) if own is not None and (layer(other) or 0) > own]
    assert not wrong, f"{name} imports {wrong}"


def test_heavy_packages_are_imported_where_they_are_used() -> None:
    wrong = [
        (name, other) for name, path in modules() for other, top in imports(path) if top and other.split(".")[0] in LAZY
    ]
    allowed = [pair for pair in wrong if pair[0].startswith("models.torchvision")]
    assert wrong == allowed


def test_the_engine_knows_nothing_of_the_interface() -> None:
    wrong = [
        (name, other)
        for name, path in modules()
        for other, _ in imports(path)
        if name.split(".")[0] in ("pruning", "models") and other.split(".")[0] in ("streamlit", "plotly", "pages")
    ]
    assert not wrong


@pytest.mark.parametrize("module", NO_TORCH)
def test_the_web_process_imports_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
