"""Products of a sparse matrix with rows of features, as two operations that are each other's derivatives.

The matrix W (n, n) is given by rows: entry e lies in row r(e), column c(e) and has the weight w_e. With H heads, every
head has a matrix of its own on the same places, w (E, H), and features x (n, H, F).

    forth(w, x)_i  =  sum over e in row i of     w_e x_c(e)          W x
    back(w, y)_j   =  sum over e in column j of  w_e y_r(e)          W^T y
    edges(y, x)_e  =  <y_r(e), x_c(e)>                               the derivative by w

Derivatives: d forth = back for x and edges for w; d back = forth for y and edges for w; d edges = forth and back. They
close, so that derivatives of every order exist; of complex numbers, conjugates are taken. The operations are opaque to
torch.compile and take plain tensors.

Without weights all of them are 1 and none is read: 4 bytes for each entry beside the gathered rows.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["edge_products", "row_numbers", "sparse_product"]

_CHUNK = 1 << 22  # numbers of gathered rows that are held at a time
_BAGS = (torch.float32, torch.float16, torch.bfloat16)

with warnings.catch_warnings():  # torch says once that compressed rows are in beta: users can do nothing about it
    warnings.simplefilter("ignore", UserWarning)
    torch.sparse_csr_tensor(
        torch.zeros(1, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), torch.zeros(0), (0, 0)
    )


@torch.library.custom_op("equigen::sparse_product", mutates_args=())
def sparse_product(
    pointer: Tensor,
    columns: Tensor,
    back_pointer: Tensor,
    back_columns: Tensor,
    order: Tensor,
    weights: Tensor | None,
    x: Tensor,
    back: bool,
) -> Tensor:
    """Multiply by the matrix, or by its transpose.

    Args:
        pointer: int32 (n + 1,), where the entries of each row begin.
        columns: int32 (E,), columns of the entries, row by row.
        back_pointer: the same of the transpose.
        back_columns: the same of the transpose.
        order: int64 (E,), the entry of the matrix that each entry of the transpose is.
        weights: (E, H) in the dtype of x, or None where all are 1.
        x: features (n, H, F).
        back: whether to multiply by the transpose.

    Returns:
        (n, H, F).

    Error: that of the sum of a row, in float32 for float32 and shorter dtypes. On a processor m numbers are added one
    after another, an error of at most m 6e-8 of the sum of their sizes: 1e-2 is found for a row of a million weights of
    0.1, and 4e-2 for five million; take float64 for such rows. Results are rounded to the dtype of x: in float16 what
    is beyond 65504 is infinite.

    Example:
        >>> pointer, columns = torch.tensor([0, 0, 1], dtype=torch.int32), torch.tensor([0], dtype=torch.int32)
        >>> back = torch.tensor([0, 1, 1], dtype=torch.int32), torch.tensor([1], dtype=torch.int32)
        >>> x = torch.tensor([[[5.0]], [[7.0]]])                    # node 1 hears node 0
        >>> sparse_product(pointer, columns, *back, torch.tensor([0]), None, x, False).flatten().tolist()
        [0.0, 5.0]
    """
    if back:
        pointer, columns = back_pointer, back_columns
        weights = None if weights is None else weights[order]
    heads = x.shape[1]
    if weights is None:
        return _multiplied(pointer, columns, None, x.flatten(1)).reshape(x.shape)
    if heads == 1:
        return _multiplied(pointer, columns, weights[:, 0], x[:, 0]).reshape(x.shape)
    each = [_multiplied(pointer, columns, weights[:, h].contiguous(), x[:, h].contiguous()) for h in range(heads)]
    return torch.stack(each, dim=1)


def _multiplied(pointer: Tensor, columns: Tensor, weights: Tensor | None, x: Tensor) -> Tensor:
    """Features (n, F) times one matrix, by the fastest kernel that there is for the dtype and the device."""
    n = len(pointer) - 1
    if x.numel() == 0 or len(columns) == 0:
        return x.new_zeros(n, x.shape[1])
    if x.device.type == "cpu" and x.dtype in _BAGS:
        x = x.contiguous()
        return functional.embedding_bag(
            columns, x, pointer, mode="sum", include_last_offset=True, per_sample_weights=weights
        )
    weights = x.new_ones(len(columns)) if weights is None else weights
    return torch.sparse_csr_tensor(pointer, columns, weights, (n, len(x)), check_invariants=False) @ x


@sparse_product.register_fake
def _(pointer, columns, back_pointer, back_columns, order, weights, x, back) -> Tensor:  # noqa: ANN001
    return torch.empty_like(x, memory_format=torch.contiguous_format)


@torch.library.custom_op("equigen::edge_products", mutates_args=())
def edge_products(
    pointer: Tensor,
    columns: Tensor,
    back_pointer: Tensor,
    back_columns: Tensor,
    order: Tensor,
    y: Tensor,
    x: Tensor,
) -> Tensor:
    """Inner products of the features at the two ends of every entry.

    Args:
        pointer: as for `sparse_product`, and so are the next four.
        columns: int32 (E,).
        back_pointer: int32 (n + 1,).
        back_columns: int32 (E,).
        order: int64 (E,).
        y: features of the rows (n, H, F).
        x: features of the columns (n, H, F).

    Returns:
        (E, H).

    Error: that of sums over F numbers.

    Example:
        >>> pointer, columns = torch.tensor([0, 0, 1], dtype=torch.int32), torch.tensor([0], dtype=torch.int32)
        >>> back = torch.tensor([0, 1, 1], dtype=torch.int32), torch.tensor([1], dtype=torch.int32)
        >>> y, x = torch.tensor([[[2.0]], [[3.0]]]), torch.tensor([[[5.0]], [[7.0]]])
        >>> edge_products(pointer, columns, *back, torch.tensor([0]), y, x).tolist()         # y of row 1, x of column 0
        [[15.0]]
    """
    rows = row_numbers(pointer, len(columns))
    out = x.new_empty(len(columns), x.shape[1])
    step = max(1, _CHUNK // max(1, x.shape[1] * x.shape[2]))
    for start in range(0, len(columns), step):
        part = slice(start, start + step)
        out[part] = (y.index_select(0, rows[part]) * x.index_select(0, columns[part])).sum(-1)
    return out


@edge_products.register_fake
def _(pointer, columns, back_pointer, back_columns, order, y, x) -> Tensor:  # noqa: ANN001
    return x.new_empty(columns.shape[0], x.shape[1])


def row_numbers(pointer: Tensor, entries: int) -> Tensor:
    """Give the row of every entry, int32 (E,)."""
    number = torch.arange(len(pointer) - 1, dtype=torch.int32, device=pointer.device)
    return number.repeat_interleave(pointer.diff(), output_size=entries)


def _remember_product(ctx, inputs, output) -> None:  # noqa: ANN001
    *where, weights, x, back = inputs
    ctx.save_for_backward(*where, weights, x)
    ctx.back = back


def _derived_product(ctx, g: Tensor):  # noqa: ANN001, ANN202
    *where, weights, x = ctx.saved_tensors
    by_x = by_weights = None
    if ctx.needs_input_grad[6]:
        by_x = sparse_product(*where, None if weights is None else weights.conj_physical(), g, not ctx.back)
    if weights is not None and ctx.needs_input_grad[5]:
        x = x.conj_physical()
        by_weights = edge_products(*where, x, g) if ctx.back else edge_products(*where, g, x)
    return None, None, None, None, None, by_weights, by_x, None


def _remember_edges(ctx, inputs, output) -> None:  # noqa: ANN001
    ctx.save_for_backward(*inputs)


def _derived_edges(ctx, g: Tensor):  # noqa: ANN001, ANN202
    *where, y, x = ctx.saved_tensors
    by_y = sparse_product(*where, g, x.conj_physical(), False) if ctx.needs_input_grad[5] else None
    by_x = sparse_product(*where, g, y.conj_physical(), True) if ctx.needs_input_grad[6] else None
    return None, None, None, None, None, by_y, by_x


sparse_product.register_autograd(_derived_product, setup_context=_remember_product)
edge_products.register_autograd(_derived_edges, setup_context=_remember_edges)
