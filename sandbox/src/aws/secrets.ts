import { randomBytes, randomUUID } from 'node:crypto';
import { partitionOf } from '@gatehouse/core/access/arn';
import * as z from 'zod';
import { AwsError, notPlayed } from './aws-error.ts';
import { pageOf } from './page.ts';
import { type AwsRequest, type AwsResponse, type ContextValues, jsonResponse } from './request.ts';

interface Secret {
  readonly name: string;
  readonly arn: string;
  readonly description: string | undefined;
  readonly createdAt: number;
  deletedAt: number | undefined;
  tags: Record<string, string>;
  /** Oldest first. */
  versions: { readonly id: string; readonly value: string; readonly createdAt: number; stages: string[] }[];
}

const secretId = z.string().min(1).max(2048);
const token = z.string().min(32).max(64).optional();
const tagList = z.array(z.strictObject({ Key: z.string().min(1), Value: z.string() }));
const INPUTS = {
  GetSecretValue: z.strictObject({
    SecretId: secretId,
    VersionId: z.string().optional(),
    VersionStage: z.string().optional(),
  }),
  ListSecrets: z.strictObject({
    MaxResults: z.number().int().min(1).max(100).default(100),
    NextToken: z.string().optional(),
    IncludePlannedDeletion: z.boolean().default(false),
    SortOrder: z.enum(['asc', 'desc']).default('desc'),
    Filters: z
      .array(
        z.strictObject({ Key: z.enum(['name', 'tag-key', 'tag-value']), Values: z.array(z.string()).min(1).max(10) }),
      )
      .max(10)
      .default([]),
  }),
  DescribeSecret: z.strictObject({ SecretId: secretId }),
  CreateSecret: z.strictObject({
    Name: z.string().regex(/^[\w/+=.@-]{1,512}$/),
    SecretString: z.string().max(65_536).optional(),
    Description: z.string().optional(),
    ClientRequestToken: token,
    Tags: tagList.default([]),
    KmsKeyId: z.string().optional(),
  }),
  PutSecretValue: z.strictObject({
    SecretId: secretId,
    SecretString: z.string().max(65_536),
    ClientRequestToken: token,
    VersionStages: z.array(z.string()).optional(),
  }),
  DeleteSecret: z.strictObject({
    SecretId: secretId,
    ForceDeleteWithoutRecovery: z.boolean().default(false),
    RecoveryWindowInDays: z.number().optional(),
  }),
  TagResource: z.strictObject({ SecretId: secretId, Tags: tagList }),
};
type Action = keyof typeof INPUTS;
type InputOf<A extends Action> = z.infer<(typeof INPUTS)[A]>;

/**
 * Secrets Manager: names with or without ARN, versions with their stages, deletion with and without recovery window. Values are
 * kept in clear, because the sandbox keeps no secret of anybody's.
 */
export class SecretsManager {
  /** By account, Region and name. */
  readonly #secrets = new Map<string, Secret>();

  /** Where a secret of this name does not exist yet, makes it under this ARN. Says whether it did. */
  seed(
    account: string,
    region: string,
    secret: { name: string; arn: string; value: string; tags?: Record<string, string> },
  ): boolean {
    const key = keyOf(account, region, secret.name);
    if (this.#secrets.has(key)) return false;
    this.#secrets.set(key, newSecret(secret.name, secret.arn, undefined, secret.tags ?? {}));
    this.#add(this.#secrets.get(key)!, secret.value, undefined);
    return true;
  }

  /** The current value of a secret. */
  valueOf(account: string, region: string, name: string): string | undefined {
    const secret = this.#secrets.get(keyOf(account, region, name));
    return secret?.versions.find(({ stages }) => stages.includes('AWSCURRENT'))?.value;
  }

  /** Everything, as JSON. */
  snapshot(): unknown {
    return [...this.#secrets];
  }

  /** Takes a snapshot back. */
  restore(snapshot: unknown): void {
    this.#secrets.clear();
    for (const [key, secret] of snapshot as [string, Secret][]) this.#secrets.set(key, secret);
  }

  /** The API. */
  handle(request: AwsRequest): AwsResponse {
    const action = request.headers['x-amz-target']?.split('.')[1] ?? '';
    if (!Object.hasOwn(INPUTS, action)) throw notPlayed(`Secrets Manager ${action}`);
    const input = INPUTS[action as Action].safeParse(JSON.parse(request.body.toString()));
    if (!input.success) throw new AwsError('ValidationException', z.prettifyError(input.error));
    const answer = this.#run(action as Action, input.data, request);
    return jsonResponse(answer, 'application/x-amz-json-1.1');
  }

  #run(action: Action, input: unknown, request: AwsRequest): unknown {
    if (action === 'CreateSecret') return this.#create(input as InputOf<'CreateSecret'>, request);
    if (action === 'ListSecrets') return this.#list(input as InputOf<'ListSecrets'>, request);
    const { SecretId } = input as { SecretId: string };
    const secret = this.#find(SecretId, request);
    const { account } = request.caller;
    const guess = `arn:${partitionOf(request.region)}:secretsmanager:${request.region}:${account}:secret:${SecretId}`;
    request.authorize(
      `secretsmanager:${action}`,
      secret?.arn ?? (SecretId.startsWith('arn:') ? SecretId : guess),
      tagContext(secret),
    );
    if (!secret) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    if (secret.deletedAt !== undefined && action !== 'DeleteSecret' && action !== 'DescribeSecret') {
      throw new AwsError(
        'InvalidRequestException',
        `You can't perform this operation on the secret because it was marked for deletion.`,
      );
    }
    switch (action) {
      case 'GetSecretValue':
        return this.#value(secret, input as InputOf<'GetSecretValue'>);
      case 'PutSecretValue': {
        const { SecretString, ClientRequestToken, VersionStages } = input as InputOf<'PutSecretValue'>;
        if (VersionStages && VersionStages.join() !== 'AWSCURRENT') throw notPlayed('PutSecretValue with other stages');
        const version = this.#add(secret, SecretString, ClientRequestToken);
        return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages };
      }
      case 'DescribeSecret':
        return describe(secret);
      case 'TagResource':
        for (const { Key, Value } of (input as InputOf<'TagResource'>).Tags) secret.tags[Key] = Value;
        return {};
      default:
        return this.#delete(secret, input as InputOf<'DeleteSecret'>, request);
    }
  }

  #create(input: InputOf<'CreateSecret'>, request: AwsRequest): unknown {
    const { account } = request.caller;
    const suffix = randomBytes(8).toString('base64url').replace(/[-_]/g, 'x').slice(0, 6);
    const arn = `arn:${partitionOf(request.region)}:secretsmanager:${request.region}:${account}:secret:${input.Name}-${suffix}`;
    const tags = Object.fromEntries(input.Tags.map(({ Key, Value }) => [Key, Value]));
    const requestTags = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value]);
    request.authorize('secretsmanager:CreateSecret', arn, {
      ...Object.fromEntries(requestTags),
      'aws:TagKeys': Object.keys(tags),
    });
    if (input.Tags.length > 0) request.authorize('secretsmanager:TagResource', arn, Object.fromEntries(requestTags));
    const key = keyOf(account, request.region, input.Name);
    const existing = this.#secrets.get(key);
    if (existing?.deletedAt !== undefined) {
      throw new AwsError(
        'InvalidRequestException',
        `You can't create this secret because a secret with this name is already scheduled for deletion.`,
      );
    }
    const repeated = existing?.versions.find(({ id }) => id === input.ClientRequestToken);
    if (existing && !(repeated && repeated.value === input.SecretString)) {
      throw new AwsError(
        'ResourceExistsException',
        `The operation failed because the secret ${input.Name} already exists.`,
      );
    }
    const secret = existing ?? newSecret(input.Name, arn, input.Description, tags);
    this.#secrets.set(key, secret);
    if (input.SecretString === undefined) return { ARN: secret.arn, Name: secret.name };
    const version = this.#add(secret, input.SecretString, input.ClientRequestToken);
    return { ARN: secret.arn, Name: secret.name, VersionId: version.id };
  }

  /** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html: no value is listed. */
  #list(input: InputOf<'ListSecrets'>, request: AwsRequest): unknown {
    const { MaxResults, NextToken, IncludePlannedDeletion, SortOrder, Filters } = input;
    request.authorize('secretsmanager:ListSecrets', '*');
    const prefix = keyOf(request.caller.account, request.region, '');
    const own = [...this.#secrets].filter(([key]) => key.startsWith(prefix)).map(([, secret]) => secret);
    const listed = own
      .filter(({ deletedAt }) => IncludePlannedDeletion || deletedAt === undefined)
      .filter((secret) => Filters.every((filter) => isChosen(secret, filter)));
    if (SortOrder === 'desc') listed.reverse();
    const page = pageOf(listed, NextToken, MaxResults);
    if (!page) throw new AwsError('InvalidNextTokenException', 'The NextToken value is invalid.');
    return { SecretList: page.items.map(listEntry), ...(page.next === undefined ? {} : { NextToken: page.next }) };
  }

  #value(secret: Secret, { VersionId, VersionStage = 'AWSCURRENT' }: InputOf<'GetSecretValue'>): unknown {
    const version = secret.versions.find(({ id, stages }) =>
      VersionId === undefined ? stages.includes(VersionStage) : id === VersionId,
    );
    if (!version) {
      throw new AwsError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for staging label: ${VersionStage}`,
      );
    }
    return {
      ARN: secret.arn,
      Name: secret.name,
      VersionId: version.id,
      SecretString: version.value,
      VersionStages: version.stages,
      CreatedDate: version.createdAt,
    };
  }

  /** A new current version; the one that was current becomes the previous. The same token with the same value is one version. */
  #add(secret: Secret, value: string, requestToken: string | undefined) {
    const same = secret.versions.find(({ id }) => id === requestToken);
    if (same && same.value !== value) {
      throw new AwsError(
        'ResourceExistsException',
        'A version with this ClientRequestToken already exists with another value.',
      );
    }
    if (same) return same;
    for (const version of secret.versions) {
      const wasCurrent = version.stages.includes('AWSCURRENT');
      version.stages = wasCurrent ? ['AWSPREVIOUS'] : version.stages.filter((stage) => stage !== 'AWSPREVIOUS');
    }
    const version = { id: requestToken ?? randomUUID(), value, createdAt: seconds(), stages: ['AWSCURRENT'] };
    secret.versions = [...secret.versions.filter(({ stages }) => stages.length > 0), version];
    return version;
  }

  #delete(secret: Secret, input: InputOf<'DeleteSecret'>, { caller, region }: AwsRequest): unknown {
    if (input.ForceDeleteWithoutRecovery && input.RecoveryWindowInDays !== undefined) {
      throw new AwsError(
        'InvalidParameterException',
        "You can't use ForceDeleteWithoutRecovery with RecoveryWindowInDays.",
      );
    }
    secret.deletedAt = seconds() + (input.RecoveryWindowInDays ?? 30) * 86_400;
    if (input.ForceDeleteWithoutRecovery) this.#secrets.delete(keyOf(caller.account, region, secret.name));
    return {
      ARN: secret.arn,
      Name: secret.name,
      DeletionDate: input.ForceDeleteWithoutRecovery ? seconds() : secret.deletedAt,
    };
  }

  /** By name, by ARN, or by ARN without its suffix; another account's ARN finds nothing. */
  #find(id: string, { caller, region }: AwsRequest): Secret | undefined {
    const direct = this.#secrets.get(keyOf(caller.account, region, id));
    if (direct || !id.startsWith('arn:')) return direct;
    const prefix = keyOf(caller.account, region, '');
    const own = [...this.#secrets].filter(([key]) => key.startsWith(prefix)).map(([, secret]) => secret);
    return own.find(({ arn }) => arn === id || arn.slice(0, -7) === id);
  }
}

const keyOf = (account: string, region: string, name: string): string => `${account}/${region}/${name}`;
const seconds = (): number => Math.floor(Date.now() / 1000);

function newSecret(name: string, arn: string, description: string | undefined, tags: Record<string, string>): Secret {
  return { name, arn, description, createdAt: seconds(), deletedAt: undefined, tags, versions: [] };
}

/** A value chooses what begins with it; after an exclamation mark, what does not. */
function isChosen({ name, tags }: Secret, { Key, Values }: InputOf<'ListSecrets'>['Filters'][number]): boolean {
  const texts = Key === 'name' ? [name] : Key === 'tag-key' ? Object.keys(tags) : Object.values(tags);
  return Values.some((value) =>
    value.startsWith('!')
      ? !texts.some((text) => text.startsWith(value.slice(1)))
      : texts.some((text) => text.startsWith(value)),
  );
}

function listEntry(secret: Secret): unknown {
  const { VersionIdsToStages, ...rest } = describe(secret);
  return { ...rest, SecretVersionsToStages: VersionIdsToStages };
}

function describe(secret: Secret) {
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.description === undefined ? {} : { Description: secret.description }),
    CreatedDate: secret.createdAt,
    ...(secret.deletedAt === undefined ? {} : { DeletedDate: secret.deletedAt }),
    Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
    VersionIdsToStages: Object.fromEntries(secret.versions.map(({ id, stages }) => [id, stages])),
  };
}

function tagContext(secret: Secret | undefined): ContextValues {
  const tags = Object.entries(secret?.tags ?? {});
  return Object.fromEntries(
    tags.flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`secretsmanager:ResourceTag/${key}`, value],
    ]),
  );
}
