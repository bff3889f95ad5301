"""The range of noise that is derived from the data, against the exact divergence of Gaussians."""

import pytest
import torch

from equigen.diffusion.noise_range import largest_noise


def divergence(c, sigma):
    """KL of N(0, C + sigma^2) from N(0, 1 + sigma^2), by the eigenvalues of C."""
    ratio = (c + sigma**2) / (1 + sigma**2)
    return float(0.5 * (ratio - 1 - torch.log(ratio)).sum())


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
@pytest.mark.parametrize("leading", [20.0, 60.0])
def test_the_prior_is_within_the_tolerance(leading, tolerance):
    d = 64
    c = torch.full((d,), (d - leading) / (d - 1), dtype=torch.float64)
    c[0] = leading
    signs = (torch.randint(0, 2, (2048, d), generator=torch.Generator().manual_seed(0)) * 2 - 1).double()
    q, _ = torch.linalg.qr(signs - signs.mean(0))
    x = q * (2048 * c).sqrt()  # the sample covariance is exactly diag(c)
    sigma = largest_noise(x, tolerance)
    assert sigma > 10
    assert divergence(c, sigma) == pytest.approx(tolerance, rel=0.2)
    assert divergence(c, 0.8 * sigma) > 2 * tolerance  # the control: less noise is not enough


def test_both_products_agree_and_shape_does_not_matter():
    x = torch.randn(40, 60, generator=torch.Generator().manual_seed(0)).cumsum(1)
    x = (x - x.mean(0)) / x.std(0)
    wide, tall = largest_noise(x), largest_noise(torch.cat([x, x]))
    assert wide == pytest.approx(tall, rel=1e-6)
    assert largest_noise(x.reshape(40, 3, 4, 5)) == pytest.approx(wide, rel=1e-12)
    assert largest_noise(x + 5.0) == pytest.approx(wide, rel=1e-5)


def test_isotropic_data_need_the_least_and_one_item_is_refused():
    assert largest_noise(torch.randn(2048, 8, generator=torch.Generator().manual_seed(0))) == 10.0
    with pytest.raises(ValueError, match="two or more"):
        largest_noise(torch.zeros(1, 3))
