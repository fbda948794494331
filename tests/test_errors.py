"""What other libraries' exceptions say, in a message of ours; some say nothing at all."""

from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from summ_collapse.errors import InputError, first_line
from summ_collapse.recipe.resolve import Reference, resolve


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(), "OSError"), (ValueError("\n one\ntwo"), "one"), (KeyError("x"), "'x'"), (OSError(" \n"), "OSError")],
)
def test_the_first_line_or_else_the_type(error: Exception, told: str) -> None:
    assert first_line(error) == told


def test_a_hub_that_fails_without_a_word_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(HfApi, "model_info", fail)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="model some/model: no such local path, and the hub cannot resolve it: ConnectionError"):
        resolve(Reference("base.model", "model", "some/model", None), {})


def test_a_model_that_fails_without_a_word_is_told() -> None:
    from summ_collapse.models.loading import ModelSource, _named

    with pytest.raises(InputError, match="model 'some/model' cannot be loaded: OSError"), _named(ModelSource("some/model")):
        raise OSError
