import { createHash } from 'node:crypto';
import { IAM_PATH } from '@gatehouse/core/access/names';
import { structuredPatch } from 'diff';
import { ACCOUNT, CLUSTERS, PROD } from '../../cast.ts';
import type { Stage } from '../../stage.ts';
import { until } from '../../until.ts';
import type { Scene } from './memory.ts';

/** The document that others wrote: untouched while Gatehouse's entries stand, and the same bytes once they are gone. */
export async function bytesAct({ stage, show, memory }: Scene): Promise<void> {
  const before = memory.awsAuthBefore!;
  const during = await stage.awsAuth(PROD.name);
  const { style } = show.output;
  const hunks = structuredPatch('', '', asText(before), asText(during), '', '', { context: 2 }).hunks;
  show.note('the ConfigMap on prod-eu, before Gatehouse and now');
  for (const { oldStart, oldLines, newStart, newLines, lines } of hunks) {
    show.lines([style.dim(`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`)]);
    show.lines(
      lines.map((line) => (line.startsWith('+') ? style.good(line) : line.startsWith('-') ? style.bad(line) : line)),
    );
  }
  const removed = hunks.flatMap(({ lines }) => lines.filter((line) => line.startsWith('-')));
  const added = hunks.flatMap(({ lines }) => lines.filter((line) => line.startsWith('+')));
  show.expect('no line that others wrote is changed or gone', removed, []);
  show.expect(
    'without its own lines, the document is the old one, byte for byte',
    asText(during, added),
    asText(before),
  );

  show.note(
    'now everything is taken back: a policy without grants is uploaded. It only narrows, so it needs nobody to agree',
  );
  show.startClock();
  const document = withoutGrants(stage.policyText());
  const answer = (await stage.operate({ operation: 'upload-policy', document, by: 'demo' })) as { ok: boolean };
  show.expect('the policy is taken in', answer.ok, true);
  let after: Readonly<Record<string, string>> = {};
  await until(
    'aws-auth is what it was',
    stage.patience,
    async () => {
      after = await stage.awsAuth(PROD.name);
      return asText(after) === asText(before) ? true : undefined;
    },
    () => asText(after),
  );
  show.expect(`aws-auth is what it was, sha256 ${digest(before)}`, digest(after), digest(before));
  let left: readonly string[] = [];
  await until(
    'nothing of Gatehouse is left',
    stage.patience,
    async () => {
      left = [...ownPrincipals(stage), ...(await ownObjects(stage))];
      return left.length === 0 ? true : undefined;
    },
    () => left.join(', '),
  );
  await stage.rest();
  show.expect('no role, user, Role or binding of Gatehouse is left', left, []);
}

/** `data`, as one text; without the lines of a diff that were added. */
function asText(data: Readonly<Record<string, string>>, without: readonly string[] = []): string {
  const text = Object.keys(data)
    .sort()
    .map((key) => `${key}: |\n${data[key]}`)
    .join('\n');
  let rest = text;
  for (const line of without) {
    const at = rest.indexOf(`${line.slice(1)}\n`);
    rest = rest.slice(0, at) + rest.slice(at + line.length);
  }
  return rest;
}

const digest = (data: Readonly<Record<string, string>>): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(data).sort()))
    .digest('hex')
    .slice(0, 16);

/** The policy without its list of grants. */
function withoutGrants(text: string): string {
  return text.replace(/^grants:\n(?:(?: .*)?\n)+/m, 'grants: []\n\n');
}

/** What carries Gatehouse's label on the clusters. */
async function ownObjects(stage: Stage): Promise<readonly string[]> {
  const kinds = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'] as const;
  const lists = CLUSTERS.flatMap(({ name }) =>
    kinds.map((kind) =>
      stage.administratorOf(name).list(kind, { labelSelector: 'app.kubernetes.io/managed-by=gatehouse' }),
    ),
  );
  return (await Promise.all(lists)).flatMap(({ items }) =>
    items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  );
}

/** What is under Gatehouse's path in IAM. */
function ownPrincipals({ sandbox }: Stage): readonly string[] {
  const { roles, users } = sandbox.endpoint.iam.accounts.get(ACCOUNT)!;
  return [...roles.values(), ...users.values()].filter(({ path }) => path === IAM_PATH).map(({ name }) => name);
}
