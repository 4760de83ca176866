"""Links into the page, the address, and the speed of playing."""

import pytest

from cnntrain.commands.trace import TraceOptions, run_trace

pytestmark = pytest.mark.slow


@pytest.fixture
def worked(tmp_path, visit):
    """``worked("#step=4")``: the page of the worked convolution, opened by this link."""
    from pathlib import Path

    html = tmp_path / "page.html"
    config = Path(__file__).parents[3] / "configs" / "worked-conv.yaml"
    assert run_trace(config, TraceOptions(html=html)) == 0

    def opened(link):
        page = visit(html)
        page.evaluate("link => { location.hash = link; }", link)
        page.wait_for_function("!document.hidden")
        return page

    return opened


@pytest.mark.parametrize(
    ("link", "heading"),
    [
        ("#step=2&cell=conv1.z[0,1,0]", "conv1.z[0,1,0] = 37"),
        ("#step=4&cell=conv1.W[0,0,1,1]", "∂C/∂conv1.W[0,0,1,1] = 804"),
        ("#step=4&cell=∂C/∂input[0,1,1]", "∂C/∂input[0,1,1] = 144"),
        ("#step=5&cell=conv1.b[0]", "conv1.b[0] = "),
    ],
)
def test_a_link_opens_a_step_and_a_cell(worked, link, heading):
    page = worked(link)
    page.locator(".explanation h3").filter(has_text=heading).wait_for()
    page.wait_for_url(lambda url: "&cell=" in url)
    assert page.inner_text("#progress").startswith(f"step {link[6]} of 5")


@pytest.mark.parametrize("cell", ["conv1.z[9,9,9]", "conv1.z[0]", "nothing[0]", "conv1.z", ""])
def test_a_cell_that_is_not_there_leaves_the_step(worked, cell):
    page = worked(f"#step=2&cell={cell}")
    page.locator("#progress").filter(has_text="step 2 of").wait_for()
    assert page.inner_text(".explanation h3") == "conv1.z[0,1,1] = 43"


def test_the_address_follows_what_is_picked(worked):
    page = worked("#step=2")
    page.hover('.panel[data-name="conv1.z"] [data-k="2"]')
    page.wait_for_url("**#step=2&cell=conv1.z[0,1,0]")
    page.keyboard.press("End")
    assert page.url.endswith("#step=5")
    page.keyboard.press("Home")
    assert page.url.endswith("#step=1")


def test_the_speed_of_playing(worked):
    page = worked("#step=1")
    page.clock.install()  # time that passes only when told to
    page.select_option("#speed", "4")
    page.click("#play")
    page.clock.run_for(1400)
    assert page.inner_text("#progress").startswith("step 4 of")
    page.clock.run_for(1800)
    assert page.inner_text("#progress").startswith("step 5 of")
    assert page.inner_text("#play") == "play"
