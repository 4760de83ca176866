"""The page in two languages: all its words come from the tables."""

import re

import pytest

from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.training.workers import Workers
from cnntrain.views import languages
from cnntrain.views.languages import using
from cnntrain.views.trace.page import trace_page
from cnntrain.views.trace.trace import trace

pytestmark = pytest.mark.slow

NETWORK = [
    {"conv2d": {"filters": 2, "kernel": 3, "activation": "relu"}},
    {"max_pool2d": {"size": 2}},
    {"batch_norm": {}},
    {"dropout": {"rate": 0.5}},
    "flatten",
    {"dense": {"units": 2}},
]
KEPT = {"Home", "End", "small", "cross_entropy"}
KEPT |= {"mean", "exp", "sum", "sqrt", "log", "max", "largest"}
KEPT |= {"d_k", "x_hat", "x_hats", "mean_d", "mean_dx", "variance"}  # lines of recipes
NAMES = r"(input|conv|relu|max_pool|batch_norm|dropout|flatten|dense|delta|gamma|beta|loss)"

# What a reader sees or hears, formulas and what is fed to scripts excluded.
TEXTS = """() => {
  const hidden = "script, style, template, math";
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(hidden)) found.push(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll("[aria-label], [title]")) {
    found.push(element.getAttribute("aria-label") ?? "", element.getAttribute("title") ?? "");
  }
  return found.join("\\n");
}"""


@pytest.fixture
def page_in(visit, tmp_path, experiment_of):
    """``page_in("zh")``: the page of a small network in this language."""

    def opened(lang, **options):
        data = {"source": "inline", "inputs": [[[[0.1 * i] * 6 for i in range(6)]]], "targets": [1]}
        experiment = experiment_of(network=NETWORK, data=data)
        state = start(experiment.plan, experiment.network)
        with Workers(1):
            found = trace(experiment, state, training_clock(experiment.plan, 1), [0], 1)
        path = tmp_path / f"{lang}.html"
        with using(lang):
            path.write_text(trace_page(found), "utf-8")
        return visit(path, **options)

    return opened


def words_of(page):
    """All Latin words of three letters and more, at every step."""
    words = set()
    while True:
        text = page.evaluate(TEXTS)
        words |= set(re.findall(r"[A-Za-z_]{3,}\d*", text))
        if page.is_disabled("#next"):
            return words
        page.click("#next")


def test_no_word_is_written_outside_the_tables(page_in, monkeypatch):
    """With blots in place of all texts, what remains are names, kinds and functions."""
    blotted = {
        key: re.sub(r"({\w+})|[A-Za-z]", lambda found: found[1] or "●", text)
        for key, text in languages.TABLES["en"].items()
    }
    monkeypatch.setitem(languages.TABLES, "en", blotted)
    page = page_in("en")
    stray = {word for word in words_of(page) if not re.match(NAMES, word)}
    assert stray - KEPT == set()


def test_the_page_speaks_chinese(page_in):
    page = page_in("zh")
    assert page.get_attribute("html", "lang") == "zh"
    assert page.inner_text("#progress").startswith("第 1 步，共 ")
    page.click("#next")
    assert "卷积核乘以被覆盖的区域" in page.inner_text(".explanation")
    assert "PingFang SC" in page.evaluate("getComputedStyle(document.body).fontFamily")
