"""Contrast: every text on the page is legible on what lies behind it, in light and dark."""

from pathlib import Path

import pytest

from cnntrain.commands.trace import TraceOptions, run_trace

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs"
# The visible texts whose contrast, as WCAG computes it, is below 4.5, with it.
TOO_LOW = r"""() => {
  const channel = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (css) => css.match(/[\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if ((found[3] ?? 1) > 0.99) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = {};
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, style, :disabled")) continue;
    const [a, b] = [parts(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low[`${element.tagName}: ${walker.currentNode.data.trim()}`] = ratio;
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("config", ["worked-conv", "xor"])
def test_every_text_is_legible(visit, tmp_path, scheme, config):
    html = tmp_path / "page.html"
    assert run_trace(CONFIGS / f"{config}.yaml", TraceOptions(html=html)) == 0
    page = visit(html, color_scheme=scheme, reduced_motion="reduce")
    page.click("#play-title")
    while True:
        assert page.evaluate(TOO_LOW) == {}
        if page.is_disabled("#next"):
            break
        page.click("#next")
