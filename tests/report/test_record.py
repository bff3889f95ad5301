"""What the report's own files hold, and that they come back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from equigen.metrics.evaluation import Evaluation
from equigen.report.record import write_evaluation, write_paths
from equigen.training.errors import RunFolderError
from tests.report.conftest import Denoising


def test_the_evaluation_comes_back(tmp_path, evaluation):
    write_evaluation(evaluation, tmp_path)
    assert Evaluation.from_dict(json.loads((tmp_path / "evaluation.json").read_text())) == evaluation
    with np.load(tmp_path / "evaluation.npz", allow_pickle=False) as file:
        assert set(file.files) == set(evaluation.pictures)
        assert all(np.array_equal(file[name], evaluation.pictures[name]) for name in file.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "evaluation.npz"]


@pytest.mark.parametrize("steps", [1, 2, 12, 300])
def test_paths_run_from_the_first_noise_to_the_sample(tmp_path, steps):
    write_paths(Denoising(), tmp_path, seed=5, steps=steps, n=2)
    with np.load(tmp_path / "paths.npz", allow_pickle=False) as file:
        images, moments = file["images"], file["steps"].tolist()
    sample = Denoising().sample(2, seed=5, steps=steps)
    assert moments[0] == 0
    assert moments[-1] == steps
    assert moments == sorted(set(moments))
    assert 2 <= len(moments) <= 10
    assert torch.equal(torch.as_tensor(images[-1]), sample)
    assert torch.allclose(torch.as_tensor(images[0]), 50 * sample)


def test_moments_that_show_only_noise_are_passed_over(tmp_path):
    write_paths(Denoising(), tmp_path, seed=5, steps=40)
    with np.load(tmp_path / "paths.npz", allow_pickle=False) as file:
        size = np.sqrt(np.square(file["images"]).mean((1, 2, 3, 4)))
    assert (size[1:] <= 8 * size[-1]).all()


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path, evaluation):
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_evaluation(evaluation, tmp_path / "nowhere")
