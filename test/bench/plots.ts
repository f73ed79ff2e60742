import type { Plot } from './figures.ts';

const WIDTH = 860;
/** Of the plane in which values stand. */
const LEFT = 170;
const RIGHT = 20;
const TOP = 70;
const PLANE = 280;
/** Names under bars stand aslant; this much room have they. */
const NAMES = 130;

/** Two colours that can be told apart on white and on black, also without seeing red from green; a third and fourth for lines. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7'];

const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .axis { stroke: #57606a; }
  .grid { stroke: #d0d7de; }
  .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .axis { stroke: #9198a1; }
    .grid { stroke: #3d444d; }
    .ground { fill: #0d1117; }
  }
</style>`;

/** A plot as SVG: the same plot gives the same bytes. It follows the reader's choice of light or dark. */
export function svgOf(plot: Plot): string {
  const names = plot.kind === 'bars' ? NAMES : 40;
  const height = TOP + PLANE + names + 30;
  const scale = scaleOf(plot);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(plot.title)}">`,
    STYLE,
    `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${LEFT}" y="24">${escaped(plot.title)}</text>`,
    ...legend(plot),
    ...grid(scale),
    `<text transform="translate(${LEFT - 62} ${TOP + PLANE / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.y)}</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${height - 10}" text-anchor="middle">${escaped(plot.x)}</text>`,
    ...(plot.kind === 'bars' ? bars(plot, scale) : lines(plot, scale)),
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${TOP + PLANE}" y2="${TOP + PLANE}"/>`,
    `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${TOP}" y2="${TOP + PLANE}"/>`,
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** Where a value stands, and the values that have a line. */
interface Scale {
  readonly ticks: readonly number[];
  y(value: number): number;
}

function scaleOf({ series, logarithmic }: Plot): Scale {
  const values = series.flatMap((one) => one.values);
  const largest = Math.max(...values, 0);
  if (logarithmic) {
    const [low, high] = [
      Math.floor(Math.log10(Math.min(...values.filter((value) => value > 0)))),
      Math.ceil(Math.log10(largest)),
    ];
    const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
    return { ticks, y: (value) => TOP + PLANE - ((Math.log10(value) - low) / (high - low || 1)) * PLANE };
  }
  const step = stepFor(largest);
  const steps = Math.max(1, Math.ceil(largest / step));
  const ticks = Array.from({ length: steps + 1 }, (_, index) => index * step);
  return { ticks, y: (value) => TOP + PLANE - (value / (steps * step)) * PLANE };
}

/** 1, 2 or 5 times a power of ten, such that some five lines stand above each other. */
function stepFor(largest: number): number {
  const power = 10 ** Math.floor(Math.log10(largest / 5 || 1));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => largest / step <= 6) ?? power;
}

function grid({ ticks, y }: Scale): string[] {
  return ticks.flatMap((tick) => [
    `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(tick))}" y2="${at(y(tick))}"/>`,
    `<text x="${LEFT - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${number(tick)}</text>`,
  ]);
}

function legend({ series }: Plot): string[] {
  if (series.length < 2) return [];
  let x = LEFT;
  return series.flatMap(({ name }, index) => {
    const place = x;
    x += 34 + name.length * 7.5;
    return [
      `<rect x="${at(place)}" y="38" width="12" height="12" fill="${COLOURS[index]}"/>`,
      `<text x="${at(place + 18)}" y="49">${escaped(name)}</text>`,
    ];
  });
}

function bars({ labels, series }: Plot, { y }: Scale): string[] {
  const group = (WIDTH - LEFT - RIGHT) / labels.length;
  const width = Math.min(48, (group * 0.7) / series.length);
  return labels.flatMap((label, place) => {
    const middle = LEFT + group * (place + 0.5);
    const first = middle - (width * series.length) / 2;
    const drawn = series.flatMap(({ values }, index) => {
      const [value, x] = [values[place]!, first + index * width];
      return [
        `<rect x="${at(x)}" y="${at(y(value))}" width="${at(width - 2)}" height="${at(TOP + PLANE - y(value))}" fill="${COLOURS[index]}"/>`,
        `<text x="${at(x + width / 2 - 1)}" y="${at(y(value) - 4)}" text-anchor="middle" style="font-size:10px">${number(value)}</text>`,
      ];
    });
    const [below, text] = [TOP + PLANE + 16, escaped(String(label))];
    const name = `<text transform="translate(${at(middle)} ${below}) rotate(-24)" text-anchor="end" style="font-size:11px">${text}</text>`;
    return [...drawn, name];
  });
}

function lines({ labels, series, logarithmic }: Plot, { y }: Scale): string[] {
  const numbers = labels.map(Number);
  const along = (value: number) => (logarithmic ? Math.log10(value) : value);
  const [from, to] = [along(Math.min(...numbers)), along(Math.max(...numbers))];
  const x = (value: number) => LEFT + 40 + ((along(value) - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT - 80);
  const marks = numbers.map(
    (value) => `<text x="${at(x(value))}" y="${TOP + PLANE + 20}" text-anchor="middle">${number(value)}</text>`,
  );
  const drawn = series.flatMap(({ values }, index) => {
    const points = values.map((value, place) => `${at(x(numbers[place]!))},${at(y(value))}`);
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOURS[index]}" stroke-width="2"/>`,
      ...points.map((point) => {
        const [cx, cy] = point.split(',');
        return `<circle cx="${cx}" cy="${cy}" r="4" fill="${COLOURS[index]}"/>`;
      }),
    ];
  });
  return [...marks, ...drawn];
}

const at = (pixels: number): string => String(Math.round(pixels * 10) / 10);
const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
