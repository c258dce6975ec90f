"""The report of twelve sources, in a browser."""

import pytest
from tests.report.around_examples import surrounded
from tests.report.examples import manifest

from cuvee.report import as_html


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    names = ["web <b>crawl</b>", "código", "مصدر", *(f"source {i}" for i in range(9))]
    content = surrounded(names, [f"target {i}" for i in range(4)])
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(as_html(content, manifest(content)), "utf-8")
    return path


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (380, True)])
def test_it_opens_alone_at_once_and_can_be_read(page, report, width, dark):
    sizes = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sizes)
    try:
        page.dark(dark)
        page.open(report)
        assert page.milliseconds() <= 1000
        assert page.errors() == []
        assert page.requests() == []
        assert page.run("return document.documentElement.scrollWidth") <= width
        shown = "return [...document.querySelectorAll('svg')].filter(s => s.clientWidth).length"
        assert page.run(shown) == page.run("return document.querySelectorAll('figure').length") == 8
        page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.violations() == []
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_numbers_of_a_chart_open_with_the_keyboard(page, report):
    page.open(report)
    page.run("document.querySelector('summary').focus()")
    page.driver.switch_to.active_element.send_keys("\ue007")
    assert page.run("return document.querySelector('details').open")
