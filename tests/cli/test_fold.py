"""``cnntrain fit --fold i/k``: cross-validation, one part at a time."""

import json

import pytest
import yaml
from click.testing import CliRunner

from cnntrain.cli import main
from cnntrain.errors import ConfigError


@pytest.fixture
def fit(config_file, tmp_path):
    """``fit(*options)``: what click says about the command with such options."""

    def run(*options):
        command = ["fit", str(config_file()), "--out", str(tmp_path / "run"), "-q", *options]
        return CliRunner().invoke(main, command)

    return run


def test_a_fold_is_held_out_and_written_down(fit, tmp_path):
    result = fit("--fold", "2/4")
    assert result.exit_code == 0
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert saved["data"]["fold"] == "2/4"
    first, *_ = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert "val/accuracy" in json.loads(first)


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        ("3/2", "--set data.fold=3/2: fold 3/2: write it as i/k with 1 <= i <= k and"),
        ("0/2", "--set data.fold=0/2: "),
        ("two", "--set data.fold=two: "),
        ("2", "--set data.fold=2: "),
    ],
)
def test_a_fold_that_is_none_is_a_config_error(fit, tmp_path, fold, message):
    result = fit("--fold", fold)
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(message)
    assert not (tmp_path / "run").exists()
