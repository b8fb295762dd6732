"""Long-horizon forecasting on a public file: our models, the paper's iTransformer, ridge and naive in one table.

    python -m benchmarks.ltsf --csv ETTh1.csv --split ett [--horizons 96,192] [--models …] [--seeds 0,1,2] [--json]

The split, the scaling by train rows, stride 1, and no window dropped are those of the papers; the look-back is 96
unless told otherwise. Without ``--csv`` the files of the repository's benchmark data are used, where they are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Pinned before anything starts threads: CPU seconds of one thread can be compared.
for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")

from benchmarks import Figure, show  # noqa: E402

if TYPE_CHECKING:
    from benchmarks.ltsf.scores import Score

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = (("ETTh1.csv", "ett"), ("exchange_rate.csv", "ratio"))
HORIZONS = "96,192,336,720"
# MSE and MAE of iTransformer in its paper, at look-back 96 (Liu et al. 2024, table 10).
PAPER = {
    "etth1": {96: (0.386, 0.405), 192: (0.441, 0.436), 336: (0.487, 0.458), 720: (0.503, 0.491)},
    "exchange_rate": {96: (0.086, 0.206), 192: (0.177, 0.299), 336: (0.331, 0.417), 720: (0.847, 0.691)},
}


def main() -> None:
    arguments = _parse()
    files = [(arguments.csv, arguments.split)] if arguments.csv else _shared_files()
    if not files:
        print(f"skipped: give --csv, or put {' and '.join(name for name, _ in FILES)} into {DATA}")
        return
    for path, split in files:
        show(_figures(path, split, arguments), peer="the better of naive and ridge", as_json=arguments.json)
    if not arguments.no_cost:
        from benchmarks.ltsf import cost

        show(cost.figures(), peer="plain PyTorch", as_json=arguments.json)


def _parse() -> argparse.Namespace:
    def listed(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, help="a wide CSV: date, then one column a series")
    parser.add_argument(
        "--split", choices=("ett", "ratio"), default="ratio", help="rows of the ETT papers, or 70/10/20 %%"
    )
    parser.add_argument("--horizons", type=listed, default=listed(HORIZONS), help=f"default {HORIZONS}")
    parser.add_argument("--lookback", type=int, default=96)
    parser.add_argument("--models", default="", help="names from benchmarks/ltsf/models.py; default all")
    parser.add_argument("--seeds", type=listed, default=[0, 1, 2], help="default 0,1,2")
    parser.add_argument("--no-cost", action="store_true", help="leave out time, memory and feeding")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parsed = parser.parse_args()
    if parsed.csv and not parsed.csv.is_file():
        parser.error(f"--csv: there is no file {parsed.csv}")
    return parsed


def _shared_files() -> list[tuple[Path, str]]:
    return [(DATA / name, split) for name, split in FILES if (DATA / name).is_file()]


def _figures(path: Path, split: str, arguments: argparse.Namespace) -> Iterator[Figure]:
    from benchmarks.ltsf import data, scores
    from benchmarks.ltsf.models import MODELS

    names = arguments.models.split(",") if arguments.models else list(MODELS)
    if unknown := [name for name in names if name not in MODELS]:
        sys.exit(f"--models: expected some of {', '.join(MODELS)}, got {', '.join(unknown)}")
    series = data.read(path, split)
    for horizon in arguments.horizons:
        baselines = [rule(series, arguments.lookback, horizon) for rule in (scores.naive, scores.ridge)]
        for baseline in baselines:
            _say(series.name, baseline)
        runs = []
        for name in names:
            for seed in arguments.seeds:
                runs.append(scores.trained(series, name, arguments.lookback, horizon, seed))
                _say(series.name, runs[-1])
        yield from _best(series.name, horizon, runs, baselines)


def _best(series: str, horizon: int, runs: list[Score], baselines: list[Score]) -> Iterator[Figure]:
    """Figures of the best model by validation, the mean over its seeds, beside the better baseline."""
    from benchmarks.ltsf import scores

    best = scores.chosen(runs)
    mine = [run for run in runs if run.model == best]
    paper = PAPER.get(series, {}).get(horizon)
    beside = f"; iTransformer's paper {paper[0]:.3f}/{paper[1]:.3f}" if paper else ""
    print(f"# {series} {horizon}: {best} by validation, {len(mine)} seeds{beside}", file=sys.stderr, flush=True)
    for metric in ("mse", "mae"):
        ours = sum(getattr(run, metric) for run in mine) / len(mine)
        peer = min(getattr(baseline, metric) for baseline in baselines)
        yield Figure(f"{series}_{horizon}_{metric}", ours, peer, "standardised")


def _say(series: str, score: Score) -> None:
    line = f"# {series} {score.horizon} {score.model} seed {score.seed}: mse {score.mse:.4f} mae {score.mae:.4f}"
    spent = f", {score.epochs} epochs, {score.cpu_seconds:.0f} s CPU" if score.epochs else ""
    print(f"{line}, validation mse {score.validation_mse:.4f}{spent}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
