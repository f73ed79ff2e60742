import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';
import { migrate } from '@gatehouse/core/schema/migrate';
import { checkSchema, readSchema, SCHEMA_VERSION } from '@gatehouse/core/schema/version';
import type { AwsOptions } from '../aws/options.ts';
import { untilBrokenOff } from '../terminal/broken-off.ts';
import { writeStep } from '../terminal/step.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import { type ArtifactBucket, ensureBucket, objectUrl, upload, usualBucket } from './artifact-bucket.ts';
import { artifact, builtArtifacts } from './artifacts.ts';
import { type Changed, type ChangeOptions, changeStack } from './change-stack.ts';
import type { Cloud } from './cloud.ts';
import type { Pace } from './pace.ts';
import { codeFolders, packagedTemplate, type Template, templateOf } from './packaged-template.ts';
import { describeStack, isMissing, lastFailure, type StackState, stuck } from './stack.ts';
import { stateOf } from './state.ts';

/** What is deployed, and how. */
export interface DeployOptions extends AwsOptions, Omit<ChangeOptions, 'before'> {
  readonly stack: string;
  readonly bucket?: string;
  /** Values of the template's parameters. What is not given stays as it is. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What came of it. */
export interface Deployed extends Changed {
  readonly stack: string;
  readonly account: string;
  readonly region: string;
  /** Whether the stack was not there before. */
  readonly created: boolean;
  /** Version of what the state holds; one less than this release's until it is upgraded. */
  readonly schema: number;
}

/** Folder of the template. */
const ROOT = join(import.meta.dirname, '../../..');
/** Longest template that CloudFormation takes within the call (AWSCloudFormation/latest/UserGuide/cloudformation-limits). */
export const LONGEST_INLINE = 51_200;

/**
 * Deploys what is built: packages it, shows what CloudFormation would change, asks, has it done and follows it.
 * A dry run uploads nothing; its change set is deleted.
 * @throws Failure with the first thing that failed, and what to do about it.
 */
export async function deploy(terminal: Terminal, cloud: Cloud, options: DeployOptions, pace: Pace): Promise<Deployed> {
  const { err } = terminal;
  const { cloudFormation, account, region } = cloud;
  const tell = (line: string) => writeStep(err, line);
  const template = templateOf(await readFile(join(ROOT, 'template.yaml'), 'utf8'));
  checkParameters(template, options.parameters);
  const found = await describeStack(cloudFormation, options.stack);
  const problem = found && stuck(found, await lastFailure(cloudFormation, found.id));
  if (problem) throw problem;
  const before = isMissing(found) ? undefined : found;
  const creates = before === undefined;
  const schema = creates ? { version: SCHEMA_VERSION } : await readSchema(await stateOf(cloud, options.stack));
  checkSchema(schema);
  const bucket = { name: options.bucket ?? usualBucket(account, region), account, region };
  const body = await packaged(cloud, bucket, template, options.dryRun === true, tell);

  tell('asking CloudFormation what would change');
  const asked = {
    stackName: options.stack,
    name: `gatehouse-${pace.now()}`,
    creates,
    wasThere: found !== undefined,
    template: body,
    parameters: parametersOf(template, before, options.parameters),
  };
  const changed = await untilBrokenOff((signal) =>
    changeStack(terminal, cloud, asked, { ...options, before }, { pace, signal }),
  );
  // A state that is new is of this release's version, and says so.
  if (creates && changed.state === 'deployed') await migrate(await stateOf(cloud, options.stack), SCHEMA_VERSION);
  return { stack: options.stack, account, region, created: creates, schema: schema.version, ...changed };
}

/** Uploads the code and gives the template that names it. */
async function packaged(
  cloud: Cloud,
  bucket: ArtifactBucket,
  template: Template,
  dryRun: boolean,
  tell: (line: string) => void,
): Promise<{ TemplateBody: string } | { TemplateURL: string }> {
  const folders = codeFolders(template);
  const artifacts = await builtArtifacts(
    ROOT,
    folders.filter((folder) => folder.startsWith('functions/')),
  );
  const megabytes = artifacts.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1024 / 1024;
  tell(`packaged ${counted(artifacts.length - 1, 'function')} and the layer, ${megabytes.toFixed(1)} MB`);
  const uris = new Map(artifacts.map(({ name, key }) => [name, `s3://${bucket.name}/${key}`]));
  const text = packagedTemplate(template, uris);
  const inline = { TemplateBody: JSON.stringify(JSON.parse(text)) };
  if (dryRun && inline.TemplateBody.length <= LONGEST_INLINE) return inline;
  if (dryRun) {
    throw new Failure('too-large', 'the template is too long to be compared without being uploaded', {
      remedy: 'deploy without --dry-run: it shows the change set and asks before it executes it',
    });
  }
  if (await ensureBucket(cloud.s3, bucket)) {
    tell(`made the bucket ${bucket.name} for the code: encrypted, closed to the public, by HTTPS alone`);
  }
  let sent = 0;
  for (const each of artifacts) if (await upload(cloud.s3, bucket, each)) sent += 1;
  const bytes = Buffer.from(text);
  const key = artifact('template', bytes).key.replace(/zip$/, 'json');
  await upload(cloud.s3, bucket, { key, bytes });
  tell(`uploaded ${sent} of ${artifacts.length} to ${bucket.name}; the others are there already`);
  return { TemplateURL: objectUrl(bucket, key) };
}

/** @throws Failure `invalid` for what is no parameter of the template. */
function checkParameters(template: Template, given: ReadonlyMap<string, string>): void {
  const known = Object.keys(template.Parameters ?? {});
  const stray = [...given.keys()].find((name) => !known.includes(name));
  if (stray === undefined) return;
  throw new Failure('invalid', `the template has no parameter "${stray}"`, { remedy: `it has ${known.join(', ')}` });
}

/** What is given; of the others, what the stack has, as far as the template still asks for it. */
function parametersOf(template: Template, before: StackState | undefined, given: ReadonlyMap<string, string>) {
  const kept = [...(before?.parameters.keys() ?? [])].filter(
    (name) => !given.has(name) && Object.hasOwn(template.Parameters ?? {}, name),
  );
  return [
    ...[...given].map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue })),
    ...kept.map((ParameterKey) => ({ ParameterKey, UsePreviousValue: true })),
  ];
}
