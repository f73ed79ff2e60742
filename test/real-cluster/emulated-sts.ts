import type { FetchIdentity } from '../../sandbox/src/kubernetes/authenticator.ts';
import { getPresigned } from '../../sandbox/src/kubernetes/sts-caller.ts';

/**
 * The emulator's STS, as the authenticator of a cluster asks it: for JSON, which the emulator does not speak. It answers the
 * XML of the query protocol, of which three elements are wanted.
 */
export function emulatedSts(endpoint: string): FetchIdentity {
  return async (url, headers) => {
    const { status, text } = await getPresigned(endpoint, url, headers);
    if (status !== 200) return { refusal: `status ${status}: ${text}` };
    const [Account, Arn, UserId] = ['Account', 'Arn', 'UserId'].map((name) => element(text, name));
    if (!Account || !Arn || !UserId) return { refusal: `the answer names no identity: ${text}` };
    return { Account, Arn, UserId };
  };
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}
