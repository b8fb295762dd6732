"""A file compiled by either SDK runs under either.

The newest KFP cannot be installed beside TensorFlow 2.19, so it lives in an environment of its own, which
``make newest-kfp`` makes; ``NEWEST_KFP_PYTHON`` names the interpreter of another one.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NEWEST = os.environ.get("NEWEST_KFP_PYTHON") or str(REPOSITORY / ".venv-newest-kfp" / "bin" / "python")
COMPILE = textwrap.dedent("""
    import sys
    from typing import List
    from kfp import compiler, dsl

    @dsl.component(base_image="python:3.11")
    def double(n: int) -> int:
        return 2 * n

    @dsl.component(base_image="python:3.11")
    def total(values: List[int]) -> int:
        return sum(values)

    @dsl.pipeline(name="either")
    def pipeline(items: List[int] = [1, 2, 3]) -> int:
        with dsl.ParallelFor(items) as item:
            doubled = double(n=item)
        return total(values=dsl.Collected(doubled.output)).output

    compiler.Compiler().compile(pipeline, sys.argv[1])
""")
RUN = "import sys; from local_runner import run; print(run(sys.argv[1], root=sys.argv[2]).outputs)"


@pytest.mark.skipif(not Path(NEWEST).exists(), reason="no environment with the newest KFP: make newest-kfp")
@pytest.mark.parametrize("runs_on", ["locked", "newest"])
@pytest.mark.parametrize("compiled_by", ["locked", "newest"])
def test_a_file_compiled_by_either_runs_under_either(tmp_path: Path, compiled_by: str, runs_on: str) -> None:
    interpreters = {"locked": sys.executable, "newest": NEWEST}
    script, compiled = tmp_path / "pipeline_source.py", tmp_path / "either.yaml"
    script.write_text(COMPILE)
    subprocess.run([interpreters[compiled_by], script, compiled], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [interpreters[runs_on], "-c", RUN, str(compiled), str(tmp_path / "runs")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "{'Output': 12}"
