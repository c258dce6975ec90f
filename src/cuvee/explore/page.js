"use strict";

// Shares stay a mixture within the limits at every moment; the forecast follows as fast as the
// server answers. One question is on its way at a time, and the latest wins: nothing queues.

const token = location.hash.slice(1) || sessionStorage.getItem("cuvee-token") || "";
if (location.hash) {
  sessionStorage.setItem("cuvee-token", token);
  history.replaceState(null, "", location.pathname);
}

const $ = (id) => document.getElementById(id);
const state = {
  about: null, shares: [], locked: [], low: [], high: [], tokens: 0, shown: null, limitsOf: 0,
};
let asking = false;
let again = false;

async function ask(path, question) {
  const reply = await fetch("/api/" + path, {
    method: "POST",
    headers: { "X-Cuvee-Token": token, "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.error);
  return answer;
}

function make(kind, attributes = {}, ...inside) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const one of inside) element.append(one);
  return element;
}

const digits = (x, n = 3) => (x === null || x === undefined ? "?" : x.toFixed(n));
const signed = (x, n = 3) => (x > 0 ? "+" : x < 0 ? "−" : "") + Math.abs(x).toFixed(n);
const percent = (x) => (100 * x).toFixed(1) + "%";
function amount(n) {
  for (const [size, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (n >= size) return (n / size).toPrecision(3).replace(/\.?0+$/, "") + letter;
  return String(Math.round(n));
}

// The shares of those that may move, in proportion to what they were, within their limits: the one
// factor by which they sum to what is left.
function spread(shares, low, high, total) {
  const clamp = (x, i) => Math.min(high[i], Math.max(low[i], x));
  const base = shares.map((s) => Math.max(s, 1e-9));
  let least = 0, most = 1;
  const sum = (t) => base.reduce((all, s, i) => all + clamp(t * s, i), 0);
  while (sum(most) < total - 1e-12 && most < 1e12) most *= 2;
  for (let round = 0; round < 80; round++) {
    const middle = (least + most) / 2;
    if (sum(middle) < total) least = middle; else most = middle;
  }
  return base.map((s, i) => clamp(most * s, i));
}

// Source i gets a share of v, as near as the limits and the kept shares allow.
function place(i, v) {
  const { shares, locked, low, high } = state;
  const kept = shares.map((_, j) => j !== i && locked[j]);
  const held = shares.reduce((all, s, j) => all + (kept[j] ? s : 0), 0);
  const free = shares.map((_, j) => j).filter((j) => j !== i && !kept[j]);
  const of = (list) => free.reduce((all, j) => all + list[j], 0);
  const share = Math.min(Math.max(v, low[i], 1 - held - of(high)), high[i], 1 - held - of(low));
  const pick = (list) => free.map((j) => list[j]);
  const rest = spread(pick(shares), pick(low), pick(high), 1 - held - share);
  const made = shares.slice();
  made[i] = share;
  free.forEach((j, n) => { made[j] = rest[n]; });
  state.shares = made;
}

// All shares within limits that have changed; kept ones move only if they must.
function settle() {
  const { shares, low, high } = state;
  const inside = shares.map((s, i) => Math.min(high[i], Math.max(low[i], s)));
  const off = 1 - inside.reduce((all, s) => all + s, 0);
  state.shares = Math.abs(off) < 1e-12 ? inside : spread(inside, low, high, 1);
}

function budgetAt(step) {
  const [low, high] = state.about.budgets;
  return Math.round(low * Math.pow(high / low, step / 1000));
}

function stepOf(tokens) {
  const [low, high] = state.about.budgets;
  return Math.round((1000 * Math.log(tokens / low)) / Math.log(high / low || 2));
}

async function follow() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    do {
      again = false;
      if (state.limitsOf !== state.tokens) {
        const tokens = state.tokens;
        const limits = await ask("limits", { tokens });
        if (tokens !== state.tokens) { again = true; continue; }
        Object.assign(state, limits, { limitsOf: tokens });
        settle();
        showShares();
      }
      const shown = await ask("predict", { shares: state.shares, tokens: state.tokens });
      state.shown = shown;
      showLosses(shown);
      trouble("");
    } while (again);
  } catch (error) {
    trouble(error.message);
  } finally {
    asking = false;
    if (again) follow();
  }
}

function trouble(text) {
  $("trouble").hidden = !text;
  $("trouble").textContent = text;
}

function showShares() {
  const { about, shares, high, tokens } = state;
  about.sources.forEach((name, i) => {
    const slider = $("share-" + i), epochs = (shares[i] * tokens) / about.available[i];
    slider.value = Math.round(1000 * shares[i]);
    const said = percent(shares[i]) + ", " + epochs.toFixed(2) + "×";
    $("said-" + i).textContent = said;
    slider.setAttribute(
      "aria-valuetext", percent(shares[i]) + ", gone through " + epochs.toFixed(2) + " times");
    const cap = $("cap-" + i);
    cap.hidden = high[i] >= 0.9995;
    cap.style.left = "calc(7px + (100% - 16px) * " + high[i] + ")";
  });
  $("budget").value = stepOf(tokens);
  $("budget-said").textContent = amount(tokens) + " tokens";
  $("budget").setAttribute("aria-valuetext", amount(tokens) + " tokens");
}

function showLosses(shown) {
  const { about } = state, all = shown.objective, equal = shown.rivals.uniform;
  const measured = all.low !== null && all.low !== undefined;
  $("objective").textContent =
    (about.worst ? "Worst target: " : "Mean of the targets: ") + digits(all.mean) +
    (measured ? " (" + digits(all.low) + " to " + digits(all.high) + ")" : "");
  const parts = [["uniform", "equal"], ["natural", "natural"]].map(([key, word]) => {
    const gain = shown.rivals[key].gain, lower = gain.mean >= 0;
    const ends = lower ? [gain.low, gain.high] : [-gain.high, -gain.low];
    const range = gain.low === null ? "" : " (" + ends.map((x) => signed(x)).join(" to ") + ")";
    return digits(Math.abs(gain.mean)) + range + (lower ? " lower" : " higher") +
      " than with " + word + " shares";
  });
  $("beside").textContent = parts.join("; ") + (shown.corrected ? "; corrected by runs." : ".");
  const notes = [];
  about.sources.forEach((name, i) => {
    if (shown.high[i] < 1 && shown.shares[i] > 0.001 && shown.shares[i] >= shown.high[i] - 1e-4)
      notes.push(name + " is used up: more of it cannot be had at this budget.");
  });
  $("warnings").replaceChildren(...notes.map((text) => make("li", {}, text)));
  $("unit").textContent = "In " + shown.unit + "; above 0 is better than equal shares.";
  const most = Math.max(1e-9, ...about.targets.map((t) => Math.abs(equal.gains[t].mean)));
  const rows = about.targets.map((target) => {
    const loss = shown.losses[target], gain = equal.gains[target];
    const bar = make("span", { class: gain.mean < 0 ? "bar worse" : "bar" });
    bar.style.width = (5 * Math.abs(gain.mean)) / most + "rem";
    return make("tr", {},
      make("th", { scope: "row" }, target),
      make("td", {}, digits(loss.mean)),
      make("td", {}, loss.low === null ? "not measured" : digits(loss.low) + " to " + digits(loss.high)),
      make("td", {}, signed(gain.mean)),
      make("td", { class: "bars" }, bar));
  });
  $("losses").tBodies[0].replaceChildren(...rows);
}

function build() {
  const { about } = state;
  $("sources").replaceChildren(...about.sources.map((name, i) => {
    const label = make("label", { for: "share-" + i, title: name }, name);
    const slider = make("input",
      { type: "range", id: "share-" + i, min: 0, max: 1000, step: 1 });
    const cap = make("span", { class: "cap", id: "cap-" + i });
    const said = make("output", { id: "said-" + i, for: "share-" + i });
    const lock = make("input", {
      type: "checkbox", id: "lock-" + i, title: "keep its share", "aria-label": "keep the share of " + name,
    });
    slider.addEventListener("input", () => {
      place(i, slider.valueAsNumber / 1000);
      showShares();
      follow();
    });
    lock.addEventListener("change", () => { state.locked[i] = lock.checked; });
    return make("div", { class: "row" }, label, make("span", { class: "track" }, slider, cap), said, lock);
  }));
  $("run-losses").replaceChildren(...about.targets.map((target, i) => {
    const field = make("input",
      { type: "number", id: "loss-" + i, step: "any", min: "0", required: "" });
    return make("div", {}, make("label", { for: "loss-" + i }, "loss on " + target), field);
  }));
  $("out").textContent = about.out;
  $("intro").textContent =
    count(about.sources, "source") + ", " + count(about.targets, "target") + "; tokens are " +
    about.token + ". Nothing is trained: the counts of the sources forecast every mixture.";
  said();
}

function count(some, name) {
  return some.length + " " + name + (some.length === 1 ? "" : "s");
}

function said() {
  const { runs, corrected } = state.about;
  $("runs-said").textContent = runs === 0
    ? "Trained a mixture for real? Set its shares and budget above, enter what it reached."
    : runs + (runs === 1 ? " run" : " runs") + " added, kept in runs.csv. " +
      (corrected ? "They correct the forecast." : "More are needed before they correct the forecast.");
}

function take(shares) {
  state.shares = shares.slice();
  settle();
  showShares();
  follow();
}

$("budget").addEventListener("input", () => {
  state.tokens = budgetAt($("budget").valueAsNumber);
  showShares();
  follow();
});
$("reset").addEventListener("click", () => {
  state.tokens = state.about.tokens;
  take(state.about.shares);
});
$("equal").addEventListener("click", () => take(state.shares.map(() => 1 / state.shares.length)));

$("compare").addEventListener("click", async () => {
  const { about, tokens } = state;
  $("compare").disabled = true;
  $("methods").hidden = false;
  $("methods").tBodies[0].replaceChildren();
  for (const method of about.methods) {
    $("comparing").textContent = method + " …";
    let row;
    try {
      const found = await ask("suggest", { method, tokens });
      const named = about.sources
        .map((name, i) => [found.shares[i], name])
        .filter(([share]) => share >= 0.005)
        .sort((a, b) => b[0] - a[0])
        .map(([share, name]) => name + " " + (100 * share).toFixed(0) + "%");
      const button = make("button",
        { type: "button", "aria-label": "take the shares of " + method }, "Take");
      button.addEventListener("click", () => {
        state.tokens = tokens;
        take(found.shares);
      });
      row = make("tr", {},
        make("th", { scope: "row" }, method),
        make("td", {}, digits(found.objective.mean)),
        make("td", {}, signed(found.rivals.uniform.gain.mean)),
        make("td", {}, named.join(", ")),
        make("td", {}, button));
    } catch (error) {
      row = make("tr", {}, make("th", { scope: "row" }, method),
        make("td", { colspan: 4 }, error.message));
    }
    $("methods").tBodies[0].append(row);
  }
  $("comparing").textContent = about.methods.length + " methods at " + amount(tokens) + " tokens.";
  $("compare").disabled = false;
});

$("run").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { about, shares, tokens } = state;
  const losses = Object.fromEntries(
    about.targets.map((target, i) => [target, $("loss-" + i).valueAsNumber]));
  try {
    Object.assign(about, await ask("add", { shares, tokens, losses }));
    said();
    trouble("");
    follow();
  } catch (error) {
    trouble(error.message);
  }
});

$("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button"), { shares, tokens } = state;
  button.disabled = true;
  $("written").textContent = "Writing …";
  try {
    const done = await ask("write", { shares, tokens, name: $("name").value });
    $("written").textContent =
      "Wrote " + done.tokens.toLocaleString("en") + " tokens to " + done.folder + ".";
  } catch (error) {
    $("written").textContent = "Not written: " + error.message;
  }
  button.disabled = false;
});

async function begin() {
  try {
    state.about = await ask("about", {});
  } catch (error) {
    $("closed").textContent = "Cannot open: " + error.message;
    return;
  }
  state.shares = state.about.shares.slice();
  state.locked = state.shares.map(() => false);
  state.tokens = state.about.tokens;
  state.low = state.shares.map(() => 0);
  state.high = state.shares.map(() => 1);
  build();
  $("closed").textContent = "";
  $("page").hidden = false;
  showShares();
  await follow();
}

// For whoever tests the page: what it holds, and whether it has come to rest.
window.cuvee = { state, resting: () => !asking && !again };
begin();
