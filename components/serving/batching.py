"""Concurrent requests answered together: what arrives while the model is busy is its next batch.

Nothing waits for a batch to fill. A lone request is answered at once; under load batches grow by themselves, up to a
limit, because a call of the model costs nearly the same for one window as for many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from components.serving.messages import RequestError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass
class _Waiting(Generic[Item, Answer]):
    items: Sequence[Item]
    answered: asyncio.Future[Sequence[Answer]]


@dataclass
class Batcher(Generic[Item, Answer]):
    """Answers items in batches, one batch at a time, in a thread of its own.

    Attributes:
        answer: items to as many answers, in order. What it raises reaches every request of the batch.
        max_batch: most items a call; a request that alone has more is split.
        max_waiting: most items that may wait.
        observe: told the size of every batch.
    """

    answer: Callable[[Sequence[Item]], Sequence[Answer]]
    max_batch: int
    max_waiting: int
    observe: Callable[[int], None] = lambda _: None
    _queue: deque[_Waiting[Item, Answer]] = field(default_factory=deque)
    _waiting: int = 0
    _busy: asyncio.Task[None] | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "batch"))

    @property
    def waiting(self) -> int:
        """Items that no batch has taken yet."""
        return self._waiting

    async def submit(self, items: Sequence[Item]) -> list[Answer]:
        """Answers of some items, in order.

        Raises:
            RequestError: too many wait already; trying again later helps.
        """
        if self._waiting + len(items) > self.max_waiting:
            raise RequestError(f"{self._waiting} windows wait already, at most {self.max_waiting} may: try again", 429,
                               "RESOURCE_EXHAUSTED")  # fmt: skip
        loop = asyncio.get_running_loop()
        parts = [items[first : first + self.max_batch] for first in range(0, len(items), self.max_batch)]
        waiting: list[_Waiting[Item, Answer]] = [_Waiting(part, loop.create_future()) for part in parts]
        self._queue.extend(waiting)
        self._waiting += len(items)
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._work())
        answers = await asyncio.gather(*(part.answered for part in waiting))
        return [answer for part in answers for answer in part]

    async def _work(self) -> None:
        """Answer batch after batch until nothing waits."""
        while self._queue:
            batch = self._take()
            items = [item for part in batch for item in part.items]
            self.observe(len(items))
            try:
                answers = await asyncio.get_running_loop().run_in_executor(self._thread, self.answer, items)
            except Exception as error:
                for part in batch:
                    if not part.answered.done():
                        part.answered.set_exception(error)
                continue
            start = 0
            for part in batch:
                # Done already if the client went away meanwhile, which cancelled its wait.
                if not part.answered.done():
                    part.answered.set_result(answers[start : start + len(part.items)])
                start += len(part.items)

    def _take(self) -> list[_Waiting[Item, Answer]]:
        batch = [self._queue.popleft()]
        size = len(batch[0].items)
        while self._queue and size + len(self._queue[0].items) <= self.max_batch:
            batch.append(self._queue.popleft())
            size += len(batch[-1].items)
        self._waiting -= size
        return batch

    def close(self) -> None:
        """End the thread, once nothing waits any more."""
        self._thread.shutdown()
