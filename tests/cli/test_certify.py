"""`equigen certify`: of runs that generate, and of networks of the user's own."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

from equigen.cli.certified import certified_run
from equigen.cli.foreign import foreign, foreign_code, is_foreign
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.theorem.certificate import ModelCertificate
from equigen.training.errors import ConfigError
from tests.cli.conftest import require_one_sentence
from tests.report.certificates import certificate

_FOUND_WHEN_RUN = ("2, 8, 8", "--shape 1,28,28 at the command line", "or a shape of more pixels")

NETS = """
    import torch
    from torch import nn

    print("words at import")


    class Sound(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Conv2d(1, 3, 1), nn.SiLU(), nn.AvgPool2d(2), nn.Conv2d(3, 1, 1))


    class Tilted(nn.Module):
        def __init__(self, factor: float = 2.0):
            super().__init__()
            self.factor = factor
            self.soft = nn.SiLU()

        def forward(self, x):
            return self.soft(x) * torch.linspace(1.0, self.factor, x.shape[-1], dtype=x.dtype)


    class Wide(nn.Module):
        def __init__(self, width, *, depth):
            super().__init__()


    class Inner:
        net = Sound()


    def made():
        print("words when built")
        return Tilted(3.0)


    def failing():
        raise RuntimeError("no weights here")


    def leaving():
        raise SystemExit(3)


    class Leaving(nn.Module):
        def forward(self, x):
            raise SystemExit(3)


    class Doubling(nn.Module):
        def forward(self, x):
            return torch.cat([x, x])


    class Two(nn.Module):
        def forward(self, x):
            return {"map": x.relu(), "row": x[:, 0, 3, :3]}


    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2)


    class Infinite(nn.Module):
        def forward(self, x):
            return x / 0


    class Adding(nn.Module):
        def forward(self, x):
            return x + "one"


    number = 3
"""


@pytest.fixture
def nets(equigen, tmp_path):
    """The name of a module in the current folder."""
    name = f"nets_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(NETS))
    yield name
    sys.modules.pop(name, None)


# --- networks of the user's own


def test_a_sound_network_of_ones_own_holds(equigen, nets):
    done = equigen("certify", f"{nets}:Sound", "--group", "C4", "--shape", "1,8,8", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)  # what the module prints is no part of it
    assert "words at import" in done.err
    assert found.pop("module") == f"{nets}:Sound"
    assert found.pop("files") == []
    assert Certificate.from_dict(found).holds
    assert found["group"] == "C4"
    assert found["shape"] == [1, 8, 8]


@pytest.mark.parametrize("name", ["Tilted", "made"])
def test_a_network_that_breaks_the_group_ends_in_exit_code_1(equigen, nets, tmp_path, name):
    done = equigen("certify", f"{nets}:{name}", "--group", "C4", "--shape", "1,8,8", "--out", "told")
    assert done.code == 1, done.err
    assert "broken" in done.out
    assert done.out.splitlines()[-1] == "told/certificate.html: open it in a browser."
    written = json.loads((tmp_path / "told" / "certificate.json").read_text())
    assert not Certificate.from_dict(written).holds
    assert "does not hold" in (tmp_path / "told" / "certificate.html").read_text(encoding="utf-8")


def test_each_of_several_results_counts(equigen, nets):
    done = equigen("certify", f"{nets}:Two", "--group", "C4", "--shape", "1,8,8")
    assert done.code == 1, done.err
    assert done.out.splitlines()[0].startswith("What C4 promises on pixels is broken by what lies between the layers: ")
    assert "invariance of the whole (result 2 of 2, row) under the motions of the grid in C4, float64" in done.out


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("Wide", 1, "needs arguments (width, depth)"),
        ("Sonud", 2, "did you mean Sound?"),
        ("number", 1, "is of type int"),
        ("failing", 1, "RuntimeError: no weights here"),
        ("leaving", 1, "cannot be built: SystemExit: 3"),
        ("Inner.nothing", 2, "has no 'Inner.nothing'"),
        ("Leaving", 1, "leaves the program when it is run (3)"),
        ("Doubling", 1, "gives (8, 1, 8, 8) for 4 images"),
        ("Adding", 1, "Adding refuses images (4, 1, 8, 8)"),
        ("Adding", 1, "give the shape that it takes"),
        ("Tokens", 1, "y.reshape(len(y), -1, 8, 8), or to numbers that stay, y.reshape(len(y), -1, 1, 1)"),
        ("Infinite", 1, "at the command line, where it is given standard normal numbers, wrap it"),
    ],
)
def test_what_cannot_be_built_is_answered_in_a_sentence(equigen, nets, name, code, words):
    done = equigen("certify", f"{nets}:{name}", "--group", "C4", "--shape", "1,8,8")
    assert done.code == code
    require_one_sentence(done)
    assert words in done.complaint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import torch\nx = = 3\n", "SyntaxError"),
        ("import surely_not_there\n", "No module named 'surely_not_there'"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise SystemExit\n", "SystemExit"),
    ],
)
def test_a_module_that_cannot_be_imported_is_answered_in_a_sentence(equigen, tmp_path, text, words):
    name = f"bad_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(text)
    done = equigen("certify", f"{name}:Net", "--group", "C4", "--shape", "1,8,8")
    assert done.code == 1
    require_one_sentence(done)
    assert f"{name} cannot be imported" in done.complaint
    assert words in done.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["surely.not:There", "--group", "C4", "--shape", "1,8,8"], "there is no module 'surely'"),
        (["NETS:Sound", "--shape", "1,8,8"], "--group C4"),
        (["NETS:Sound", "--group", "C4"], "--shape 1,28,28"),
        (["NETS:Sound", "--group", "C4", "--shape", "8,8"], "--shape 1,28,28"),
        (["NETS:Sound", "--group", "C4", "--shape", "1,0,8"], "--shape 1,28,28"),
        (["NETS:Sound", "--group", "E8", "--shape", "1,8,8"], "'E8' is no group of the plane"),
        (["NETS:Sound", "--group", "C4", "--shape", "2,8,8"], "2, 8, 8"),
        (["NETS:Sound", "--group", "C4", "--shape", "1,100000,100000"], "--shape 1,28,28 at the command line"),
        (["NETS:Sound", "--group", "C4", "--shape", "1,8," + "9" * 5000], "--shape 1,28,28"),
        (["NETS:Sound", "--group", "C4", "--shape", "1,1,1"], "or a shape of more pixels"),
        (["NETS:Sound", "--group", "C4", "--shape", "1,8,8", "--guidance", "2"], "is for a run with conditions"),
        (["runs/none", "--group", "C4", "--shape", "1,8,8"], "a run knows its own"),
    ],
)
def test_a_command_line_that_does_not_fit_is_refused(equigen, nets, words, complaint):
    done = equigen("certify", *[word.replace("NETS", nets) for word in words])
    assert done.code == (1 if complaint in _FOUND_WHEN_RUN else 2)
    require_one_sentence(done)
    assert complaint in done.complaint


def test_the_current_folder_is_importable_inside_the_block_only(nets):
    before = list(sys.path)
    with foreign_code():
        assert sys.path != before
        first, second = foreign(f"{nets}:Sound"), foreign(f"{nets}:Sound")
    assert sys.path == before
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all((a == b).all() for a, b in pairs)  # weights that are drawn follow from an address
    assert first is not second


def test_the_network_itself_may_be_named(nets):
    with foreign_code():
        assert foreign(f"{nets}:Inner.net") is sys.modules[nets].Inner.net
        with pytest.raises(ConfigError, match="names no network"):
            foreign(nets)


def test_a_folder_is_no_network(equigen, tmp_path):
    assert is_foreign("a.b:C.d")
    (tmp_path / "a:b").mkdir()
    assert not any(map(is_foreign, ("a:b", "a", "a/b:c", "a.b:", ":c", "a:3")))


# --- runs


@pytest.fixture
def stubbed(monkeypatch):
    """What a run's model is asked, answered by a certificate made up by hand."""
    asked = []

    def answer(kind):
        def measured(model, action, x=None, **given):
            asked.append((action, x, given))
            return certificate(kind)

        monkeypatch.setattr("equigen.symmetry.theorem.certifying.certify_model", measured)
        return asked

    return answer


@pytest.mark.parametrize(("kind", "code"), [("exact", 0), ("broken", 1)])
def test_a_run_that_generates_is_held_to_the_group_that_is_named(equigen, run, stubbed, kind, code):
    asked = stubbed(kind)
    done = equigen("certify", run, "--group", "D4", "--items", "5", "--json")
    assert done.code == code, done.err
    ((action, x, given),) = asked
    assert action.group.name == "D4"
    assert x.shape == (5, 1, 8, 8)
    assert given == {"guidance": 1.0}
    found = json.loads(done.out)
    assert (found["verdict"], found["holds"]) == (kind, code == 0)
    written = json.loads((run / "certificate.json").read_text())
    assert ModelCertificate.from_dict(written) == certificate(kind)
    assert found["files"] == [str(run / "certificate.json"), str(run / "certificate.html")]
    report = equigen("report", run)
    assert report.code == 0, report.err
    assert 'href="certificate.html"' in (run / "report.html").read_text(encoding="utf-8")


def test_a_certificate_may_be_written_elsewhere(equigen, run, stubbed, tmp_path):
    stubbed("exact")
    done = equigen("certify", run, "--group", "C4", "--items", "40", "--out", "elsewhere")
    assert done.code == 0, done.err
    assert done.out == f"{certificate('exact')}\nelsewhere/certificate.html: open it in a browser.\n"
    assert not (run / "certificate.json").exists()
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["certificate.html", "certificate.json"]


def test_a_run_without_a_symmetry_needs_the_name_of_a_group(equigen, run):
    done = equigen("certify", run)
    assert done.code == 1
    require_one_sentence(done)
    assert "--group C4" in done.complaint
    assert not (run / "certificate.json").exists()


@pytest.mark.parametrize("items", ["1", "513", "few"])
def test_a_number_of_items_that_is_none_is_refused(equigen, run, items):
    done = equigen("certify", run, "--group", "C4", "--items", items)
    assert done.code == 2
    assert items in done.complaint


def test_a_model_is_certified_on_sixteen_items_at_most(run, stubbed):
    asked = stubbed("exact")
    certified_run(run, group="C4", items=200)
    assert len(asked[0][1]) == min(16, 12)  # of 48 digits 12 are held out


def test_a_run_without_conditions_has_no_guidance(equigen, run):
    done = equigen("certify", run, "--group", "C4", "--guidance", "2")
    assert done.code == 2
    require_one_sentence(done)
    assert "without labels or values" in done.complaint


def test_guidance_reaches_what_is_certified(run, stubbed, monkeypatch):
    asked = stubbed("exact")
    monkeypatch.setattr("equigen.cli.sampling.require_guidable", lambda model, guidance: None)
    certified_run(run, group="C4", guidance=3.0)
    assert asked[0][2] == {"guidance": 3.0}
