from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_regression

from components.preprocess.origins import Origins
from components.preprocess.selection import MOST_SAMPLES, keep_best, mutual_information


def test_scores_agree_with_scikit_learn_and_repeat() -> None:
    rng = np.random.default_rng(5)
    label = rng.normal(size=400)
    feature = label + rng.normal(size=400)
    score = mutual_information(feature, label, seed=9)
    assert score == mutual_info_regression(feature[:, None], label, random_state=9)[0]
    assert score == mutual_information(feature, label, seed=9)


def test_a_dependence_without_correlation_is_found() -> None:
    rng = np.random.default_rng(6)
    feature = rng.normal(size=1000)
    label = feature**2
    noise = rng.normal(size=1000)
    assert mutual_information(feature, label, 0) > 1.0 > 0.1 > mutual_information(noise, label, 0)


def test_a_constant_feature_tells_nothing() -> None:
    assert mutual_information(np.full(50, 2.0), np.arange(50.0), 0) == 0.0


@pytest.mark.parametrize(
    ("top_k", "always", "kept"),
    [(1, [], ["c"]), (2, ["a"], ["a", "b", "c"]), (2, [], ["b", "c"]), (9, [], ["a", "b", "c", "d"])],
    ids=["best", "always-is-extra", "tie-to-the-earlier", "more-than-there-are"],
)
def test_the_best_are_kept_in_their_order(top_k: int, always: list[str], kept: list[str]) -> None:
    assert keep_best({"a": 0.0, "b": 0.5, "c": 0.9, "d": 0.5}, top_k, always) == kept


@pytest.mark.parametrize("count", [1, MOST_SAMPLES, MOST_SAMPLES + 1, 10 * MOST_SAMPLES + 7])
def test_a_sample_spans_the_origins_and_is_bounded(count: int) -> None:
    sample = Origins((range(29, 29 + count // 3), range(29 + count // 3, 29 + count))).thinned(MOST_SAMPLES)
    assert sample[0] == 29
    assert min(count, MOST_SAMPLES // 2) <= len(sample) <= MOST_SAMPLES
    assert 29 + count - sample[-1] <= max(1, *np.diff(sample[:2]), 1)
