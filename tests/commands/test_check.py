"""The checks before a training: verdicts, exit codes, and nothing written by a dry run."""

import pytest

from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.errors import ConfigError, ExitCode

DIGITS = {
    "data": {"source": "digits", "normalize": "unit"},
    "network": ["flatten", {"dense": {"units": 10}}],
    "train": {"epochs": 1, "batch_size": 16},
}


def test_a_sound_config_is_tested_and_then_trained(config_file, tmp_path, capsys):
    options = FitOptions(out=tmp_path / "run", quiet=True, check=True)
    assert run_fit(config_file(**DIGITS), options) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines[:7]] == ["ok  "] * 7
    assert lines[-1] == "all checks passed"
    assert (tmp_path / "run" / "summary.json").is_file()


def test_a_failed_check_names_a_remedy_and_trains_nothing(config_file, tmp_path, capsys):
    slow = {**DIGITS, "optimizer": {"sgd": {"lr": 1e-9}}}
    options = FitOptions(out=tmp_path / "run", quiet=True, check=True)
    assert run_fit(config_file(**slow), options) == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "FAIL  overfits two batches  loss " in shown
    assert "-> optimizer.sgd.lr: 0.1 (a higher learning rate; tried: fits them in " in shown
    assert shown.endswith("1 failed: not trained\n")
    assert not (tmp_path / "run").exists()


def test_a_dry_run_writes_nothing(config_file, empty_folder, capsys):
    before = set(empty_folder.rglob("*"))
    path = config_file(**DIGITS)
    assert run_fit(path, FitOptions(dry_run=True)) == ExitCode.DONE
    shown = capsys.readouterr().out
    assert "2 layers, 650 parameters, (1, 8, 8) -> (10,)" in shown
    assert "train 1,438, test 359" in shown
    assert f"cnntrain fit {path}" in shown
    assert set(empty_folder.rglob("*")) - before == {path}


def test_a_dry_run_finds_what_does_not_fit(config_file):
    wrong = {**DIGITS, "network": ["flatten", {"dense": {"units": 9}}]}
    with pytest.raises(ConfigError, match="10 classes"):
        run_fit(config_file(**wrong), FitOptions(dry_run=True))


def test_check_and_dry_run_together_only_test(config_file, empty_folder, capsys):
    options = FitOptions(check=True, dry_run=True)
    assert run_fit(config_file(**DIGITS), options) == ExitCode.DONE
    assert "all checks passed" in capsys.readouterr().out
    assert not (empty_folder / "runs").exists()
