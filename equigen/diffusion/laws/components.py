"""The components of a Gaussian mixture seen through a kernel: N(alpha m_k, V_k) with V_k = alpha^2 C_k + sigma^2.

Each covariance is kept as its spectrum, one number (isotropic), one a coordinate (diagonal), or one an eigenvector
(full), so that V_k is inverted at every alpha and sigma without a new factorisation. All arithmetic is in float64,
whatever the dtype of the points; pairs of points and components are worked on in blocks of bounded size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

__all__ = ["Components"]

_BLOCK = 1 << 22  # numbers in one working array: 32 MiB in float64
_ROWS = 64  # points that are worked on together, if the components fill a block
_WIDE = 32  # dimension above which distances are taken by a matrix product


class Components(nn.Module):
    """Weighted normal components over flat points, at any level of noise.

    Points are (B, d); the kernel's numbers `alpha` and `sigma` are float64, () or (B,). Results are float64.

    Args:
        log_weights: ln w_k, float64 (K,).
        means: (K, d), of any floating type; they are converted in blocks.
        values: eigenvalues of the covariances, float64 (K, 1) if isotropic, else (K, d); not negative.
        vectors: eigenvectors as columns (K, d, d), float64; None where the coordinates are the eigenvectors.

    Error: a few units in the last place of float64. Isotropic components in more than 32 dimensions take
    |x - alpha m|^2 from a matrix product: their log densities err by 1e-16 (|x|^2 + |alpha m|^2) / V.

    Example:
        >>> one = Components(torch.zeros(1), torch.zeros(1, 2), torch.ones(1, 1, dtype=torch.float64))
        >>> one.score(torch.tensor([[2.0, 4.0]]), torch.tensor(1.0), torch.tensor(1.0)).tolist()   # -x / 2
        [[-1.0, -2.0]]
    """

    log_weights: Tensor
    means: Tensor
    values: Tensor
    vectors: Tensor | None

    def __init__(self, log_weights: Tensor, means: Tensor, values: Tensor, vectors: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("log_weights", log_weights)
        self.register_buffer("means", means)
        self.register_buffer("values", values)
        self.register_buffer("vectors", vectors)

    def diffused(self, alpha: Tensor, sigma: Tensor) -> Components:
        """The components of alpha x_0 + sigma z, for one alpha and sigma."""
        values = alpha**2 * self.values + sigma**2
        means = self.means if alpha == 1.0 else alpha * self.means.double()
        return Components(self.log_weights, means, values, self.vectors)

    def drawn(self, component: Tensor, z: Tensor) -> Tensor:
        """Points of the components numbered (n,): m + sqrt(C) z for standard normals z, float64 (n, d)."""
        scaled = self.values[component].sqrt() * z
        if self.vectors is not None:
            rows = max(1, _BLOCK // self.vectors[0].numel())
            pairs = zip(component.split(rows), scaled.split(rows), strict=True)
            scaled = torch.cat([(self.vectors[k] * some[:, None]).sum(-1) for k, some in pairs])
        return self.means[component].double() + scaled

    def log_joint(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """ln w_k + ln N(x; alpha m_k, V_k), (B, K)."""
        return self._by_rows(Components._log_joint, x, alpha, sigma)

    def log_density(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The log density of the mixture, (B,)."""
        return self._by_rows(lambda own, *given: own._log_joint(*given).logsumexp(1), x, alpha, sigma)

    def responsibilities(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The posterior probability of each component given the point, (B, K)."""
        return self._by_rows(Components._responsibilities, x, alpha, sigma)

    def scores(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """V_k^-1 (alpha m_k - x) of each component, (B, K, d)."""
        x, alpha, sigma = self._given(x, alpha, sigma)
        return -self._back(self._offset(x, alpha) / self._variance(alpha, sigma))

    def score(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The gradient of the log density, the sum of r_k V_k^-1 (alpha m_k - x), (B, d)."""
        return self._by_rows(lambda own, *given: own._summed(Components._pull, *given), x, alpha, sigma)

    def denoised(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x], the sum of r_k (m_k + alpha C_k V_k^-1 (x - alpha m_k)), (B, d)."""
        return self._by_rows(lambda own, *given: own._summed(Components._posterior_mean, *given), x, alpha, sigma)

    def posterior_covariance(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Cov[x_0 | x] (B, d, d): the mean of the components' posterior covariances and the covariance of their means.

        Source: the law of total covariance; of a component, C - alpha^2 C V^-1 C = sigma^2 C V^-1.
        """
        rows = max(1, _BLOCK // (len(self.log_weights) * self.means.shape[1] ** 2))
        return self._by_rows(Components._posterior_covariance, x, alpha, sigma, rows=rows)

    # --- blocks

    def _given(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The points in float64, alpha and sigma as (B, 1) or (1, 1)."""
        d = self.means.shape[1]
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(
                f"items have {x[0].numel()} numbers each, but those of the law have {d}: give (B, *shape)."
            )
        return x.double(), alpha.double().reshape(-1, 1), sigma.double().reshape(-1, 1)

    def _by_rows(self, f: Callable[..., Tensor], x: Tensor, *numbers: Tensor, rows: int | None = None) -> Tensor:
        """f(self, x, alpha, sigma) for some rows of the points at a time."""
        x, alpha, sigma = self._given(x, *numbers)
        count = len(self.log_weights)
        rows = rows or max(1, min(_BLOCK // count, max(_ROWS, _BLOCK // (count * self._width))))
        return torch.cat(
            [
                f(self, x[k : k + rows], *(n if len(n) == 1 else n[k : k + rows] for n in (alpha, sigma)))
                for k in range(0, max(len(x), 1), rows)
            ]
        )

    def _parts(self, rows: int, size: int) -> Iterator[tuple[slice, Components]]:
        """Runs of the components, so few that `size` numbers for each pair with a row fit a block."""
        count = len(self.log_weights)
        length = max(1, min(_BLOCK // max(rows * size, 1), _BLOCK // self.means.shape[1]))
        if length >= count and self.means.dtype == torch.float64:
            yield slice(None), self
            return
        for k in range(0, count, length):
            some = slice(k, k + length)
            vectors = None if self.vectors is None else self.vectors[some]
            yield some, Components(self.log_weights[some], self.means[some].double(), self.values[some], vectors)

    @property
    def _isotropic(self) -> bool:
        return self.values.shape[1] == 1

    @property
    def _wide(self) -> bool:
        return self._isotropic and self.means.shape[1] > _WIDE

    @property
    def _width(self) -> int:
        """Numbers that a pair of a point and a component takes."""
        return 1 if self._wide else self.means.shape[1]

    # --- of one block; alpha and sigma are (B, 1) or (1, 1)

    def _variance(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Eigenvalues of V_k, (B or 1, K, d or 1)."""
        return alpha[..., None] ** 2 * self.values.double() + sigma[..., None] ** 2

    def _offset(self, x: Tensor, alpha: Tensor) -> Tensor:
        """x - alpha m_k in the eigenvectors of C_k, (B, K, d)."""
        offset = x[:, None] - alpha[..., None] * self.means.double()
        return offset if self.vectors is None else torch.einsum("bki,kij->bkj", offset, self.vectors.double())

    def _back(self, y: Tensor) -> Tensor:
        """From the eigenvectors of C_k to the coordinates."""
        return y if self.vectors is None else torch.einsum("bkj,kij->bki", y, self.vectors.double())

    def _log_joint(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        parts = self._parts(len(x), self._width)
        return torch.cat([part._log_joint_of_part(x, alpha, sigma) for _, part in parts], dim=1)

    def _log_joint_of_part(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        variance, d = self._variance(alpha, sigma), x.shape[1]
        volume = torch.log(2.0 * math.pi * variance).sum(-1) * (d / variance.shape[-1])
        if self._wide:
            product, squares = x @ self.means.T, x.square().sum(1, keepdim=True)
            square = squares - 2.0 * alpha * product + alpha**2 * self.means.square().sum(1)
            distance = square / variance[..., 0]
        else:
            distance = (self._offset(x, alpha).square() / variance).sum(-1)
        return self.log_weights - 0.5 * (distance + volume)

    def _responsibilities(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.softmax(self._log_joint(x, alpha, sigma), dim=1)

    def _summed(self, f: Callable[..., Tensor], x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The sum over the components of what f(part, responsibilities, x, alpha, sigma) gives for its part."""
        shares = self._responsibilities(x, alpha, sigma)
        total = torch.zeros_like(x)
        for some, part in self._parts(len(x), 1 if self._isotropic else self._width):
            total = total + f(part, shares[:, some], x, alpha, sigma)
        return total

    def _pull(self, share: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        variance = self._variance(alpha, sigma)
        if self._isotropic:
            strength = share / variance[..., 0]
            return alpha * (strength @ self.means) - strength.sum(1, keepdim=True) * x
        return -self._back(share[..., None] * self._offset(x, alpha) / variance).sum(1)

    def _posterior_mean(self, share: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        variance = self._variance(alpha, sigma)
        gain = alpha[..., None] * self.values / variance
        if self._isotropic:
            own = share * sigma**2 / variance[..., 0]  # 1 - alpha gain, without the cancellation
            return own @ self.means + (share * gain[..., 0]).sum(1, keepdim=True) * x
        return share @ self.means + self._back(share[..., None] * gain * self._offset(x, alpha)).sum(1)

    def _posterior_covariance(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        shares, d = self._responsibilities(x, alpha, sigma), x.shape[1]
        middle = self._summed(Components._posterior_mean, x, alpha, sigma)
        total = torch.zeros(len(x), d, d, dtype=x.dtype, device=x.device)
        for some, part in self._parts(len(x), d if self.vectors is None else d * d):
            share, variance = shares[:, some, None], part._variance(alpha, sigma)
            mean = part.means + part._back(alpha[..., None] * part.values / variance * part._offset(x, alpha))
            between = share.sqrt() * (mean - middle[:, None])
            within = share * sigma[..., None] ** 2 * part.values / variance
            if part.vectors is None:
                total = total + torch.diag_embed(within.sum(1).expand(-1, d))
            else:
                vectors = part.vectors.double()
                total = total + torch.einsum("bkj,kij,klj->bil", within, vectors, vectors)
            total = total + between.mT @ between
        return total
