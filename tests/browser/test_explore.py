"""The page of `cuvee explore`, driven as a person would."""

import json
import time

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from tests.explore.conftest import make

from cuvee import explore

ACTIONS = """
const done = arguments[1], pick = n => Math.floor(random() * n);
let seed = arguments[0];
function random() { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; }
function set(id, value) {
  const e = document.getElementById(id); e.value = value;
  e.dispatchEvent(new Event('input', {bubbles: true}));
}
const wrong = [];
async function act() {
  const s = cuvee.state, k = s.shares.length;
  for (let n = 0; n < 1000; n++) {
    const what = pick(20);
    if (what < 12) set('share-' + pick(k), pick(1001));
    else if (what < 16) set('budget', pick(1001));
    else if (what < 18) document.getElementById('lock-' + pick(k)).click();
    else document.getElementById(what === 18 ? 'reset' : 'equal').click();
    const sum = s.shares.reduce((a, b) => a + b, 0);
    if (Math.abs(sum - 1) > 1e-6) wrong.push('sum ' + sum + ' after ' + n);
    if (s.limitsOf === s.tokens)
      s.shares.forEach((x, i) => {
        if (x < s.low[i] - 1e-6 || x > s.high[i] + 1e-6) wrong.push('limit of ' + i);
      });
    if (n % 25 === 0) await new Promise(r => setTimeout(r, 1));
  }
  while (!cuvee.resting()) await new Promise(r => setTimeout(r, 5));
  done(wrong);
}
act();
"""
SIXTY = """
const done = arguments[0], before = performance.now();
let asked = 0, waiting = 0, most = 0;
const fetched = window.fetch;
window.fetch = (...a) => {
  asked++; most = Math.max(most, ++waiting);
  return fetched(...a).finally(() => waiting--);
};
const slider = document.getElementById('share-0');
let n = 0;
const timer = setInterval(async () => {
  slider.value = 100 + 5 * n; slider.dispatchEvent(new Event('input'));
  if (++n < 60) return;
  clearInterval(timer);
  const last = performance.now();
  while (!cuvee.resting()) await new Promise(r => setTimeout(r, 2));
  window.fetch = fetched;
  done({asked, most, late: performance.now() - last, took: last - before});
}, 1000 / 60);
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make(folder)
        with explore.explore("mixed") as server:
            yield server


@pytest.fixture
def opened(page, running):
    page.open(running.address)
    rest(page)
    return page


def rest(page):
    """Until the page shows what the server has said of what it shows."""
    for _ in range(600):
        if page.run("return !!window.cuvee && !!cuvee.state.shown && cuvee.resting()"):
            return
        time.sleep(0.02)
    raise AssertionError(page.run("return document.body.innerText")[:300])


def text(page, what):
    return page.run("return document.getElementById(arguments[0]).textContent", what)


def slide(page, what, value):
    page.run(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event('input', {bubbles: true}))", what, value
    )  # fmt: skip
    rest(page)


def agrees(page, running):
    """What is shown is what the server says of the shares and the budget that are shown."""
    state = page.run("return {shares: cuvee.state.shares, tokens: cuvee.state.tokens}")
    told = running.session.predict(state["shares"], state["tokens"])
    assert f"{told['objective']['mean']:.3f}" in text(page, "objective")
    rows = page.run(
        "return [...document.querySelectorAll('#losses tbody tr')].map(r => "
        "[r.cells[0].textContent, r.cells[1].textContent])"
    )
    assert rows == [[t, f"{told['losses'][t]['mean']:.3f}"] for t in told["losses"]]
    assert sum(state["shares"]) == pytest.approx(1, abs=1e-6)
    assert (np.array(state["shares"]) <= np.array(told["high"]) + 1e-6).all()
    said = page.run(
        "return [...document.querySelectorAll('#sources output')].map(o => o.textContent)"
    )
    assert [s.partition("%")[0] for s in said] == [f"{100 * x:.1f}" for x in state["shares"]]


@pytest.mark.parametrize(("dark", "width"), [(False, 1100), (True, 480)])
def test_it_can_be_read_by_all(opened, dark, width):
    opened.dark(dark)
    opened.driver.set_window_size(width, 900)
    assert opened.violations() == []
    assert opened.errors() == []
    assert all("127.0.0.1" in url for url in opened.requests())
    opened.driver.set_window_size(1100, 900)


def test_the_token_does_not_stay_in_the_address(opened, running):
    assert running.token not in opened.driver.current_url
    opened.driver.refresh()
    rest(opened)


def test_dragging_moves_shares_and_losses(opened, running):
    before = text(opened, "objective")
    slide(opened, "share-0", 700)
    assert text(opened, "objective") != before
    agrees(opened, running)
    slide(opened, "budget", 900)
    agrees(opened, running)


def test_keys_are_enough(opened, running):
    slider = opened.driver.find_element(By.ID, "share-1")
    share = opened.run("return cuvee.state.shares[1]")
    slider.send_keys(Keys.ARROW_RIGHT * 5)
    rest(opened)
    assert opened.run("return cuvee.state.shares[1]") == pytest.approx(share + 0.005, abs=2e-3)
    assert "gone through" in slider.get_attribute("aria-valuetext")
    agrees(opened, running)


def test_a_locked_share_stays(opened, running):
    opened.driver.find_element(By.ID, "lock-2").click()
    kept = opened.run("return cuvee.state.shares[2]")
    slide(opened, "share-0", 100)
    slide(opened, "share-1", 400)
    assert opened.run("return cuvee.state.shares[2]") == pytest.approx(kept)
    agrees(opened, running)


def test_sixty_drags_a_second_do_not_queue(opened, running):
    told = opened.driver.execute_async_script(SIXTY)
    assert told["most"] == 1, "one question at a time"
    assert told["asked"] <= 62
    assert opened.run("return document.getElementById('share-0').valueAsNumber") == 395
    agrees(opened, running)


def test_the_page_stays_right_after_a_thousand_actions(opened, running):
    assert opened.driver.execute_async_script(ACTIONS, 7) == []
    agrees(opened, running)
    assert opened.errors() == []


def test_methods_are_compared_and_taken(opened, running):
    opened.driver.find_element(By.ID, "compare").click()
    for _ in range(1500):
        if not opened.run("return document.getElementById('compare').disabled"):
            break
        time.sleep(0.02)
    methods = running.session.methods()
    rows = opened.driver.find_elements(By.CSS_SELECTOR, "#methods tbody tr")
    assert [r.find_element(By.TAG_NAME, "th").text for r in rows] == methods
    rows[methods.index("descent")].find_element(By.TAG_NAME, "button").click()
    rest(opened)
    agrees(opened, running)


def test_a_run_is_added_and_the_blend_is_written(opened, running, tmp_path):
    for i in range(3):
        opened.run("document.getElementById(arguments[0]).value = 5 + arguments[1]", f"loss-{i}", i)
    opened.driver.find_element(By.CSS_SELECTOR, "#run button").click()
    for _ in range(200):
        if "1 run added" in text(opened, "runs-said"):
            break
        time.sleep(0.02)
    assert "More are needed" in text(opened, "runs-said")
    opened.driver.find_element(By.CSS_SELECTOR, "#write button").click()
    for _ in range(500):
        if "Wrote" in text(opened, "written"):
            break
        time.sleep(0.02)
    folder = running.session.out / "blend-1"
    assert str(folder) in text(opened, "written")
    told = json.loads((folder / "blend.json").read_text())
    shares = opened.run("return cuvee.state.shares")
    assert [s["mean"] for s in told["shares"].values()] == pytest.approx(shares, abs=2e-6)


def test_nothing_from_data_is_run(opened):
    assert "<b>bad" in text(opened, "sources")
    assert opened.run("return document.querySelectorAll('#sources b, #losses b').length") == 0


def test_without_the_token_the_page_says_so(page, running):
    page.open(f"http://127.0.0.1:{running.port}/")
    page.run("sessionStorage.clear()")
    page.driver.refresh()
    for _ in range(200):
        if "token" in text(page, "closed"):
            break
        time.sleep(0.02)
    assert "holds a token" in text(page, "closed")
    assert page.run("return document.getElementById('page').hidden")
