import { USERNAME_PREFIX } from '@gatehouse/core/access/names';
import { isSecondLook } from '../../aws/status-outcome.ts';
import { shortTarget } from '../../aws/targets.ts';
import { placeOf } from '../../pipeline/narrate.ts';
import { counted } from '../../terminal/text.ts';
import type { Bound, Door } from './cluster-access.ts';
import { type Content, type Html, html } from './html.ts';
import type { ClusterView, View } from './view.ts';

/** What the page is made of, beside what it shows. */
export interface PageOptions {
  /** Of the Content-Security-Policy: only what carries it is run and applied. */
  readonly nonce: string;
  /** A command that sends an event, for whoever sees that none came yet. */
  readonly tryIt: string;
}

/** More rows of one table than these are only counted. */
const ROWS = 100;

/**
 * The page. Each section has an id: the script in it fetches {@link renderMain} again and puts those sections in place that
 * read differently, so there is one way in which anything is shown.
 */
export function renderPage(view: View, { nonce, tryIt }: PageOptions): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gatehouse sandbox</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header>
<h1>Gatehouse <span>sandbox</span></h1>
<p id="live" role="status">live</p>
</header>
${renderMain(view, tryIt)}
<footer><p>It only looks. What happens here is asked for by events, the policy, and the command: <code>npx gatehouse --help</code></p></footer>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

/** What changes of it. */
export function renderMain(view: View, tryIt: string): Html {
  const { clusters, happened, status } = view;
  return html`<main>
${summary(view)}
${findings(status)}
<div class="columns">
<div>${section('clusters', 'Access', clusters.map(clusterCard))}</div>
<div>
${section('events', 'Events', deliveries(happened.deliveries, tryIt))}
${section('waiting', 'Waiting', waiting(status.waiting))}
${section('turns', 'Turns', turns(happened.turns))}
</div>
</div>
</main>`;
}

function section(id: string, title: string, content: Content): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${content}</section>`;
}

function summary({ status: { policy, proposed, waiting, findings, refused }, clusters }: View): Html {
  const version = policy ? `version ${policy.version}` : 'none yet';
  const more = [
    ...(policy?.partial ? ['what it widens waits for a person'] : []),
    ...(proposed ? [`version ${proposed.version} waits: npx gatehouse activate-policy ${proposed.version}`] : []),
    ...(refused ? [`the last upload was refused: ${refused.errors[0]?.message ?? ''}`] : []),
  ];
  const people = new Set(
    clusters.flatMap(({ access }) => ('bound' in access ? access.bound.map(({ who }) => who) : [])),
  ).size;
  const open = waiting.filter((mark) => !isSecondLook(mark)).length;
  const tile = (name: string, value: Content, tone = ''): Html =>
    html`<div class="${tone}"><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<section id="summary" aria-label="Summary"><dl>
${tile('Policy', html`${version}${policy ? html` <code>${policy.digest.slice(0, 8)}</code>` : undefined}`)}
${tile('Clusters', clusters.length)}
${tile('Bound', people)}
${tile('Waiting', open, open > 0 ? 'busy' : '')}
${tile('Findings', findings.length, findings.length > 0 ? 'bad' : '')}
</dl>${more.map((text) => html`<p class="note">${text}</p>`)}</section>`;
}

function findings({ findings: found, onboarding }: View['status']): Html {
  const all = [
    ...found.map(({ code, target, subject, message, remedy }) => ({
      code,
      where: subject === undefined ? shortTarget(target) : `${shortTarget(target)}, ${subject}`,
      message,
      remedy,
    })),
    ...(onboarding?.findings ?? []).map(({ code, environment, namespace, message, remedy }) => ({
      code,
      where: namespace === undefined ? environment : `${namespace} on ${environment}`,
      message,
      remedy,
    })),
  ];
  if (all.length === 0) return html`<section id="findings" hidden></section>`;
  const items = all
    .slice(0, ROWS)
    .map(
      ({ code, where, message, remedy }) =>
        html`<li><p><strong>${code}</strong> ${where}</p><p>${message}</p><p class="remedy">Try: ${remedy}</p></li>`,
    );
  return section('findings', 'Findings', html`<ul>${items}</ul>${moreThan(all.length)}`);
}

function clusterCard({ name, arn, mode, access }: ClusterView): Html {
  const [, , , region, account] = arn.split(':');
  return html`<article><h3>${name} <span class="mode ${mode}">${mode}</span> <small>${region}, ${account}</small></h3>
${'unread' in access ? html`<p class="note bad">It cannot be read: ${access.unread}</p>` : accessTables(access)}</article>`;
}

function accessTables({ bound, doors, problems }: Exclude<ClusterView['access'], { unread: string }>): Html {
  return html`${
    bound.length === 0
      ? html`<p class="none">Nobody is bound by Gatehouse.</p>`
      : table('Who may do what', ['Who', 'Where', 'Role', 'Grant'], bound.map(boundRow))
  }
<details><summary>aws-auth: ${counted(doors.length, 'line')}</summary>
${doors.length === 0 ? html`<p class="none">Nobody is let in by it.</p>` : table('Who is let in', ['ARN', 'As', 'Groups'], doors.map(doorRow))}
${problems.map((problem) => html`<p class="note bad">${problem}</p>`)}
</details>`;
}

function boundRow({ who, grant, role, namespace }: Bound): readonly Content[] {
  return [
    html`<span title="${who}">${who.startsWith(USERNAME_PREFIX) ? who.split(':').at(-1) : who}</span>`,
    namespace ?? html`<em>whole cluster</em>`,
    html`<code>${role.replace(/^(ClusterRole|Role) gatehouse:/, '$1 ')}</code>`,
    grant,
  ];
}

function doorRow({ arn, username, groups }: Door): readonly Content[] {
  const own = username.startsWith(USERNAME_PREFIX);
  return [
    html`<code title="${arn}">${arn.split(':').slice(4).join(':')}</code>`,
    html`<code class="${own ? 'own' : ''}">${username}</code>`,
    groups.length === 0 ? html`<em>none</em>` : groups.join(', '),
  ];
}

function deliveries(all: View['happened']['deliveries'], tryIt: string): Html {
  if (all.length === 0) {
    return html`<p class="none">Nothing came yet. Somebody joins a group, signed for the next minutes:</p><pre tabindex="0">${tryIt}</pre>`;
  }
  const tone = { 'taken in': 'good', 'known already': '', ignored: '', refused: 'bad' } as const;
  return table(
    'What came',
    ['Time', 'Source', 'Outcome', ''],
    all.map(({ at, source, outcome, text, id }) => [
      time(at),
      source,
      html`<span class="${tone[outcome]}">${outcome}</span>`,
      html`<span title="${id}">${text}</span>`,
    ]),
  );
}

function waiting(marks: View['status']['waiting']): Html {
  if (marks.length === 0) return html`<p class="none">Nothing: all that is known is done.</p>`;
  const rows = marks
    .slice(0, ROWS)
    .map((mark) => [
      placeOf(mark.target),
      mark.subject,
      html`<span class="${mark.urgency === 'revocation' ? 'busy' : ''}">${mark.urgency}</span>`,
      time(mark.since),
      mark.attempts,
      mark.failure?.message ?? (isSecondLook(mark) ? 'written; only to be seen' : ''),
    ]);
  return html`${table('Marks', ['Target', 'Subject', 'Urgency', 'Since', 'Tries', 'Why'], rows)}${moreThan(marks.length)}`;
}

function turns(all: View['happened']['turns']): Html {
  if (all.length === 0) return html`<p class="none">None yet.</p>`;
  const tone = { turn: '', verified: 'good', contradicted: 'bad' } as const;
  return table(
    'What was done',
    ['Time', 'Target', '', 'Outcome'],
    all.map(({ at, word, where, text }) => [time(at), where, html`<span class="${tone[word]}">${word}</span>`, text]),
  );
}

function table(caption: string, heads: readonly string[], rows: readonly (readonly Content[])[]): Html {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${heads.map((head) => (head === '' ? html`<td></td>` : html`<th scope="col">${head}</th>`))}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

function moreThan(count: number): Html | undefined {
  return count > ROWS ? html`<p class="none">and ${count - ROWS} more: npx gatehouse status</p>` : undefined;
}

function time(milliseconds: number): Html {
  const text = new Date(milliseconds).toISOString();
  return html`<time datetime="${text}" title="${text}">${text.slice(11, 19)}</time>`;
}

const STYLE = html`
:root { color-scheme: light dark;
  --paper: light-dark(#f6f5f2, #14171a); --card: light-dark(#ffffff, #1c2024); --ink: light-dark(#1d2328, #e4e6e8);
  --soft: light-dark(#5b656e, #98a2ab); --line: light-dark(#e2e0da, #2d3338); --good: light-dark(#1c6e42, #6fcf97);
  --bad: light-dark(#b3261e, #ff8f85); --busy: light-dark(#8a5a00, #f0b95a); --own: light-dark(#0b5a9d, #7cc0ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
header, main, footer { max-width: 1360px; margin: 0 auto; padding: 0 20px; }
header { display: flex; align-items: baseline; justify-content: space-between; padding-top: 20px; }
h1 { font-size: 20px; margin: 0; letter-spacing: -.01em; } h1 span { color: var(--soft); font-weight: 400; }
#live { margin: 0; color: var(--good); font-size: 13px; } #live::before { content: "\\25CF"; margin-right: 6px; } #live.off { color: var(--bad); }
h2 { font-size: 12px; font-weight: 600; text-transform: uppercase; letter-spacing: .07em; color: var(--soft); margin: 28px 0 8px; }
h3 { font-size: 16px; margin: 0 0 8px; display: flex; gap: 8px; align-items: baseline; flex-wrap: wrap; } small { color: var(--soft); font-weight: 400; font-size: 13px; }
dl { display: grid; grid-template-columns: 2fr repeat(4, 1fr); gap: 1px; margin: 16px 0 0; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
dl div { background: var(--card); padding: 10px 14px; } dt { color: var(--soft); font-size: 13px; } dd { margin: 0; font-size: 20px; } dd code { font-size: 13px; color: var(--soft); }
dl .bad dd { color: var(--bad); } dl .busy dd { color: var(--busy); }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 32px; }
article, #events > .scroll, #turns > .scroll, #waiting > .scroll, #findings ul, pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
article { padding: 14px 16px; margin-bottom: 12px; }
.mode { font-size: 12px; font-weight: 500; border: 1px solid currentColor; border-radius: 99px; padding: 0 8px; color: var(--soft); } .mode.enforce { color: var(--good); } .mode.paused { color: var(--busy); }
.scroll { overflow-x: auto; max-height: 420px; overflow-y: auto; } article .scroll { margin: 0 -16px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } caption { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
th, td { text-align: left; padding: 5px 16px; vertical-align: top; } thead th, thead td { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 500; font-size: 13px; border-bottom: 1px solid var(--line); }
tbody tr + tr td { border-top: 1px solid var(--line); } time, td:first-child { white-space: nowrap; } td time { color: var(--soft); }
code, pre { font: 13px/1.5 ui-monospace, monospace; } .own { color: var(--own); } em { color: var(--soft); font-style: normal; }
.good { color: var(--good); } .bad { color: var(--bad); } .busy { color: var(--busy); } .none, .note, footer { color: var(--soft); } .note.bad { color: var(--bad); }
details { margin-top: 8px; } summary { cursor: pointer; color: var(--soft); font-size: 14px; }
pre { padding: 12px 14px; overflow-x: auto; margin: 0; }
#findings ul { list-style: none; margin: 0; padding: 0; border-color: var(--bad); } #findings li { padding: 10px 16px; } #findings li + li { border-top: 1px solid var(--line); }
#findings p { margin: 0; overflow-wrap: anywhere; } #findings strong { color: var(--bad); } .remedy { color: var(--soft); }
footer { font-size: 13px; padding-bottom: 24px; margin-top: 24px; }
:focus-visible { outline: 2px solid var(--own); outline-offset: 2px; }
@media (max-width: 900px) { .columns { grid-template-columns: minmax(0, 1fr); } dl { grid-template-columns: 1fr 1fr; } dl div:first-child { grid-column: 1 / -1; } th, td { padding: 5px 8px; } table { font-size: 13px; } }
`;

/** What a person has scrolled or opened stays so. */
const SCRIPT = html`
const live = document.getElementById('live');
let busy = false, again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch('/main', { headers: { accept: 'text/html' } });
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    for (const next of fresh.querySelectorAll('section[id]')) {
      const shown = document.getElementById(next.id);
      if (shown.dataset.text === next.outerHTML) continue;
      const text = next.outerHTML;
      const open = [...shown.querySelectorAll('details')].map((one) => one.open);
      next.querySelectorAll('details').forEach((one, index) => { one.open = open[index] === true; });
      const places = [...shown.querySelectorAll('.scroll')].map((one) => [one.scrollLeft, one.scrollTop]);
      shown.replaceWith(next);
      next.dataset.text = text;
      next.querySelectorAll('.scroll').forEach((one, index) => { [one.scrollLeft, one.scrollTop] = places[index] ?? [0, 0]; });
    }
  } catch {
  } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}
const say = (text, off) => { live.textContent = text; live.classList.toggle('off', off); };
const REFUSED = 'not live: too many pages are open; close one, and load this one again';
const source = new EventSource('/live');
source.onopen = () => { say('live', false); refresh(); };
source.onmessage = refresh;
// A browser asks again by itself, unless it was told no.
source.onerror = () => say(source.readyState === EventSource.CLOSED ? REFUSED : 'the sandbox does not answer', true);
`;
