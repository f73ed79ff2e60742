import type { AccessKey, Tags } from '../../ports/iam.ts';
import type { InlinePolicies, PrincipalClaim } from '../managed-principal.ts';

/** Tag that names the secret with the user's access key. Only ever used to read: what is removed, the claims name. */
export const SECRET_TAG = 'gatehouse:secret';
/** Stands for the id of an access key that a change is going to make. */
export const NEW_KEY = '(new)';

/**
 * The IAM user of one person or machine. `object` is its name.
 *
 *     { kind: 'iam-user', object: 'gatehouse-ci', arn: 'arn:aws:iam::111122223333:user/gatehouse/gatehouse-ci',
 *       path: '/gatehouse/', state: 'open', policies: { 'gatehouse-clusters': {...} }, tags: {},
 *       accessKey: { secret: 'gatehouse/access-keys/gatehouse-ci' } }
 */
export interface IamUserClaim extends PrincipalClaim {
  readonly kind: 'iam-user';
  /**
   * Where the one access key goes: the name of a secret in Secrets Manager, whose value is
   * `{"accessKeyId": "...", "secretAccessKey": "..."}`. Absent: the user has no keys at all.
   */
  readonly accessKey?: {
    readonly secret: string;
    /** A key that the secret is to hold no more; while `kept`, it goes on working beside the new one. */
    readonly retired?: { readonly keyId: string; readonly kept: boolean };
  };
  /** ARNs of Gatehouse's managed policies that the user has while it is open, sorted. Absent: none. */
  readonly attached?: readonly string[];
}

/** A user as it was observed: no secret is part of it. */
export type IamUserState =
  | {
      readonly present: false;
      /** In a change only: secrets that go with the user. */
      readonly retires?: readonly string[];
    }
  | {
      readonly present: true;
      /** AIDA...: another one after the user was deleted and made again. Empty in a change that creates. */
      readonly userId: string;
      readonly arn: string;
      readonly path: string;
      readonly policies: InlinePolicies;
      /** ARNs of managed policies, sorted; those of others among them. */
      readonly attached: readonly string[];
      readonly boundary?: string;
      readonly tags: Tags;
      /** Sorted by id. */
      readonly keys: readonly AccessKey[];
      /** The secret that the user's tag names, and the key that it holds. */
      readonly secret?: { readonly name: string; readonly keyId?: string };
      /** In a change only: the key that gives way to a new one, if it is not kept beside it. */
      readonly replaces?: string;
      /** In a change only: secrets of earlier claims that go. */
      readonly retires?: readonly string[];
    };

/** A user that is there. */
export type PresentUser = Extract<IamUserState, { present: true }>;

/** Keys in the order of their ids. */
export const keysInOrder = (keys: readonly AccessKey[]): readonly AccessKey[] =>
  [...keys].sort((one, other) => (one.id < other.id ? -1 : 1));

/** No such user. */
export const ABSENT_USER: IamUserState = { present: false };
