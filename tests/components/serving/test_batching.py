"""Batches as they form while the model is busy: sizes, order, errors, and how many may wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from components.serving.batching import Batcher
from components.serving.messages import RequestError


@dataclass
class Model:
    """Doubles numbers, and holds its first batch until all requests have come."""

    batches: list[list[int]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def answer(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        assert self.go_on.wait(10)
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


def asked(model: Model, requests: Sequence[Sequence[int]], *, max_waiting: int = 100) -> tuple[list[object], int]:
    """What each request got, an answer or an exception, and how many items wait at the end."""
    batcher: Batcher[int, int] = Batcher(model.answer, max_batch=3, max_waiting=max_waiting)

    async def ask() -> tuple[list[object], int]:
        tasks = [asyncio.create_task(batcher.submit(items)) for items in requests]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, model.go_on.set)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return list(found), batcher.waiting

    try:
        return asyncio.run(ask())
    finally:
        batcher.close()


def test_what_arrives_meanwhile_is_batched_up_to_the_limit_and_answered_in_order() -> None:
    model = Model()
    answers, waiting = asked(model, [[1], [2, 3], [4], [5, 6], [7, 8, 9, 10]])
    assert answers == [[2], [4, 6], [8], [10, 12], [14, 16, 18, 20]]
    assert [len(batch) for batch in model.batches] == [3, 3, 3, 1]
    assert [item for batch in model.batches for item in batch] == list(range(1, 11))
    assert waiting == 0


def test_an_error_reaches_every_request_of_its_batch_and_no_other() -> None:
    answers, waiting = asked(Model(), [[1, 2, 3], [13], [4], [5, 6]])
    assert answers[0] == [2, 4, 6]
    assert [type(answer) for answer in answers[1:3]] == [ValueError, ValueError]
    assert answers[3] == [10, 12]
    assert waiting == 0


def test_more_than_may_wait_is_refused_and_the_rest_is_answered() -> None:
    answers, _ = asked(Model(), [[1, 2], [3, 4], [5]], max_waiting=3)
    assert (answers[0], answers[2]) == ([2, 4], [10])
    assert isinstance(answers[1], RequestError)
    assert answers[1].code == 429


@pytest.mark.parametrize("items", [[], [1], [1, 2, 3], list(range(8))], ids=len)
def test_a_lone_request_of_any_size_is_answered(items: list[int]) -> None:
    assert asked(Model(), [items]) == ([[2 * item for item in items]], 0)
