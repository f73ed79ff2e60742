import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { columns } from '../terminal/columns.ts';
import { COMMAND } from '../terminal/help.ts';
import type { Output } from '../terminal/terminal.ts';
import { webhookHeaders } from '../verbs/sign-webhook.ts';

/** What a sandbox says once it is ready: where everything is, what to paste, where to look then. */
export function writeWelcome(output: Output, sandbox: Sandbox, environment: string): void {
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
  output.write(
    `${style.bold('Add a member')}: mia joins payments-operators on prod-eu. Signed, good for the next 5 minutes:\n\n`,
  );
  output.write(`${signedCurl(sandbox)}\n\n`);
  output.write(`${style.bold('Then look')}, in another shell:\n\n`);
  output.write(
    columns(
      [
        [`. ${environment}`, label('# keys and kubeconfigs of the sandbox, for aws, kubectl and gatehouse')],
        [`${COMMAND} status`, label('# what is in force, and what waits')],
        [`${COMMAND} ledger prod-eu`, label('# who got what, and because of which event')],
        ['kubectl get rolebindings -n pay -o yaml', label('# whom it is bound to')],
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

/** A delivery of Standard Webhooks that adds mia to the operators, ready to be pasted into a shell. */
export function signedCurl(sandbox: Sandbox): string {
  const now = Date.now();
  const body = JSON.stringify({
    type: 'group.member-added',
    timestamp: new Date(now).toISOString(),
    data: { group: { id: 'payments-operators' }, user: { id: 'mia', login: 'mia@example.com' } },
  });
  const headers = webhookHeaders(sandbox.webhookSecret('standard'), Buffer.from(body), { now });
  const lines = [
    `curl -i ${sandbox.webhookUrl}/standard`,
    `-H 'content-type: application/json'`,
    ...Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}'`),
    `--data-raw '${body}'`,
  ];
  return lines.join(' \\\n  ');
}
