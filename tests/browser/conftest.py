"""A headless Chromium that a test drives as a person would."""

import json
import shutil
from pathlib import Path

import axe_core_python
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
DRIVER = shutil.which("chromedriver") or ""
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text("utf-8")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-dev-shm-usage", "--disable-component-update", "--no-first-run", "--disable-sync",
    "--window-size=1100,900",
)  # fmt: skip


class Page:
    """The browser, and what a page may not do."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address):
        """Open a file or an address, with logs empty."""
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(address.as_uri() if isinstance(address, Path) else address)
        return self.driver

    def run(self, script, *arguments):
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def errors(self):
        """What the console has said since."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def requests(self):
        """Addresses that were asked for since, beside files and data."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return [url for url in asked if not url.startswith(("file:", "data:", "about:", "blob:"))]

    def violations(self):
        """What axe-core finds wrong for people who use a keyboard or a screen reader."""
        self.run(AXE)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations));"
        )
        return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:120]}" for v in found]

    def milliseconds(self):
        """From asking for the page to its being there."""
        return self.run(
            "const n = performance.getEntriesByType('navigation')[0]; return n.loadEventEnd;"
        )

    def dark(self, on=True):
        """As somebody sees it who prefers dark pages."""
        value = "dark" if on else "light"
        features = [{"name": "prefers-color-scheme", "value": value}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not CHROMIUM or not DRIVER:
        pytest.fail("no browser here: install chromium and chromium-driver (make test tries to)")
    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(30)
    driver.set_script_timeout(60)
    yield Page(driver)
    driver.quit()


@pytest.fixture
def page(chromium):
    yield chromium
    chromium.dark(False)
