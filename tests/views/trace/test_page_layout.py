"""The page on wide screens and on phones: what is highlighted and what explains it are seen."""

from pathlib import Path

import pytest

from cnntrain.commands.trace import TraceOptions, run_trace

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"
# Panels whose highlighted cell or map is not wholly in the window, above the buttons.
HIDDEN = """() => {
  const bottom = document.getElementById("stepper").getBoundingClientRect().top;
  const within = (box, outer) => box.top >= outer.top - 4 && box.bottom <= outer.bottom + 4
    && box.left >= outer.left - 4 && box.right <= outer.right + 4;
  const cellIn = (canvas, box, place) => {
    const [row, column] = place.split(",").map(Number);
    const size = box.width / Number(canvas.dataset.columns);
    return new DOMRect(box.left + column * size, box.top + row * size, size, size);
  };
  const found = [];
  for (const tiles of document.querySelectorAll(".columns .tiles")) {
    const target = tiles.querySelector(".picked, [data-picked]")
      ?? tiles.querySelector(".marked, [data-marked]");
    const [whole, outer] = [target, tiles].map((one) => one?.getBoundingClientRect());
    const place = target?.dataset.picked ?? target?.dataset.marked;
    const box = place ? cellIn(target, whole, place) : whole;
    if (box && (!within(box, outer) || box.bottom > bottom || box.top < 0)) {
      found.push(tiles.closest(".panel").dataset.name);
    }
  }
  return found;
}"""


@pytest.fixture
def opened(tmp_path, visit):
    """``opened("digits", width=390, ...)``: the page of this example."""

    def page_of(config, **options):
        html = tmp_path / f"{config}.html"
        assert run_trace(CONFIGS / f"{config}.yaml", TraceOptions(html=html)) == 0
        return visit(html, reduced_motion="reduce", **options)

    return page_of


@pytest.mark.parametrize("config", ["worked-conv", "xor", "digits"])
def test_what_is_highlighted_is_visible_on_a_wide_screen(opened, config):
    page = opened(config, width=1440, height=900)
    while not page.inner_text("#progress").endswith("update"):
        assert page.evaluate(HIDDEN) == [], page.inner_text("#progress")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
        page.click("#next")


def test_reads_with_and_gives_are_side_by_side(opened):
    page = opened("digits", width=1440, height=900)
    page.click("#next")
    tops = {group.bounding_box()["y"] for group in page.locator(".flow .group").all()}
    assert len(tops) == 1


def test_the_card_of_a_phone_opens_closes_and_covers_nothing(opened):
    page = opened("worked-conv", width=390, height=844, has_touch=True, is_mobile=True)
    page.tap("#next")
    assert page.is_hidden(".explanation")
    for k in range(4):
        cell = page.locator(f'.panel[data-name="conv1.z"] [data-k="{k}"]')
        cell.tap()
        bottom = cell.evaluate("element => element.getBoundingClientRect().bottom")
        top = page.evaluate("document.querySelector('.explanation').getBoundingClientRect().top")
        assert bottom <= top
        page.tap(".explanation .close")
        assert page.is_hidden(".explanation")
    page.tap('.panel[data-name="conv1.z"] [data-k="0"]')
    page.tap("#next")
    assert page.is_hidden(".explanation")
