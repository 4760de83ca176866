"""The report in a real browser: it opens without an error, and fits a phone."""

import pytest

from cnntrain.commands.report import run_report

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib", reason="pictures need the extra 'report'")
pytest.importorskip("jinja2", reason="the page needs the extra 'report'")


@pytest.fixture
def report(fitted, tmp_path):
    run = fitted(
        data={"source": "digits", "normalize": "unit", "validation": 0.1},
        network=[
            {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}},
            "flatten",
            {"dense": {"units": 10}},
        ],
        log={"stats": 5},
    )
    out = tmp_path / "report.html"
    run_report([run], out, None)
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_is_shown(visit, report, scheme):
    page = visit(report, color_scheme=scheme)
    sizes = page.eval_on_selector_all("img", "all => all.map(i => [i.complete, i.naturalWidth])")
    assert len(sizes) == 6
    assert all(complete and width > 100 for complete, width in sizes)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]


def test_the_links_lead_to_their_sections(visit, report):
    page = visit(report)
    links = page.eval_on_selector_all("nav a", "all => all.map(a => a.getAttribute('href'))")
    assert len(links) == 6
    for link in links:
        assert page.query_selector(f"h2{link}") is not None


def test_a_phone_needs_no_sideways_scrolling(visit, report):
    page = visit(report, width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
