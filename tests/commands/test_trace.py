"""``cnntrain trace`` on the worked examples and on a trained network."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cnntrain.commands.trace import TraceOptions, run_trace
from cnntrain.errors import ConfigError, DataError
from cnntrain.text import columns
from cnntrain.views.languages import using

CONFIGS = Path(__file__).parents[2] / "configs"


def traced(capsys, config, **options):
    assert run_trace(config, TraceOptions(**options)) == 0
    return capsys.readouterr().out


def test_the_worked_example_to_the_digit(capsys):
    """The trace has every number of the 2-2-2 sigmoid network (Mazur 2015)."""
    text = traced(capsys, CONFIGS / "worked-2-2-2.yaml")
    for numbers in (
        "0.3775  0.3925", "0.59326999  0.59688438", "1.10590597  1.22492140",
        "0.75136507  0.77292847", "cost       0.29837111", "0.74136507  -0.21707153",
        "0.13849856  -0.03809824", "0.08216704   0.08266763", "0.03635031  0.04137032",
        "0.35891648  0.40866619", "0.51130127  0.56137012", "0.14978072  0.19956143",
        "0.24975114  0.29950229", "C before 0.29837111   after 0.29102777",
    ):  # fmt: skip
        assert numbers in text
    assert text.count("frozen") == 2
    assert max(map(len, text.splitlines())) <= 100


def test_the_worked_convolution(capsys):
    """Output, ∂C/∂W, ∂C/∂b and ∂C/∂input equal the numbers printed by PyTorch."""
    document = json.loads(traced(capsys, CONFIGS / "worked-conv.yaml", as_json=True))
    (step,) = document["steps"]
    (layer,) = step["layers"]
    assert np.squeeze(layer["gives"]["array"]["values"]).tolist() == [[19, 25], [37, 43]]
    gradients = {d["of"]: np.squeeze(d["array"]["values"]).tolist() for d in layer["to_params"]}
    assert gradients == {"conv1.W": [[308, 432], [680, 804]], "conv1.b": 124}
    (to_input,) = layer["to_inputs"]
    expected = [[0, 19, 25], [38, 144, 118], [74, 197, 129]]
    assert np.squeeze(to_input["array"]["values"]).tolist() == expected
    assert layer["formula"]["text"] == "z_f = Σ_c W[f,c] ⋆ a_c + b_f"
    assert layer["formula"]["latex"].startswith("z_f = ")
    assert step["cost_before"] == 2102


def test_one_entry_term_by_term(capsys):
    text = traced(capsys, CONFIGS / "worked-conv.yaml", entries=["conv1.W[0,0,1,1]"])
    assert text.splitlines()[1:] == [
        "    conv1.delta[0,0,0] · input[0,1,1]  = 19 · 4  =  76",
        "  + conv1.delta[0,0,1] · input[0,1,2]  = 25 · 5  = 125",
        "  + conv1.delta[0,1,0] · input[0,2,1]  = 37 · 7  = 259",
        "  + conv1.delta[0,1,1] · input[0,2,2]  = 43 · 8  = 344",
        "  = 804",
    ]


def test_w5_of_the_seed(capsys):
    options = {"entries": ["dense2.W[0,0]"], "as_json": True}
    document = json.loads(traced(capsys, CONFIGS / "worked-2-2-2.yaml", **options))
    (entry,) = document["explained"]
    assert entry["value"] == pytest.approx(0.08216704, abs=5e-9)
    assert entry["sum"] == pytest.approx(entry["value"])


def test_a_checkpoint_goes_on_from_its_step(capsys, fitted):
    folder = fitted(seed=6)  # of which the last epoch is the best
    text = traced(capsys, folder, samples=[2, 0], layers=["dense2"])
    assert text.startswith("small: update 7 on training samples 2, 0, η = 0.1")
    assert "dense1:" not in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": [20]}, "--sample 20: the training samples are 0..19"),
        (
            {"layers": ["dense3"]},
            "--layer dense3: there is no layer of that name; did you mean 'dense1'?",
        ),
    ],
)
def test_what_does_not_exist_is_refused(config_file, options, message):
    with pytest.raises(ConfigError) as caught:
        run_trace(config_file(), TraceOptions(**options))
    assert str(caught.value).startswith(message[:40])


def test_settings_change_the_step_of_a_checkpoint(capsys, fitted):
    folder = fitted()
    text = traced(capsys, folder, settings=["optimizer.sgd.lr=0.25", "schedule=constant"])
    assert "η = 0.25" in text.splitlines()[0]
    text = traced(capsys, folder, settings=["optimizer=adam"], entries=["dense1.ΔW[0,0]"])
    assert "m_hat" in text
    with pytest.raises(ConfigError, match="a trained network is used as it is"):
        run_trace(folder, TraceOptions(settings=["network.0.dense.units=3"]))


def test_the_learning_rate_can_be_given(capsys, fitted):
    assert "η = 0.5" in traced(capsys, fitted(), lr=0.5).splitlines()[0]


def test_a_trained_network_is_traced_where_it_has_something_to_learn(capsys, fitted):
    folder = fitted(train={"epochs": 3})
    texts = {
        word: traced(capsys, folder, samples=[word] if word else [], entries=["loss.delta[0]"])
        for word in ("", "worst", "best", "random")
    }
    assert texts[""] == texts["worst"]
    size = {word: abs(float(text.split("= ")[-1].split()[0])) for word, text in texts.items()}
    assert size["best"] < size["worst"]


def test_the_next_step_of_the_run_stays_available(capsys, fitted):
    text = traced(capsys, fitted(), resume_step=True, layers=["dense2"])
    assert "on training samples" in text.splitlines()[0]


def test_where_nothing_happens_a_warning_says_so(capsys, fitted):
    folder = fitted()
    assert run_trace(folder, TraceOptions(lr=0.0)) == 0
    assert "Warning: η is 0, practically 0" in capsys.readouterr().err
    assert run_trace(folder, TraceOptions(lr=0.1)) == 0
    assert "Warning" not in capsys.readouterr().err


@pytest.mark.parametrize("config", ["spirals", "sine", "xor", "digits", "digits-residual"])
def test_every_trace_fits_the_page(capsys, config):
    text = traced(capsys, CONFIGS / f"{config}.yaml")
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[-1].startswith("C before ")


ENGLISH_WORDS = re.compile(r"\b(?!log )[a-z]{2,} [a-z]{2,}")


@pytest.mark.parametrize("config", ["sine", "digits-residual", "worked-2-2-2"])
def test_the_same_trace_in_chinese(capsys, config):
    english = traced(capsys, CONFIGS / f"{config}.yaml")
    with using("zh"):
        text = traced(capsys, CONFIGS / f"{config}.yaml")
    assert max(map(columns, text.splitlines())) <= 100
    for word in ("前向传播", "损失", "反向传播", "参数更新", "学习率", "的逐步计算"):
        assert word in text
    assert not [line for line in text.splitlines() if ENGLISH_WORDS.search(line)]
    numbers = [re.findall(r"-?\d+\.\d+", told) for told in (english, text)]
    assert numbers[0] == numbers[1]


def test_one_entry_in_chinese(capsys):
    entries = ("conv1.W[0,0,1,1]", "conv1.z[0,0,0]", "loss.delta[0,0,0]")
    with using("zh"):
        text = traced(capsys, CONFIGS / "worked-conv.yaml", entries=entries)
    assert "conv1.W[0,0,1,1] 处的 ∂C/∂W:" in text
    assert "conv1.z[0,0,0] (conv2d，前向传播)" in text
    assert not ENGLISH_WORDS.search(text)


def test_the_verdict_and_the_warnings_in_chinese(capsys, fitted):
    with using("zh"):
        text = traced(capsys, fitted(loss="cross_entropy"), lr=0.0)
    assert re.search(r"预测为 \w+（概率 [\d.]+ %），实际为 \w+", text)
    assert run_trace(CONFIGS / "worked-conv.yaml", TraceOptions(lr=0.0)) == 0
    assert "practically 0" in capsys.readouterr().err
    with using("zh"):
        assert run_trace(CONFIGS / "worked-conv.yaml", TraceOptions(lr=0.0)) == 0
    assert "警告：学习率 η 为 0，几乎等于 0" in capsys.readouterr().err


def test_a_page_takes_the_place_of_the_text(capsys, config_file, tmp_path):
    html = tmp_path / "page.html"
    assert run_trace(config_file(), TraceOptions(html=html)) == 0
    told = capsys.readouterr()
    assert told.out == ""
    size = html.stat().st_size
    assert told.err == f"{html}: {size / 1000:.0f} kB; open it in a browser\n"
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_can_be_made_beside_the_document(capsys, config_file, tmp_path):
    options = {"html": tmp_path / "page.html", "as_json": True}
    assert json.loads(traced(capsys, config_file(), **options))["name"] == "small"
    assert options["html"].is_file()


def test_without_the_extra_no_page_is_begun(config_file, tmp_path, monkeypatch):
    from cnntrain.views.trace import page

    monkeypatch.setattr(page, "NEEDED", ("no_such_package",))
    with pytest.raises(DataError, match=r"pip install 'cnntrain\[report\]'"):
        run_trace(config_file(), TraceOptions(html=tmp_path / "page.html"))
    assert not (tmp_path / "page.html").exists()
