import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { Failure, isFailure } from '../access/failure.ts';
import type { Secrets } from '../ports/secrets.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/**
 * The {@link Secrets} over AWS Secrets Manager. Tags are those of the creation: a later write leaves them.
 * @param key ARN of the KMS key with which new secrets are encrypted; without it, the one that AWS keeps for them.
 * @throws Failure `invalid` too, where a secret that is read holds bytes and no text.
 */
export function secretsManager(client = new SecretsManagerClient(CLIENT_DEFAULTS), key?: string): Secrets {
  const encryption = key === undefined ? {} : { KmsKeyId: key };
  // Creation comes first, so that a policy can ask for the tags of a request and never meets a secret that is not there.
  const createOrReplace = async (name: string, value: string, tags: Readonly<Record<string, string>>) => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await orFailure(`creating the secret ${name}`, () =>
        client.send(new CreateSecretCommand({ Name: name, SecretString: value, Tags, ...encryption })),
      );
    } catch (error) {
      if (!isFailure(error, 'already-exists')) throw error;
      await orFailure(`writing the secret ${name}`, () =>
        client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value })),
      );
    }
  };

  return {
    async read(name) {
      try {
        const { SecretString } = await orFailure(`reading the secret ${name}`, () =>
          client.send(new GetSecretValueCommand({ SecretId: name })),
        );
        if (SecretString === undefined) throw new Failure('invalid', `the secret ${name} holds bytes, not a text`);
        return SecretString;
      } catch (error) {
        // A conflict: it is being deleted, and has no value any more.
        if (isFailure(error, 'not-found', 'conflict')) return undefined;
        throw error;
      }
    },
    async write(name, value, tags) {
      try {
        await createOrReplace(name, value, tags);
      } catch (error) {
        throw withoutValue(error, value);
      }
    },
    async remove(name) {
      try {
        await orFailure(`deleting the secret ${name}`, () =>
          client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true })),
        );
      } catch (error) {
        if (!isFailure(error, 'not-found')) throw error;
      }
    },
  };
}

/** The same failure, should the service have quoted the value: no cause, because it may hold it too. */
function withoutValue(error: unknown, value: string): unknown {
  if (!isFailure(error) || value === '') return error;
  const { code, message, remedy, retryable } = error;
  const told = message.replaceAll(value, '***');
  return new Failure(code, told, { retryable, ...(remedy === undefined ? {} : { remedy }) });
}
