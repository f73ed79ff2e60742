import type { Issuer } from '@gatehouse/sandbox/internet/issuer';
import type { Scene as PlainScene } from '../../scenario.ts';

/* Who plays in this story, as the issuer knows them. */

/** The issuer's host on the internet. */
export const HOST = 'id.acme.com';
/** The application that the cluster is for the issuer, and another one. */
export const KUBERNETES = 'kubernetes';
export const WIKI = 'wiki';

/** Whom the issuer knows, and what it writes into their tokens. */
export const ACCOUNTS = {
  mia: { email: 'mia@acme.com', groups: ['payments'] },
  joe: { email: 'joe@acme.com', groups: ['gardening'] },
  eve: { email: 'eve@acme.com', groups: ['system:masters'] },
  late: { email: 'late@acme.com', groups: ['payments'] },
} as const;

/** Somebody of {@link ACCOUNTS}. */
export type Account = keyof typeof ACCOUNTS;

/** Seconds that the tokens of an account are good for. */
export const tokenSeconds = (account: string): number => (account === 'late' ? 1 : 900);

/** What an act of this story works with. */
export interface Scene extends PlainScene {
  readonly issuer: Issuer;
  readonly memory: Memory;
}

/** What a later act needs of an earlier one. */
export interface Memory {
  /** `data` of prod-eu's aws-auth before there was an identity provider. */
  awsAuthBefore?: Readonly<Record<string, string>>;
}
