import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { isFailure } from '../access/failure.ts';
import type { Secrets } from '../ports/secrets.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/** The {@link Secrets} over AWS Secrets Manager. Tags are those of the creation: a later write leaves them. */
export function secretsManager(client = new SecretsManagerClient(CLIENT_DEFAULTS)): Secrets {
  return {
    async read(name) {
      try {
        const { SecretString } = await orFailure(`reading the secret ${name}`, () =>
          client.send(new GetSecretValueCommand({ SecretId: name })),
        );
        return SecretString;
      } catch (error) {
        if (isFailure(error, 'not-found')) return undefined;
        throw error;
      }
    },
    async write(name, value, tags) {
      // Creation comes first, so that a policy can ask for the tags of a request and never meets a secret that is not there.
      try {
        await orFailure(`creating the secret ${name}`, () =>
          client.send(
            new CreateSecretCommand({
              Name: name,
              SecretString: value,
              Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
            }),
          ),
        );
      } catch (error) {
        if (!isFailure(error, 'already-exists')) throw error;
        await orFailure(`writing the secret ${name}`, () =>
          client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value })),
        );
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
