"""Reports and plots of real runs: every section is there, with the right metrics in it."""

import base64
import html
import json
import re
import shutil
import sys

import numpy as np
import pytest

from cnntrain.commands.eval import EvalOptions, run_eval
from cnntrain.commands.fit import FitOptions, run_fit
from cnntrain.commands.plot import run_plot
from cnntrain.commands.report import run_report
from cnntrain.errors import ConfigError, DataError, WriteError
from cnntrain.views.languages import using
from cnntrain.views.report.curves import _look
from cnntrain.views.report.evaluation import Mistake
from cnntrain.views.report.page import _caption, lettered, png, svg
from cnntrain.views.report.pictures import confusion_picture, history_picture, image_grid
from cnntrain.views.trace.page import FOLDER

pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
pytest.importorskip("jinja2", reason="the page needs the extra 'report'")

DIGITS = {
    "data": {"source": "digits", "normalize": "unit", "validation": 0.1},
    "network": [
        {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}},
        "flatten",
        {"dense": {"units": 10}},
    ],
    "train": {"epochs": 2, "batch_size": 64},
}


def page_of(out):
    return html.unescape(out.read_text(encoding="utf-8"))


def pictures(page):
    """{alt: (media type, content)} of all images."""
    found = re.findall(r'<img src="data:([^;]+);base64,([^"]+)" alt="([^"]*)"', page)
    return {alt: (media, base64.b64decode(content)) for media, content, alt in found}


def test_a_page_of_one_run(fitted, tmp_path, capsys):
    run, out = fitted(**DIGITS, log={"stats": 5}), tmp_path / "report.html"
    assert run_report([run], out, None) == 0
    assert capsys.readouterr().out.strip() == str(out)
    page = page_of(out)
    for section in ("Results", "Learning curves", "Config", "Environment", "Run it again"):
        assert f"{section}</h2>" in page
    made = pictures(page)
    starts = ("Learning curves. run: val/accuracy goes from", "Confusion matrix: most often, ",
              "24 wrongly classified samples; the most confident one, test sample", "Filters",
              "Outputs of relu1", "A small panel for each of 2 weight arrays")  # fmt: skip
    assert len(made) == len(starts)
    assert all(any(alt.startswith(start) for alt in made) for start in starts)
    assert page.count('<source media="(prefers-color-scheme: dark)"') == len(made)
    headline = page.index('class="headline"')
    assert headline < page.index("Results</h2>")
    assert "val/accuracy 74" in page[headline : headline + 400]
    assert "guessing gives" in page[headline : headline + 400]
    for media, content in made.values():
        assert content.startswith(b"\x89PNG" if media == "image/png" else b"<?xml")
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[1])
    assert f"{100 * line['val/accuracy']:.2f}%" in page
    assert "359 samples of the test split" in page
    assert "all epochs done" in page
    assert "filters: 4" in page


def test_the_page_has_the_policy_of_the_pages_of_traces(fitted, tmp_path):
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*">')
    (of_traces,) = policy.findall((FOLDER / "page.html").read_text())
    run_report([fitted()], tmp_path / "report.html", None)
    assert policy.findall((tmp_path / "report.html").read_text()) == [of_traces]
    assert "default-src 'none'" in of_traces


def test_the_page_needs_no_network_and_runs_nothing(fitted, tmp_path):
    out = tmp_path / "report.html"
    run_report([fitted(**DIGITS)], out, None)
    page = out.read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_several_runs_side_by_side(fitted, tmp_path, config_file):
    one = fitted(seed=1)
    two = one.rename(tmp_path / "other")
    one = fitted(seed=2, optimizer={"sgd": {"lr": 0.5}})
    out = tmp_path / "report.html"
    run_report([one, two], out, None)
    page = page_of(out)
    assert re.search(r"<code>seed</code></th><td><code>2</code></td><td><code>1</code>", page)
    assert re.search(r"<code>optimizer.sgd.lr</code></th><td><code>0.5</code></td><td>", page)
    assert page.count('<h2 id="run-') == 2
    assert "Not recorded. With" in page  # no log.stats


def test_a_regression_has_no_classes(fitted, tmp_path):
    run = fitted(
        data={"source": "synthetic", "problem": "sine", "n": 30, "n_test": 10},
        network=[{"dense": {"units": 1}}],
        loss="squared_error",
    )
    out = tmp_path / "report.html"
    run_report([run], out, None)
    first, second = pictures(page_of(out))
    assert first.startswith("Learning curves")
    assert second.startswith("Predicted against true: points near the diagonal are right. R² ")


def test_a_diverged_run_says_so_first(config_file, tmp_path):
    path = config_file(optimizer={"sgd": {"lr": 1e30}}, loss="squared_error")
    assert run_fit(path, FitOptions(out=tmp_path / "run", quiet=True)) == 3
    run_report([tmp_path / "run"], tmp_path / "report.html", None)
    page = page_of(tmp_path / "report.html")
    assert page.index("Diverged: ") < page.index("Results</h2>")
    assert 'class="headline warning"' in page


def test_two_inputs_have_a_decision_boundary(fitted, tmp_path):
    run_report([fitted()], tmp_path / "report.html", None)
    made = pictures(page_of(tmp_path / "report.html"))
    assert any("plane of the two inputs" in alt for alt in made)


def test_thirty_layers_get_thirty_panels():
    numbers = {"norm": 1.0, "gradient_norm": 0.1, "update_ratio": 1e-3}
    stats = [
        {"step": step, "arrays": {f"dense{k}.W": numbers for k in range(30)},
         "outputs": {f"relu{k}": {"dead_share": 0.1} for k in range(30)}}
        for step in (1, 2)
    ]  # fmt: skip
    made = history_picture(stats)
    assert sum(bool(axis.lines) for axis in made.axes) == 60
    assert made.get_figheight() / 10 >= 1.5  # inches for each row of panels


def test_chinese_labels_are_letters():
    picture = lettered(image_grid(np.zeros((1, 4, 4, 1)), ["猫"]), ["猫"], "alt", "caption")
    assert picture.src.startswith("data:image/svg+xml")
    content = base64.b64decode(picture.src.partition(",")[2]).decode()
    assert "猫" in content


def test_without_its_data_the_page_says_why(fitted, tmp_path, monkeypatch):
    run, out = fitted(), tmp_path / "report.html"

    def lost(self, *_):
        raise DataError("data.npz: not found")

    monkeypatch.setattr("cnntrain.commands.report.open_checkpoint", lost)
    run_report([run], out, None)
    assert "Its network cannot be shown: data.npz: not found" in page_of(out)


def test_names_are_text_and_not_markup(fitted, tmp_path):
    run = fitted()
    hostile = run.rename(tmp_path / "<script>alert(1)<")
    out = tmp_path / "report.html"
    run_report([hostile], out, None)
    assert "<script>" not in out.read_text()
    assert "&lt;script&gt;alert(1)&lt;" in out.read_text()


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots(fitted, tmp_path, suffix):
    out = tmp_path / f"curves.{suffix}"
    assert run_plot([fitted()], out) == 0
    first = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert out.read_bytes().startswith(first)
    if suffix == "svg":
        for word in ("epoch", "accuracy (%)", "learning rate", "training", "best: "):
            assert word in out.read_text()


def test_the_same_run_gives_the_same_svg(fitted, tmp_path):
    run = fitted()
    for name in ("a.svg", "b.svg"):
        run_plot([run], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_format_that_is_none(fitted, tmp_path):
    run = fitted()
    for name in ("curves.xyz", "curves"):
        with pytest.raises(ConfigError, match=rf"{name}: must end in one of .png, .svg, .pdf"):
            run_plot([run], tmp_path / name)
    assert not list(tmp_path.glob("curves*"))


def test_a_folder_that_is_missing(fitted, tmp_path):
    with pytest.raises(WriteError, match=r"curves\.svg: cannot be written \(No such file[^;]*\)\."):
        run_plot([fitted()], tmp_path / "missing" / "curves.svg")


def test_a_run_that_ended_within_its_first_epoch(fitted, tmp_path):
    run, out = fitted(train={"max_steps": 2}), tmp_path / "report.html"
    run_report([run], out, None)
    page = page_of(out)
    assert "No epoch was completed" in page
    assert not any(alt.startswith("Learning curves") for alt in pictures(page))
    loss = json.loads((run / "metrics.jsonl").read_text())["train/loss"]
    assert f'train/loss, last</th><td data-run="run">{loss:.5g}<' in page
    assert "The network of last.npz, step 2" in page
    with pytest.raises(DataError, match="no completed epoch to plot"):
        run_plot([run], tmp_path / "curves.svg")


def test_the_figures_of_the_test_split(fitted, tmp_path, capsys):
    run, out = fitted(**DIGITS), tmp_path / "report.html"
    run_report([run], out, None)
    capsys.readouterr()
    run_eval(run, EvalOptions(split="test", threads=1, as_json=True))
    accuracy = json.loads(capsys.readouterr().out)["accuracy"]
    row = f'test/accuracy, best checkpoint</th><td data-run="run">{100 * accuracy:.2f}%<'
    assert row in page_of(out)


def test_more_runs_than_colours(fitted, tmp_path):
    first = fitted()
    runs = [shutil.copytree(first, tmp_path / f"copy$1$_{k}") for k in range(9)]
    run_plot(runs, tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text()
    assert all(f"copy$1$_{k}" in drawn for k in range(9))
    looks = [tuple(_look(k).values()) for k in range(9)]
    assert len(set(looks)) == 9


def test_class_names_in_any_writing(fitted, tmp_path):
    classes = ["猫", "$x$", "_hund"]
    confusion = np.eye(3, dtype=int)
    drawn = svg(confusion_picture(confusion, classes), "", "").src.partition("base64,")[2]
    text = html.unescape(base64.b64decode(drawn).decode("utf-8"))
    assert all(label in text for label in classes)


@pytest.mark.parametrize(("k", "letter"), [(2, "W"), (2, "猫"), (20, "i")])
def test_long_class_names_leave_room_for_the_picture(recwarn, k, letter):
    """matplotlib would warn that its layout fails."""
    names = [f"{n}{letter * 300}{n}" for n in range(k)]
    svg(confusion_picture(np.eye(k, dtype=int), names), "", "")
    titles = [_caption(Mistake(names[0], name, 0.5, "")) for name in names]
    png(image_grid(np.zeros((1, 4, 4, k)), titles), "", "")
    assert not [str(warning.message) for warning in recwarn]


def test_the_end_of_a_long_name_is_kept(fitted, tmp_path):
    names = ["n02085620 Chihuahua of Mexico", "n02085620 Chihuahua of Texas"]
    drawn = svg(confusion_picture(np.eye(2, dtype=int), names), "", "").src.partition("base64,")[2]
    text = html.unescape(base64.b64decode(drawn).decode("utf-8"))
    assert "n0208562… Mexico" in text
    assert "n0208562…f Texas" in text


def test_long_names_of_runs_leave_room_for_the_curves(fitted, tmp_path, recwarn):
    first = fitted()
    runs = [shutil.copytree(first, tmp_path / f"{k}-{'W' * 200}-{k}") for k in range(7)]
    run_plot(runs, tmp_path / "curves.svg")
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_without_the_extra_the_remedy_is_named(fitted, tmp_path, monkeypatch, missing):
    run = fitted()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DataError, match=r"pip install 'cnntrain\[report\]'"):
        run_report([run], tmp_path / "report.html", None)
    assert not (tmp_path / "report.html").exists()


def test_the_same_page_in_chinese(fitted, tmp_path):
    run, out = fitted(**DIGITS, log={"stats": 5}), tmp_path / "report.html"
    with using("zh"):
        assert run_report([run], out, None) == 0
    page = page_of(out)
    assert '<html lang="zh">' in page
    for section in ("结果", "学习曲线", "配置", "环境", "再运行一次"):
        assert f"{section}</h2>" in page
    starts = ("学习曲线。run：val/accuracy 从", "混淆矩阵：最常见的是把", "24 个分类错误的样本",
              "卷积核", "relu1 的输出", "2 个权重数组各有一个小图")  # fmt: skip
    made = pictures(page)
    assert len(made) == len(starts)
    assert all(any(alt.startswith(start) for alt in made) for start in starts)
    assert "完成了所有轮" in page
    prose = re.sub(r"(?s)<style>.*?</style>|<pre.*?</pre>|<[^>]*>", "\n", page)
    english = re.findall(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}.*", prose)
    assert [line for line in english if "epochs done" not in line] == []


def test_a_bad_end_in_chinese(config_file, tmp_path):
    path = config_file(optimizer={"sgd": {"lr": 1e30}}, loss="squared_error")
    assert run_fit(path, FitOptions(out=tmp_path / "run", quiet=True)) == 3
    with using("zh"):
        run_report([tmp_path / "run"], tmp_path / "report.html", None)
    page = page_of(tmp_path / "report.html")
    assert page.index("<strong>发散：") < page.index("结果</h2>")
