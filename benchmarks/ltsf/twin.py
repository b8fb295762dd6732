"""The reference iTransformer in plain PyTorch, as its paper describes it; the peer of the cost figures.

Run as a program by an interpreter that has torch: prints one JSON object of what training costs on one thread.
"""

from __future__ import annotations

import json
import sys
import time

import torch
from torch import nn

from benchmarks.memory import held_mib, peak_mib


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.widen, self.narrow = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        batch, count, width = tokens.shape
        query, key, value = (
            layer(tokens).view(batch, count, self.heads, -1) for layer in (self.query, self.key, self.value)
        )
        scores = torch.einsum("blhe,bshe->bhls", query, key) * (width // self.heads) ** -0.5
        mixed = torch.einsum("bhls,bshd->blhd", self.dropout(scores.softmax(-1)), value).reshape(batch, count, width)
        tokens = self.norms[0](tokens + self.dropout(self.out(mixed)))
        hidden = self.dropout(nn.functional.gelu(self.widen(tokens.transpose(1, 2))))
        return self.norms[1](tokens + self.dropout(self.narrow(hidden).transpose(1, 2)))


class Reference(nn.Module):
    def __init__(self, lookback: int, horizon: int, width: int = 256, heads: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.embed, self.dropout = nn.Linear(lookback, width), nn.Dropout(dropout)
        self.layers = nn.Sequential(*(Encoder(width, heads, dropout) for _ in range(2)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, horizon)

    def forward(self, window: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
        mean = window.mean(1, keepdim=True).detach()
        scale = torch.sqrt(window.var(1, keepdim=True, unbiased=False) + 1e-5).detach()
        variates = torch.cat([(window - mean) / scale, marks], dim=2).transpose(1, 2)
        tokens = self.norm(self.layers(self.dropout(self.embed(variates))))
        return self.head(tokens).transpose(1, 2)[:, :, : window.shape[2]] * scale + mean


class Windows(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One window at a time, stacked by the loader, as the reference feeds itself."""

    def __init__(self, rows: torch.Tensor, lookback: int, horizon: int) -> None:
        self.rows, self.lookback, self.horizon = rows, lookback, horizon

    def __len__(self) -> int:
        return len(self.rows) - self.lookback - self.horizon + 1

    def __getitem__(self, start: int) -> tuple[torch.Tensor, torch.Tensor]:
        middle = start + self.lookback
        return self.rows[start:middle], self.rows[middle : middle + self.horizon]


def main(rows: int, channels: int, marks: int, lookback: int, horizon: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    before = held_mib()
    series = torch.randn(rows, channels + marks).cumsum(0) * 0.05
    loader = torch.utils.data.DataLoader(Windows(series, lookback, horizon), batch_size=32, shuffle=True)
    model = Reference(lookback, horizon)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)

    def step(past: torch.Tensor, future: torch.Tensor) -> None:
        optimizer.zero_grad()
        forecast = model(past[:, :, :channels], past[:, :, channels:])
        nn.functional.mse_loss(forecast, future[:, :, :channels]).backward()
        optimizer.step()

    batches = list(loader)
    for past, future in batches[:20]:
        step(past, future)
    began = time.process_time()
    for past, future in batches[20:120]:
        step(past, future)
    step_ms = (time.process_time() - began) * 10
    began = time.process_time()
    fed = sum(1 for _ in loader)
    batch_us = (time.process_time() - began) / fed * 1e6
    began = time.process_time()
    for past, future in loader:
        step(past, future)
    epoch = time.process_time() - began
    print(json.dumps({"step_ms": step_ms, "epoch_s": epoch, "batch_us": batch_us, "mib": peak_mib() - before}))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
