import { isFailure } from '@gatehouse/core/access/failure';
import type { Check } from '@gatehouse/core/operations/doctor/check';

/** What the one who asks sees: their clock, and the door for webhooks. Each request ends after this, milliseconds. */
const PATIENCE = 5_000;
/** AWS refuses signatures that are 5 minutes off; webhooks are refused by the same measure. */
const MOST_SKEW = 5 * 60_000;
const SOME_SKEW = 30_000;

/** Asks a server what time it has, by its Date header; milliseconds UTC, to the second. @throws TypeError unreachable. */
export async function timeAt(url: string): Promise<number | undefined> {
  const { headers } = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(PATIENCE) });
  const at = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** How far two clocks are apart: `between` is when the other was asked, and when it had answered. */
export function judgeClock(whose: string, other: number | undefined, between: readonly [number, number]): Check {
  const about = { check: 'clock', of: whose };
  const [asked, answered] = between;
  if (other === undefined) return { ...about, verdict: 'not-checked', saw: 'it does not say its time', fix: 'date -u' };
  const skew = other < asked ? asked - other : Math.max(0, other - answered);
  // A Date header has no milliseconds.
  const off = skew < 1_000 ? 0 : skew;
  const saw = off === 0 ? 'it agrees with this one' : `it is ${Math.round(off / 1000)} s off this one`;
  const fix = 'set the clock of this machine: timedatectl set-ntp true';
  if (off >= MOST_SKEW) return { ...about, verdict: 'fail', saw: `${saw}: signatures and webhooks are refused`, fix };
  return off >= SOME_SKEW ? { ...about, verdict: 'warn', saw, fix } : { ...about, verdict: 'ok', saw };
}

/** Sends a delivery that proves nothing, and answers the status: nothing of it is taken in. */
export async function unsignedDelivery(url: string): Promise<number> {
  const { status, body } = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE),
  });
  await body?.cancel();
  return status;
}

/** What the answer to an unsigned delivery means. */
export function judgeReceiver(source: string, url: string, status: number | undefined): Check {
  const about = { check: 'receiver', of: source };
  if (status === 401) return { ...about, verdict: 'ok', saw: 'it answers, and refuses what is not signed' };
  if (status === undefined) {
    return {
      ...about,
      verdict: 'fail',
      saw: `nothing answers at ${url}`,
      fix: `curl -i -X POST ${url}; is the URL the output WebhookUrl?`,
    };
  }
  if (status === 404) {
    const fix = `aws secretsmanager create-secret --name gatehouse/webhooks/${source} --secret-string '{"current":"..."}'`;
    return { ...about, verdict: 'fail', saw: 'it knows no secret of this source (404)', fix };
  }
  if (status >= 200 && status < 300) {
    return {
      ...about,
      verdict: 'fail',
      saw: `it takes what is not signed (${status})`,
      fix: 'gatehouse must not be behind this URL: point the hook at WebhookUrl',
    };
  }
  const fix = 'look at the log of receive-webhook';
  return { ...about, verdict: 'fail', saw: `it answers ${status} to what is not signed, not 401`, fix };
}

/** Runs a check of this side; what it throws is what it saw. */
export async function looked(check: string, of: string, work: () => Promise<Check>): Promise<Check> {
  try {
    return await work();
  } catch (error) {
    const saw = error instanceof Error ? error.message : String(error);
    const fix = (isFailure(error) ? error.remedy : undefined) ?? 'check the network from here';
    return { check, of, verdict: 'fail', saw, fix };
  }
}
