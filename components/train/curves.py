"""Loss and learning rate by epoch, as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.shared.report import Page, new_figure

if TYPE_CHECKING:
    from components.train.history import Row


def page(kind: str, rows: list[Row], best: int) -> Page:
    """Page with the training curves; ``best`` is the index of the epoch whose weights were kept."""
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] + 1 for row in rows]
    figure = new_figure()
    loss, rate = figure.subplots(1, 2, width_ratios=[3, 2])
    loss.plot(epochs, [row["loss"] for row in rows], label="train", color="#7a8694", marker=".")
    loss.plot(epochs, [row["val_loss"] for row in rows], label="validation", color="#1f6feb", marker=".")
    loss.axvline(epochs[best], color="#c2410c", linewidth=1, linestyle="--", label=f"kept: epoch {best + 1}")
    loss.set(xlabel="epoch", ylabel="loss (scaled label)")
    loss.legend(frameon=False)
    rate.plot(epochs, [row["learning_rate"] for row in rows], color="#1f6feb", marker=".")
    rate.set(xlabel="epoch", ylabel="learning rate")
    for axes in (loss, rate):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    kept = rows[best]
    words = f"{len(rows)} epochs; epoch {best + 1} was kept, with validation loss {kept['val_loss']:.4g}."
    return Page(f"Training of {kind}").text(words, kind="lead").figure(figure, "Loss and learning rate by epoch")
