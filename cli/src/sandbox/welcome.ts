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
  output.write(
    columns(
      [
        [label('webhooks'), `${sandbox.webhookUrl}/standard`, label('and /okta')],
        [label('AWS'), sandbox.awsEndpointUrl, label(`account ${sandbox.account}, ${sandbox.region}`)],
        ...Object.entries(sandbox.clusters).map(([name, { server, kubeconfig }]) => [
          label('cluster'),
          server,
          { text: name, paint: style.name },
          label(kubeconfig),
        ]),
      ].map((row) => [...row, ...Array.from({ length: 4 - row.length }, () => '')]),
      { style, indent: 2 },
    ),
  );
  output.write(
    `  ${style.dim('The kubeconfigs are those of the administrator of the sandbox (kubernetes-admin, system:masters).')}\n\n`,
  );
  output.write(
    `${style.bold('Add a member')}: mia joins payments-operators. Signed for the next 5 minutes; paste it:\n\n`,
  );
  output.write(`${signedCurl(sandbox)}\n\n`);
  output.write(`${style.bold('Then look')}, in a shell of its own:\n\n`);
  output.write(
    columns(
      [
        [`  . ${environment}`, label('keys and kubeconfigs of the sandbox')],
        [`  ${COMMAND} status`, label('what is in force, what waits')],
        [`  ${COMMAND} ledger prod-eu`, label('who got what, and why')],
        ['  kubectl get rolebindings -n pay -o wide', label('mia is bound')],
        [
          `  ${COMMAND} sign-webhook event.json | curl -H @- -H 'content-type: application/json' --data-binary @event.json ${sandbox.webhookUrl}/standard`,
          label('any other event'),
        ],
      ],
      { style },
    ),
  );
  output.write(`\n${style.dim('Ctrl-C ends it. What happens:')}\n`);
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
