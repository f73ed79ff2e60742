import { groupsIn } from '@gatehouse/core/access/grantee';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { columns } from '../terminal/columns.ts';
import { COMMAND } from '../terminal/help.ts';
import type { Output } from '../terminal/terminal.ts';
import { webhookHeaders } from '../verbs/sign-webhook.ts';

/** What a sandbox says once it is ready: where everything is, what to paste, where to look then. */
export function writeWelcome(output: Output, sandbox: Sandbox, policy: AccessPolicy, environment: string): void {
  const { style } = output;
  const label = (text: string) => ({ text, paint: style.dim });
  output.write(`${style.good('ready')}  Gatehouse on this machine, with an AWS and clusters that play along\n\n`);
  const clusters = Object.entries(sandbox.clusters);
  output.write(
    columns(
      [
        [label('webhooks'), `${sandbox.webhookUrl}/standard`, label('and /okta')],
        [label('AWS'), sandbox.awsEndpointUrl, label(`account ${sandbox.account}, ${sandbox.region}`)],
        ...clusters.map(([name, { server }]) => [{ text: name, paint: style.name }, server, label('Kubernetes API')]),
        ...clusters.map(([, { kubeconfig }], index) => [label(index === 0 ? 'kubeconfig' : ''), kubeconfig, '']),
      ],
      { style, indent: 2 },
    ),
  );
  output.write(`  ${style.dim('the kubeconfigs are those of kubernetes-admin, the administrator of the sandbox')}\n\n`);
  const { group, user, granted } = exampleMember(policy);
  const inVain = granted
    ? ''
    : ` (which changes nothing: no grant of the policy is for a group of the source "standard")`;
  output.write(
    `${style.bold('Add a member')}: ${user} joins ${group}${inVain}. Signed, good for the next 5 minutes; paste it:\n\n`,
  );
  output.write(`${signedCurl(sandbox, { group, user })}\n\n`);
  output.write(`${style.bold('Then look')}, in another shell:\n\n`);
  output.write(
    columns(
      [
        [`. ${environment}`, label('# keys and kubeconfigs of the sandbox, for aws, kubectl and gatehouse')],
        [`${COMMAND} status`, label('# what is in force, and what waits')],
        [
          `${COMMAND} ledger ${clusters[0]?.[0] ?? `iam/${sandbox.account}`}`,
          label('# who got what, and because of which event'),
        ],
        [
          'kubectl get rolebindings,clusterrolebindings -A -l app.kubernetes.io/managed-by=gatehouse',
          label('# who is bound'),
        ],
      ],
      { style, indent: 2 },
    ),
  );
  output.write(`\n${style.bold('Another event')}, in event.json (or the same, once its 5 minutes are over):\n\n`);
  output.write(`  ${COMMAND} sign-webhook event.json > headers\n`);
  output.write(
    `  curl -i ${sandbox.webhookUrl}/standard -H @headers -H 'content-type: application/json' --data-binary @event.json\n`,
  );
  output.write(`\n${style.dim('Ctrl-C ends it. What happens, as it happens:')}\n`);
}

/** Somebody whom the policy knows, and a group of the same source that it grants something to. */
export function exampleMember({ grants, identities }: AccessPolicy) {
  const [group] = grants.flatMap((grant) => groupsIn(grant, 'standard'));
  const people = identities.flatMap((rule) =>
    rule.source === 'standard' && 'map' in rule ? Object.keys(rule.map) : [],
  );
  return { group: group ?? 'operators', user: people[0] ?? 'mia', granted: group !== undefined };
}

/** A delivery of Standard Webhooks that adds somebody to a group, ready to be pasted into a shell. */
export function signedCurl(
  sandbox: Sandbox,
  { group, user }: { readonly group: string; readonly user: string },
): string {
  const now = Date.now();
  const body = JSON.stringify({
    type: 'group.member-added',
    timestamp: new Date(now).toISOString(),
    data: { group: { id: group }, user: { id: user, login: `${user}@example.com` } },
  });
  const headers = webhookHeaders(sandbox.webhookSecret('standard'), Buffer.from(body), { now });
  const lines = [
    `curl -i ${sandbox.webhookUrl}/standard`,
    `-H 'content-type: application/json'`,
    ...Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}'`),
    // An id may hold a quote, which would end a text in quotes.
    `--data-raw '${body.replaceAll("'", "'\\''")}'`,
  ];
  return lines.join(' \\\n  ');
}
