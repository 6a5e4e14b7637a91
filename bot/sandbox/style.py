"""The one stylesheet of the sandbox's pages."""

STYLE = """
:root { --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --ground: #fff; --shade: #f6f8fa;
  --link: #0969da; --good: #1a7f37; --bad: #d1242f; --wait: #9a6700; --done: #8250df; }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d;
  --ground: #0d1117; --shade: #151b23; --link: #4493f8; --good: #3fb950; --bad: #f85149;
  --wait: #d29922; --done: #ab7df8; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--ground);
  font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center;
  padding: .7rem 1.5rem; background: var(--shade); border-bottom: 1px solid var(--line); }
header .tool { color: var(--wait); font-size: 13px; } header form { margin-left: auto; }
main { max-width: 62rem; margin: 1.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; font-weight: 500; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; }
nav { display: flex; flex-wrap: wrap; gap: 1.2rem; border-bottom: 1px solid var(--line);
  padding-bottom: .6rem; margin-bottom: 1rem; }
.soft { color: var(--soft); } code, pre, textarea { font: 13px/1.45 ui-monospace, monospace; }
.card { border: 1px solid var(--line); border-radius: 6px; margin: 0 0 1rem; overflow: hidden; }
.card > .head { background: var(--shade); padding: .45rem .9rem; font-size: 14px;
  border-bottom: 1px solid var(--line); }
.card > .body { padding: .6rem .9rem; overflow-x: auto; }
.row { padding: .55rem .9rem; border-top: 1px solid var(--line); } .row:first-child { border: 0; }
.row form, .inline { display: inline-block; margin: 0 .3rem 0 0; }
.badge { color: #fff; border-radius: 2em; padding: .12rem .7rem; font-size: 13px;
  background: var(--soft); }
.badge.open, .badge.success { background: var(--good); }
.badge.merged { background: var(--done); } .badge.pending { background: var(--wait); }
.badge.closed, .badge.failure, .badge.error { background: var(--bad); }
.label { border: 1px solid var(--line); border-radius: 2em; padding: 0 .6rem; font-size: 12px; }
table { border-collapse: collapse; } .body th, .body td { border: 1px solid var(--line);
  padding: .3rem .7rem; text-align: left; }
.body h1 { font-size: 1.25rem; }
pre { background: var(--shade); padding: .7rem; margin: 0; overflow-x: auto; }
pre.diff { padding: .3rem 0; } pre.diff span { display: block; padding: 0 .9rem; }
.add { background: color-mix(in srgb, var(--good) 18%, transparent); }
.cut { background: color-mix(in srgb, var(--bad) 18%, transparent); }
.hunk { color: var(--soft); }
textarea, input, select { width: 100%; padding: .4rem .6rem; border: 1px solid var(--line);
  border-radius: 6px; background: var(--ground); color: var(--ink); }
select, input.short { width: auto; font-size: 14px; }
button { font: inherit; font-size: 14px; padding: .25rem .9rem; border-radius: 6px;
  border: 1px solid var(--line); background: var(--shade); color: var(--ink); cursor: pointer; }
button.main { background: var(--good); border-color: var(--good); color: #fff; }
.said { border: 1px solid var(--wait); border-radius: 6px; padding: .6rem .9rem;
  margin-bottom: 1rem; }
"""
