"""Leave out what a forecast never reads: most tokens of the last attention block.

A forecast of one variate by an iTransformer reads the token of that variate alone. The last block computes all tokens
nevertheless, because a saved model is a graph of whole layers. Every gradient would pay for that, so the block is
rebuilt here for the tokens that are read. With few questions to ask, keys and values need not be computed either:

    q . (W_k x + b_k) = (W_k' q) . x + constant,    sum_s a_s (W_v x_s + b_v) = W_v (sum_s a_s x_s) + b_v

and the constant drops out of the softmax. The answer is the same function, in another order of summation.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from components.shared import layers

BY_TOKEN = (keras.layers.Dropout, keras.layers.Dense, keras.layers.LayerNormalization, keras.layers.Add)
"""Layers that treat each token by itself."""


def narrowed(model: keras.Model) -> keras.Model:
    """Give a model that answers the same with the same weights, and computes only the tokens that are read.

    The weights are shared: whoever changes them changes both. Models without such a block are given back as they are.
    """
    found = _last_block(model)
    if found is None:
        return model
    attention, after, read = found

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer is attention:
            return LeadingAttention(attention, read, name=f"{attention.name}_leading")(args[0])
        if layer is after:
            return layer([tokens[:, :read] for tokens in args[0]])
        return layer(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class LeadingAttention(keras.layers.Layer):  # type: ignore[misc]
    """What a :class:`~components.shared.layers.SelfAttention` gives for the first ``read`` tokens: (B, read, D)."""

    def __init__(self, attention: layers.SelfAttention, read: int, **kwargs: Any) -> None:
        super().__init__(dtype=attention.dtype_policy, **kwargs)
        self.attention, self.read = attention, read

    def call(self, tokens: Any) -> Any:
        width, heads, packed = tokens.shape[2], self.attention.heads, self.attention.project_in
        size = width // heads
        kernel = ops.reshape(ops.cast(packed.kernel, tokens.dtype), (width, 3, heads, size))
        bias = ops.reshape(ops.cast(packed.bias, tokens.dtype), (3, heads, size))
        query = ops.einsum("brw,whd->brhd", tokens[:, : self.read], kernel[:, 0]) + bias[0]
        asked = ops.reshape(ops.einsum("brhd,whd->brhw", query, kernel[:, 1]), (-1, self.read * heads, width))
        scores = ops.matmul(asked, ops.transpose(tokens, (0, 2, 1))) * size**-0.5
        seen = ops.reshape(ops.matmul(ops.softmax(scores, axis=-1), tokens), (-1, self.read, heads, width))
        values = ops.einsum("brhw,whd->brhd", seen, kernel[:, 2]) + bias[2]
        return self.attention.project_out(ops.reshape(values, (-1, self.read, width)))


def _last_block(model: keras.Model) -> tuple[Any, Any, int] | None:
    """The last attention, the layer that adds its answer to its question, and how many tokens are read after it.

    None unless every layer from there to the one that picks tokens treats each token by itself.
    """
    order = list(model.layers)
    attentions = [place for place, layer in enumerate(order) if isinstance(layer, layers.SelfAttention)]
    if not attentions:
        return None
    attention, rest = order[attentions[-1]], order[attentions[-1] + 1 :]
    reader = next((layer for layer in rest if not isinstance(layer, BY_TOKEN)), None)
    after = next((layer for layer in rest if isinstance(layer, keras.layers.Add)), None)
    if after is None or not isinstance(reader, layers.FirstToken | layers.TokenForecast):
        return None
    read = 1 if isinstance(reader, layers.FirstToken) else int(reader.channels)
    # With more questions than that, the usual order of products is the shorter one.
    return (attention, after, read) if read * attention.heads < int(attention.output.shape[-1]) else None
