import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import { signWebhook } from '@gatehouse/core/sources/standard/signature';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, withFormats } from '../terminal/answer.ts';
import { withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly id?: string;
  readonly secretName: string;
}

/** `sign-webhook`: the headers that a Standard Webhook needs, for trying things by hand. */
export function addSignWebhook(program: Command, terminal: Terminal): void {
  const verb = program
    .command('sign-webhook <file>')
    .description('print the three headers that prove a Standard Webhook, valid for 5 minutes ("-" reads stdin)')
    .option('--id <id>', 'id of the event (default: a new one; the same id again is the same event)')
    .option(
      '--secret-name <name>',
      'secret in Secrets Manager; GATEHOUSE_WEBHOOK_SECRET in the environment comes first',
      'gatehouse/webhooks/standard',
    );
  withFormats(withAwsOptions(verb), ['table', 'json']).action((file: string, options: Options) =>
    sign(terminal, file, options),
  );
  withExamples(verb, [
    ['gatehouse sign-webhook event.json > headers', 'for the exact bytes of the file'],
    ["curl -H @headers -H 'content-type: application/json' --data-binary @event.json URL/webhooks/standard", 'send it'],
  ]);
  withNote(
    verb,
    'The headers are written as they go over the wire, for "curl -H @headers"; with -o json they are one object ' +
      'and nothing else.',
  );
  withExitCodes(verb);
}

async function sign(terminal: Terminal, file: string, options: Options): Promise<void> {
  const body = readFileSync(file === '-' ? 0 : file);
  const secret = await signingSecret(terminal, options);
  const headers = webhookHeaders(secret, body, {
    now: Date.now(),
    ...(options.id === undefined ? {} : { id: options.id }),
  });
  if (options.output === 'json') writeJson(terminal.out, headers);
  else for (const [name, value] of Object.entries(headers)) terminal.out.write(`${name}: ${value}\n`);
}

/** The three headers of a Standard Webhook for these bytes. `now` in milliseconds UTC. @throws Failure `invalid` for a bad secret. */
export function webhookHeaders(
  secret: string,
  body: Uint8Array,
  { now, id = `msg_${randomUUID().replaceAll('-', '')}` }: { readonly now: number; readonly id?: string },
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const timestamp = Math.floor(now / 1000);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signWebhook(secret, id, timestamp, body),
  };
}

/** What proves a webhook: of the environment, or as the stack has it. @throws Failure `not-found`. */
export async function signingSecret(
  { env }: Pick<Terminal, 'env'>,
  options: AwsOptions & Pick<Options, 'secretName'>,
): Promise<string> {
  return env.GATEHOUSE_WEBHOOK_SECRET || storedSecret(options);
}

async function storedSecret(options: AwsOptions & Pick<Options, 'secretName'>): Promise<string> {
  const [{ callerOf }, { SecretsManagerClient }, { secretsManager }, { CLIENT_DEFAULTS }] = await Promise.all([
    import('../aws/caller.ts'),
    import('@aws-sdk/client-secrets-manager'),
    import('@gatehouse/core/aws/secrets'),
    import('@gatehouse/core/aws/client-defaults'),
  ]);
  const { region, credentials } = await callerOf(options);
  const text = await secretsManager(new SecretsManagerClient({ ...CLIENT_DEFAULTS, region, credentials })).read(
    options.secretName,
  );
  if (text === undefined) {
    throw new Failure('not-found', `there is no secret ${options.secretName}`, {
      remedy: 'name another with --secret-name, or set GATEHOUSE_WEBHOOK_SECRET',
    });
  }
  try {
    const { current } = JSON.parse(text) as { current?: unknown };
    if (typeof current === 'string') return current;
  } catch {
    // A secret that is not JSON is the signing secret itself.
  }
  return text;
}
