import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { columns } from '../terminal/columns.ts';
import { COMMAND } from '../terminal/help.ts';
import type { Output } from '../terminal/terminal.ts';
import { webhookHeaders } from '../verbs/sign-webhook.ts';
import { type Examples, exampleMember, examplesOf } from './people.ts';

/** What a sandbox says once it is ready: where everything is, what to paste, where to look then. */
export function writeWelcome(
  output: Output,
  sandbox: Sandbox,
  { policy, policyFile }: { readonly policy: AccessPolicy; readonly policyFile: string },
  environment: string,
): void {
  const { style } = output;
  const label = (text: string) => ({ text, paint: style.dim });
  output.write(`${style.good('ready')}  Gatehouse on this machine, with an AWS and clusters that play along\n\n`);
  const clusters = Object.entries(sandbox.clusters);
  output.write(
    columns(
      [
        [label('webhooks'), `${sandbox.webhookUrl}/standard`, label('and /okta')],
        [label('look'), `${sandbox.awsEndpointUrl}/`, label('in a browser: what happens, and who has access')],
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
  const lines = [
    [`. ${environment}`, 'for aws, kubectl and gatehouse; the people of the policy are profiles'] as const,
    ...nextSteps(examplesOf(policy), user, { account: sandbox.account, policyFile }),
  ];
  for (const [line, does] of lines) output.write(`  ${style.dim(`# ${does}`)}\n  ${line}\n`);
  output.write(`\n${style.bold('Another event')}, in event.json (or the same, once its 5 minutes are over):\n\n`);
  output.write(`  ${COMMAND} sign-webhook event.json > headers\n`);
  output.write(
    `  curl -i ${sandbox.webhookUrl}/standard -H @headers -H 'content-type: application/json' --data-binary @event.json\n`,
  );
  output.write(`\n${style.dim('Ctrl-C ends it. What happens, as it happens:')}\n`);
}

/** Lines to paste one after the other, and what each shows. */
export function nextSteps(
  { cluster, way, machine }: Examples,
  user: string,
  { account, policyFile }: { readonly account: string; readonly policyFile: string },
): readonly (readonly [line: string, does: string])[] {
  const steps: (readonly [string, string])[] = [
    [`${COMMAND} status`, 'what is in force, and what waits'],
    [`${COMMAND} ledger ${cluster ?? `iam/${account}`}`, 'who got what, and because of which event'],
  ];
  if (cluster === undefined) return steps;
  steps.push(
    [`${COMMAND} verify ${user} --cluster ${cluster}`, `what ${user} can do, what not, and by which grant`],
    [`${COMMAND} can-i list secrets --cluster ${cluster} -n kube-system --as ${user}`, 'why not? (exit code 3: no)'],
  );
  if (way !== undefined) {
    const { grant, profile } = way;
    const file = `${profile}.kubeconfig`;
    const named = `--grant ${grant} --policy ${policyFile} --profile ${profile} --kubeconfig ${file}`;
    steps.push(
      [`${COMMAND} kubeconfig ${cluster} ${named}`, `${profile}'s way in`],
      [`kubectl --kubeconfig ${file} auth whoami`, `${profile} comes in`],
    );
  }
  if (machine !== undefined) steps.push([`${COMMAND} rotate-key ${machine}`, 'another access key, with an overlap']);
  return steps;
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
