"""What the README promises of `from pruning import …`, in a fresh process."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_readmes_python_example_runs_as_it_stands() -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example
    small = example[1].replace("resnet50", "resnet18").replace("224, 224", "64, 64")
    assert "Counts(params=" in run(small)


def test_every_public_name_is_the_function_not_its_module() -> None:
    assert run("import pruning; print(all(callable(getattr(pruning, n)) for n in pruning.__all__))") == "True\n"
