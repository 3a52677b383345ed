/// The rules of the page: light and dark by what the reader's system prefers, one column on a phone.
enum PageStyle {
  static let rules = """

    :root {
      color-scheme: light dark;
      --paper: #ffffff; --card: #f6f7f9; --ink: #16191d; --soft: #57606b; --rule: #dfe3e8; --track: #e9ecf0;
      --strata: #2563c9; --sqlite: #b4570c; --rocksdb: #0d7a6c; --lmdb: #7a3fd1; --bare: #6b7480; --wrong: #b42318;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #121519; --card: #1a1e24; --ink: #e9ecef; --soft: #9ca6b1; --rule: #2c333b; --track: #272d35;
        --strata: #6ba3f7; --sqlite: #eda05f; --rocksdb: #53c2b2; --lmdb: #b69af5; --bare: #8b95a1; --wrong: #ff8a7d;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body {
      margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 72rem; background: var(--paper); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      font-variant-numeric: tabular-nums;
    }
    h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 0.6rem; }
    h2 { font-size: 1.4rem; letter-spacing: -0.01em; margin: 4rem 0 0.4rem; }
    p { margin: 0.3rem 0; max-width: 46rem; }
    .soft, .lead { color: var(--soft); }
    .lead { margin-bottom: 1.5rem; }
    .warning { color: var(--wrong); font-weight: 600; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; margin: 2rem 0 0; padding: 0; list-style: none; }
    .tiles li { background: var(--card); border-radius: 10px; padding: 1.1rem 1.2rem; }
    .tiles b { display: block; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.02em; font-weight: 650; }
    .tiles span { display: block; color: var(--soft); font-size: 0.9rem; }
    .grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1.5rem; margin-top: 1.5rem; }
    .card { background: var(--card); border-radius: 10px; padding: 1.1rem 1.2rem; min-width: 0; }
    table { border-collapse: collapse; width: 100%; }
    caption { text-align: left; font-weight: 600; padding: 0 0 0.5rem; }
    th { font-weight: 400; text-align: left; }
    thead th { color: var(--soft); font-size: 0.82rem; }
    td, th { padding: 0.28rem 0; vertical-align: middle; }
    svg { display: block; }

    .bars, .latencies { margin-top: 1.6rem; }
    .card .bars { margin-top: 0; }
    .bars .name { width: 31%; padding-right: 1rem; font-size: 0.92rem; }
    .bars .bar svg, .latencies .bar svg { width: 100%; height: 22px; overflow: visible; }
    .bars thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    .bars .figure { width: 7.5rem; text-align: right; padding-left: 1rem; font-weight: 600; white-space: nowrap; }
    .bars .note { width: 15rem; padding-left: 1.2rem; color: var(--soft); font-size: 0.86rem; }
    .card .bars .name { width: 27%; }
    .card .bars .note { width: 8rem; padding-left: 0.8rem; text-align: right; white-space: nowrap; }
    .card .bars .figure { width: 5.2rem; padding-left: 0.8rem; }
    .latencies .name { width: 31%; padding-right: 1rem; font-size: 0.92rem; }
    .latencies td:not(.bar), .latencies thead th:not(.bar):not(.name) { width: 5.2rem; text-align: right; white-space: nowrap; font-size: 0.9rem; }
    .latencies td.p50 { font-weight: 600; }
    .scale { position: relative; display: block; height: 1.2rem; }
    .scale span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
    .scale span:first-child { transform: none; }

    .e-strata { --engine: var(--strata); } .e-sqlite { --engine: var(--sqlite); }
    .e-rocksdb { --engine: var(--rocksdb); } .e-lmdb { --engine: var(--lmdb); }
    .e-bare, .e-other { --engine: var(--bare); }
    .track { fill: var(--track); }
    .fill { fill: var(--engine); }
    .beyond { fill: var(--card); }
    .spread { stroke: var(--ink); stroke-width: 1; opacity: 0.55; }
    .limit { stroke: var(--ink); stroke-width: 2; }
    .grid-line, line.grid { stroke: var(--rule); stroke-width: 1; }
    .tail { stroke: var(--soft); stroke-width: 1; opacity: 0.6; }
    .percentile { stroke: var(--engine); stroke-width: 2; opacity: 0.75; }
    .median { stroke: var(--engine); stroke-width: 6; }

    figure { margin: 0; }
    figcaption { font-weight: 600; margin-bottom: 0.5rem; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0 0 0.6rem; padding: 0; font-size: 0.88rem; color: var(--soft); }
    .legend li { display: flex; align-items: center; gap: 0.45rem; }
    .swatch { width: 22px; height: 12px; flex: none; }
    .plot { width: 100%; height: auto; }
    .plot text { fill: var(--soft); font-size: 11.5px; text-anchor: middle; }
    .plot text.up { text-anchor: end; }
    .line { stroke: var(--engine); stroke-width: 2; fill: none; }
    .line.second { stroke-dasharray: 5 4; }
    .lines .limit { stroke-width: 1.5; stroke-dasharray: 2 3; }
    .marker { fill: var(--engine); stroke: var(--card); stroke-width: 1; }
    details { margin-top: 0.7rem; font-size: 0.9rem; }
    summary { color: var(--soft); cursor: pointer; }
    .scroll { overflow-x: auto; }
    .plain { font-size: 0.86rem; margin-top: 0.6rem; }
    .plain td, .plain th { padding: 0.28rem 0.9rem 0.28rem 0; border-top: 1px solid var(--rule); vertical-align: baseline; }
    .plain thead th { border-top: 0; white-space: nowrap; }
    .plain td { white-space: nowrap; }
    .plain .number { text-align: right; }
    .key { display: inline-flex; align-items: center; gap: 0.4rem; margin-right: 1.2rem; color: var(--soft); font-size: 0.88rem; }
    .key svg { width: 34px; height: 16px; flex: none; }
    .wrong { color: var(--wrong); }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.5rem; font-size: 0.92rem; margin: 1rem 0 0; }
    dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }

    @media (max-width: 46rem) {
      body { padding: 1.6rem 1rem 3rem; }
      h1 { font-size: 1.65rem; }
      h2 { margin-top: 3rem; }
      .card { padding: 0.9rem; }
      .tiles { grid-template-columns: 1fr 1fr; gap: 0.7rem; }
      .tiles li { padding: 0.8rem 0.9rem; }
      .tiles b { font-size: 1.45rem; }
      .bars, .bars tbody, .latencies, .latencies tbody { display: block; }
      .bars caption, .latencies caption { display: block; }
      .bars tr, .latencies tr { display: grid; padding: 0.45rem 0; border-top: 1px solid var(--rule); }
      .bars tr { grid-template-columns: 1fr auto; grid-template-areas: "name figure" "bar bar" "note note"; }
      .bars .name, .card .bars .name { grid-area: name; width: auto; padding: 0; }
      .bars .bar { grid-area: bar; padding: 0.15rem 0; }
      .bars .figure, .card .bars .figure { grid-area: figure; width: auto; padding: 0 0 0 1rem; }
      .bars .note, .card .bars .note { grid-area: note; width: auto; padding: 0; text-align: left; }
      .latencies thead { display: block; }
      .latencies thead tr { border: 0; display: block; padding: 0; }
      .latencies thead th:not(.bar) { display: none; }
      .latencies thead th.bar { display: block; width: 100%; }
      .latencies tr { grid-template-columns: repeat(4, 1fr); grid-template-areas: "name name name name" "bar bar bar bar" "p50 p99 p999 max"; }
      .latencies .name { grid-area: name; width: auto; padding: 0; }
      .latencies .bar { grid-area: bar; padding: 0.15rem 0; }
      .latencies td:not(.bar) { width: auto; text-align: left; padding: 0; }
      .latencies td.p50 { grid-area: p50; } .latencies td.p99 { grid-area: p99; }
      .latencies td.p999 { grid-area: p999; } .latencies td.max { grid-area: max; }
      .latencies td:not(.bar)::before { content: attr(data-name); display: block; color: var(--soft); font-size: 0.78rem; font-weight: 400; }
      dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.4rem; }
    }
    @media print { .card, .tiles li { border: 1px solid var(--rule); } details { display: none; } }

    """
}
