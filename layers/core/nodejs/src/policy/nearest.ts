/** How many candidates are looked at: a hint is not worth more time. */
const CANDIDATES = 200;

/** The candidate that was probably meant: at most two letters away, and fewer than half of them. */
export function nearestName(text: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let fewest = Math.min(3, Math.ceil(text.length / 2) + 1);
  let looked = 0;
  for (const candidate of candidates) {
    if (++looked > CANDIDATES) break;
    const edits = distance(text.toLowerCase().slice(0, 64), candidate.toLowerCase().slice(0, 64));
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
