import type { Json } from '@gatehouse/core/access/json';
import type { AwsOptions } from '../aws/options.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { signingSecret, webhookHeaders } from '../verbs/sign-webhook.ts';

/** A sample of a webhook with the proof that a stack asks for now. `source`: the last part of the webhook's URL. */
export async function signedSample(
  terminal: Terminal,
  options: AwsOptions,
  source: string,
  sample: Json,
): Promise<Json> {
  const request = sample as { readonly headers: Readonly<Record<string, string>>; readonly body?: string };
  const secret = await signingSecret(terminal, { ...options, secretName: `gatehouse/webhooks/${source}` });
  const proof =
    source === 'okta'
      ? { authorization: secret }
      : webhookHeaders(secret, Buffer.from(request.body ?? ''), { now: Date.now() });
  return { ...request, headers: { ...request.headers, ...proof } };
}
