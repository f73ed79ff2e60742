import type { Change, Claim, Kind, OwnedClaim } from '@gatehouse/core/resources/resource';

/** A line of a {@link listKind}. */
export interface LineClaim extends Claim {
  readonly username: string;
  readonly text?: string;
}

/** The lines of one object, by username; `strangers` belong to nobody of ours. */
export type Lines = Readonly<Record<string, string>>;

/**
 * The simplest kind there is: an object holds lines by username. What is there, wanted and not recorded is a stranger's.
 * It keeps the laws of a kind in so few words that a test of the planner tests the planner.
 */
export function listKind(name: string): Kind {
  return {
    name,
    iamActions: [],
    keepsSnapshot: false,
    observe: async () => ({}),
    apply: async (_ports, { after }) => after,
    diff(object, observed, { wanted, unwanted, recorded }) {
      const lines: Record<string, string> = { ...(observed as Lines | undefined) };
      const before = { ...lines };
      const findings = [];
      const made: { sign: '+' | '-'; text: string; subject: OwnedClaim['subject'] }[] = [];
      const known = new Set(recorded.map(({ claim }) => (claim as LineClaim).username));
      for (const { subject, claim } of unwanted) {
        const { username } = claim as LineClaim;
        if (!(username in lines) || wanted.some((one) => (one.claim as LineClaim).username === username)) continue;
        delete lines[username];
        made.push({ sign: '-', text: username, subject });
      }
      for (const { subject, claim } of wanted) {
        const { username, text = 'x' } = claim as LineClaim;
        if (username in before && !known.has(username) && before[username] !== text) {
          const code = 'foreign';
          findings.push({ code, severity: 'blocks' as const, object, subject, message: username, remedy: 'none' });
        } else if (lines[username] !== text) {
          lines[username] = text;
          made.push({ sign: '+', text: username, subject });
        }
      }
      if (made.length === 0) return { findings };
      const change: Change = { kind: name, object, action: 'update', before, after: lines, lines: made };
      return { change, findings };
    },
  };
}
