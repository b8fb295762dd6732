"""Fold the embedding of an inverted transformer into its first attention.

The tokens that the first attention of an iTransformer sees are a linear map of a few values each, ``x = E z + e`` with
``z`` the window of a variate, and its queries, keys and values are linear maps of the tokens. So they are of ``z``:

    q . k_s = q . (W_k (E z_s + e) + b_k) = ((W_k E)' q) . z_s + constant
    W_o sum_s a_s v_s = W_o W_v E (sum_s a_s z_s) + constant, because the a_s add up to one

and the first constant drops out of the softmax. The windows themselves serve all heads as keys and values: there is
less to multiply, and nothing to be laid out head by head, which takes as long as the products. The answer is the same
function, in another order of summation. Products of weights are formed at each call, once for the whole batch, so that
weights that change count at once.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from components.shared import layers

WIDEST = 3
"""Windows may be this many times as long as a head is wide; beyond, the usual order of products is the shorter one."""


def folded(model: keras.Model) -> keras.Model:
    """Give a model that answers the same with the same weights, without queries, keys and values of first tokens.

    The weights are shared: whoever changes them changes both. Models without such a layer are given back as they are.
    """
    found = _embedded_attention(model)
    if found is None:
        return model
    attention, embedding = found
    windows: list[Any] = []

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer is embedding:
            windows.append(args[0])
        if layer is attention:
            return EmbeddedAttention(attention, embedding, name=f"{attention.name}_embedded")(windows[-1])
        return layer(*args, **kwargs)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class EmbeddedAttention(keras.layers.Layer):  # type: ignore[misc]
    """What a :class:`~components.shared.layers.SelfAttention` gives for embedded windows: (B, T, L) to (B, T, D)."""

    def __init__(self, attention: layers.SelfAttention, embedding: keras.layers.Dense, **kwargs: Any) -> None:
        super().__init__(dtype=attention.dtype_policy, **kwargs)
        self.attention, self.embedding = attention, embedding

    def call(self, windows: Any) -> Any:
        tokens, length, heads = windows.shape[1], windows.shape[2], self.attention.heads
        question, question_bias, answer, answer_bias = self._products(windows.dtype)
        asked = ops.reshape(ops.matmul(windows, question) + question_bias, (-1, tokens * heads, length))
        weights = ops.softmax(ops.matmul(asked, ops.transpose(windows, (0, 2, 1))), axis=-1)
        seen = ops.reshape(ops.matmul(weights, windows), (-1, tokens, heads * length))
        return ops.matmul(seen, answer) + answer_bias

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:2], int(self.embedding.units))

    def _products(self, dtype: Any) -> tuple[Any, Any, Any, Any]:
        """Maps of windows to questions, (L, heads * L), and of what is seen to answers, (heads * L, D), with biases."""
        heads, width = self.attention.heads, int(self.embedding.units)
        size = width // heads
        packed, out = self.attention.project_in, self.attention.project_out
        kernel = ops.reshape(ops.cast(packed.kernel, dtype), (width, 3, heads, size))
        embed = ops.cast(self.embedding.kernel, dtype)
        query, key, value = (ops.einsum("lw,whd->lhd", embed, kernel[:, part]) for part in range(3))
        bias = ops.reshape(ops.cast(packed.bias, dtype), (3, heads, size))
        if self.embedding.use_bias:
            bias = bias + ops.einsum("w,wphd->phd", ops.cast(self.embedding.bias, dtype), kernel)
        question = ops.einsum("lhd,mhd->lhm", query, key) * size**-0.5
        question_bias = ops.einsum("hd,mhd->hm", bias[0], key) * size**-0.5
        project = ops.reshape(ops.cast(out.kernel, dtype), (heads, size, width))
        answer = ops.einsum("lhd,hdw->hlw", value, project)
        answer_bias = ops.einsum("hd,hdw->w", bias[2], project) + ops.cast(out.bias, dtype)
        length = int(embed.shape[0])
        return (
            ops.reshape(question, (length, heads * length)),
            ops.reshape(question_bias, (heads * length,)),
            ops.reshape(answer, (heads * length, width)),
            answer_bias,
        )


def _embedded_attention(model: keras.Model) -> tuple[layers.SelfAttention, keras.layers.Dense] | None:
    """The first attention whose tokens are a linear map of windows short enough, and the layer that embeds them."""
    for attention in model.layers:
        if not isinstance(attention, layers.SelfAttention):
            continue
        source = _producer(model, attention.input)
        while isinstance(source, keras.layers.Dropout):
            source = _producer(model, source.input)
        if isinstance(source, keras.layers.Dense) and source.activation is keras.activations.linear:
            length, width = int(source.input.shape[-1]), int(source.units)
            return (attention, source) if length * attention.heads <= WIDEST * width else None
    return None


def _producer(model: keras.Model, tensor: Any) -> keras.layers.Layer | None:
    """The layer whose answer a tensor is."""
    return next((layer for layer in model.layers if layer.output is tensor), None)
