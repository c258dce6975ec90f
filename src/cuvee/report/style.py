"""The page's style sheet: one accent colour, light and dark, paper too. No font is loaded."""

STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #1c1d1f; --soft: #5d6167;
  --hair: #e4e4df; --line: #9a9da2; --accent: #0b6b62; --wash: #0b6b6222; --bad: #a8330a;
  --raised: #f4f4ef; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181a; --ink: #e8e8e4; --soft: #a3a8ae;
  --hair: #2d3134; --line: #74797f; --accent: #5fcab9; --wash: #5fcab92b; --bad: #ff9a6b;
  --raised: #1e2123; } }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444;
  --hair: #ddd; --line: #888; --accent: #0b6b62; --wash: #0b6b6222; --bad: #a8330a;
  --raised: #fff; }
  figure, .warnings, tr, dl { break-inside: avoid; } h2, section > p { break-after: avoid; }
  main { padding: 0; } details:not([open]) { display: none; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 46.5rem; margin: 0 auto; padding: 2.5rem 0.75rem 4rem; }
h1, h2 { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif;
  font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 1.9rem; margin: 0 0 0.75rem; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 0.35rem; }
p { margin: 0.35rem 0; max-width: 42rem; overflow-wrap: anywhere; }
.answer { font-size: 1.15rem; line-height: 1.45; margin-bottom: 0.75rem; }
.note, figcaption { color: var(--soft); font-size: 0.9rem; }
figure { margin: 0.75rem 0 0; }
figcaption { max-width: 42rem; margin-bottom: 0.75rem; }
.warnings { margin-top: 1.25rem; border-left: 3px solid var(--bad); padding: 0.1rem 0 0.1rem 1rem; }
.warnings ul { margin: 0.35rem 0; padding-left: 1.1rem; overflow-wrap: anywhere; }
.warnings h2 { margin-top: 0; }
svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 13px; fill: none; }
svg.narrow { display: none; max-width: 26rem; }
@media screen and (max-width: 36rem) { svg.wide { display: none; } svg.narrow { display: block; } }
svg text { fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .name { unicode-bidi: plaintext; }
svg .tick { fill: var(--soft); font-size: 12px; }
svg .quiet { fill: var(--soft); font-size: 12px; }
svg .strong, svg .whole, svg .now { font-weight: 650; fill: var(--ink); }
svg text.bad { fill: var(--bad); }
svg .grid { stroke: var(--hair); }
svg .rule, svg .zero { stroke: var(--line); }
svg .rule { stroke-width: 0.75; }
svg .stroke { stroke: var(--ink); stroke-width: 1.5; opacity: 0.75; }
svg .mark { stroke: var(--soft); stroke-width: 1.4; fill: var(--paper); }
svg .beyond { stroke: var(--soft); stroke-width: 1.4; }
svg .bar { stroke: var(--wash); stroke-width: 9; }
svg .whisker { stroke: var(--accent); stroke-width: 2.5; stroke-linecap: round; opacity: 0.6; }
svg .blend { fill: var(--accent); stroke: var(--paper); stroke-width: 1; }
svg .blend.worse { fill: var(--bad); }
svg .whisker.worse { stroke: var(--bad); }
svg .run { fill: var(--soft); opacity: 0.55; }
svg .curve { stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
svg .band { fill: var(--wash); }
svg .flat { stroke: var(--accent); stroke-width: 4; opacity: 0.55; }
svg rect.cell { fill: var(--accent); }
svg text.cell { font-size: 11px; }
svg .here { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
svg .drop { stroke: var(--line); stroke-dasharray: 2 3; }
details { margin: 0.6rem 0 0; font-size: 0.9rem; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
.scroll { overflow-x: auto; margin-top: 0.6rem; }
details .scroll { width: max-content; min-width: min(100%, 30rem);
  max-width: calc(100% + max(0px, (100vw - 46.5rem) / 2)); }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: 0.4rem; }
th, td { padding: 0.22rem 0 0.22rem 0.8rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--hair); font-weight: 400; }
thead th { white-space: normal; color: var(--soft); border-bottom-color: var(--line);
  vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
tfoot th, tfoot td { font-weight: 650; border-bottom: 0; border-top: 1px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.25rem; margin: 0.75rem 0;
  font-size: 0.9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
code { font: 0.9em ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  background: var(--raised); padding: 0.1em 0.3em; border-radius: 3px; }
"""
