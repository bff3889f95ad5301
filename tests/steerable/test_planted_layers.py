"""The conformance suite can fail: for each of its questions, a layer that gives the wrong answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from equigen.groups.plane_groups import Cyclic
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels
from tests.steerable import test_conformance as suite
from tests.steerable.cases.case import Case

FIELDS = FieldType(Cyclic(4), "2x0e")


class Scale(SteerableModule):
    """A sound layer, w x, of which each fault below changes one thing."""

    def __init__(self) -> None:
        super().__init__(FIELDS, FIELDS)
        self.weight = nn.Parameter(torch.tensor([1.5]))

    def forward(self, x: Tensor) -> Tensor:
        check_channels(x, self.in_type, "Scale")
        return self.work(x)

    def work(self, x: Tensor) -> Tensor:
        return self.weight * x

    def plain(self) -> nn.Module:
        conv = nn.Conv2d(2, 2, 1, bias=False)
        conv.weight = nn.Parameter((torch.eye(2) * self.weight.detach().float())[..., None, None])
        return conv


class Lopsided(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x + 1e-9 * x.roll(1, -1)


class Single(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x.float().to(x.dtype)


class Unchecked(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.work(x)


class Untold(Scale):
    def work(self, x: Tensor) -> Tensor:
        return super().work(x)[..., 1:-1, 1:-1]


class Detached(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x / (1 + x.square().mean((1, 2, 3), keepdim=True)).detach()


class LopsidedBackwards(Scale):
    def work(self, x: Tensor) -> Tensor:
        right = torch.ones_like(x)
        right[..., 0] = 0.5
        half = right * x
        return self.weight * (half + (x - half).detach())


class Coupled(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x / x.square().mean().sqrt()


class Rough(Scale):
    def work(self, x: Tensor) -> Tensor:
        eye = torch.eye(x.shape[-1], dtype=x.dtype)
        return self.weight * (torch.matmul(x + 300, eye) - 300).to(x.dtype)


class ModalKeys(Scale):
    def train(self, mode: bool = True) -> ModalKeys:
        if mode:
            self._buffers.pop("kept", None)
        else:
            self.register_buffer("kept", torch.zeros(1))
        return super().train(mode)


class Forgetful(Scale):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.randn(1)

    def work(self, x: Tensor) -> Tensor:
        return self.weight * x * self.hidden.to(x)


class Unkept(Scale):
    """A table that is no buffer and no part of the state, drawn when the layer is built."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(1), persistent=False)

    def work(self, x: Tensor) -> Tensor:
        return self.weight * x * self.table


SHARED = torch.ones(1, dtype=torch.float64)


class Sharing(Scale):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", SHARED, persistent=False)

    def __deepcopy__(self, memo: dict[int, object]) -> Sharing:
        twin = Sharing()
        return twin.to(self.weight.dtype)  # which leaves a table of that type where it is

    def work(self, x: Tensor) -> Tensor:
        return self.weight * x * self.table.to(x)


class Stale(Scale):
    kept: Tensor | None = None

    def work(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = self.weight.detach().clone()
        return self.kept * x


class OtherPlain(Scale):
    def plain(self) -> nn.Module:
        conv = super().plain()
        conv.weight.data *= 1.001
        return conv


class Branching(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x if float(x.sum()) > -1e30 else x


class Unknown(Scale):
    def work(self, x: Tensor) -> Tensor:
        return self.weight * x + 0 * torch.special.bessel_j0(x)


PLANTED = [
    (Lopsided, suite.test_it_is_equivariant, (False,)),
    (Single, suite.test_its_gradient_is_that_of_differences, ()),
    (Unchecked, suite.test_its_types_are_what_it_takes_and_gives, ()),
    (Untold, suite.test_its_types_are_what_it_takes_and_gives, ()),
    (Detached, suite.test_its_gradient_is_that_of_differences, ()),
    (LopsidedBackwards, suite.test_its_gradient_is_equivariant, ()),
    (Coupled, suite.test_items_of_a_batch_do_not_meet, ()),
    (Rough, suite.test_it_runs_under_autocast, ()),
    (ModalKeys, suite.test_its_state_travels, ()),
    (Forgetful, suite.test_its_state_travels, ()),
    (Unkept, suite.test_it_can_be_laid_out_before_its_weights_are_there, ()),
    (Sharing, suite.test_an_average_of_its_buffers_leaves_it_alone, ()),
    (Stale, suite.test_its_numbers_follow_its_weights, ()),
    (OtherPlain, suite.test_it_is_the_plain_module_it_hands_out, ()),
    (Branching, suite.test_it_compiles_in_one_graph, ()),
    (Branching, suite.test_it_is_exported, ()),
    (Unknown, suite.test_it_runs_in_another_runtime, ()),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("fault", "question", "more"), PLANTED, ids=lambda it: getattr(it, "__name__", ""))
def test_each_question_finds_its_fault(fault, question, more):
    with pytest.raises((Exception, pytest.fail.Exception)):
        question(Case("planted", fault, size=(6, 6)), *more)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("question", dict.fromkeys(row[1] for row in PLANTED), ids=lambda it: it.__name__)
def test_a_sound_layer_passes(question):
    case = Case("sound", Scale, size=(6, 6))
    question(case, *([False] if question is suite.test_it_is_equivariant else []))
