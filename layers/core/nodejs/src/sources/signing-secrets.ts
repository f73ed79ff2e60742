import * as z from 'zod';
import { Failure } from '../access/failure.ts';
import type { Clock } from '../ports/clock.ts';
import type { Secrets } from '../ports/secrets.ts';

/** How long a secret is used without asking again: so long does a withdrawn one go on being accepted. */
const KEPT_FOR = 60_000;
/** At most this often does a request that proves nothing make us ask again. */
const RENEWED_AFTER = 10_000;

/** The value of a webhook secret: two are valid during a rotation. `{"current":"...","previous":"..."}` */
const valueSchema = z.object({ current: z.string().min(1), previous: z.string().nullish() });

/** The secrets with which sources sign, from Secrets Manager, kept for a minute. */
export class SigningSecrets {
  readonly #ports: { readonly secrets: Secrets; readonly clock: Clock };
  readonly #prefix: string;
  readonly #kept = new Map<string, { readonly values: readonly string[]; readonly at: number }>();

  /** `prefix` and the source's name are the secret's name: `gatehouse/webhooks/` and `okta`. */
  constructor(ports: { readonly secrets: Secrets; readonly clock: Clock }, prefix: string) {
    this.#ports = ports;
    this.#prefix = prefix;
  }

  /**
   * The secrets valid for a source; none where it was never set up.
   * @throws Failure `invalid` where the value is not of the form above; whatever Secrets Manager throws.
   */
  async of(source: string): Promise<readonly string[]> {
    const kept = this.#kept.get(source);
    return kept && this.#ports.clock.now() - kept.at < KEPT_FOR ? kept.values : this.#read(source);
  }

  /** The same, asked again because the kept ones fitted nothing; undefined where that was done a moment ago. */
  async renewed(source: string): Promise<readonly string[] | undefined> {
    const kept = this.#kept.get(source);
    return kept && this.#ports.clock.now() - kept.at < RENEWED_AFTER ? undefined : this.#read(source);
  }

  async #read(source: string): Promise<readonly string[]> {
    const name = `${this.#prefix}${source}`;
    const text = await this.#ports.secrets.read(name);
    const values = text === undefined ? [] : parseSecret(name, text);
    this.#kept.set(source, { values, at: this.#ports.clock.now() });
    return values;
  }
}

function parseSecret(name: string, text: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = valueSchema.safeParse(value);
  if (!parsed.success) {
    throw new Failure('invalid', `the secret ${name} is not {"current": "...", "previous": "..."}`, {
      remedy: `store it in this form; "previous" only while the sender changes over`,
    });
  }
  const { current, previous } = parsed.data;
  return previous ? [current, previous] : [current];
}
