import * as z from 'zod';
import { NAME_PATTERN } from '../access/names.ts';
import { CONNECTOR_PROVIDERS } from '../access/policy.ts';
import { parseSubject, type Subject } from '../access/subject.ts';
import { parseTarget, type Target } from '../access/target.ts';
import { applicationForm, applicationNamed, environmentForm, environmentNamed } from '../directory/onboarded.ts';
import { LONGEST_OVERLAP, USUAL_OVERLAP } from './rotate-key.ts';

const target = z.string().transform((text, context): Target => {
  try {
    parseTarget(text);
  } catch {
    context.addIssue(
      `"${text}" is no target: write cluster/<arn>, iam/<account>/role/<name> or iam/<account>/user/<name>`,
    );
  }
  return text as Target;
});

const subject = z.string().transform((text, context): Subject => {
  try {
    parseSubject(text);
  } catch {
    context.addIssue(
      `"${text}" is no subject: write user/<source>/<id>, machine/<name>, grant/<name> or identity-provider/<name>`,
    );
  }
  return text as Subject;
});

/** Whether only to tell what would follow. */
const dryRun = { dryRun: z.boolean().optional() };

/** Which events are meant, by when they were received (milliseconds UTC) and from where. */
const eventQuery = {
  since: z.int().nonnegative().optional(),
  until: z.int().nonnegative().optional(),
  source: z.string().min(1).optional(),
};

/** Names of namespaces (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names). */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Which cluster elsewhere is meant. Without the account: Gatehouse's own. */
const elsewhere = {
  name: z.string().regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
  account: z
    .string()
    .regex(/^\d{12}$/)
    .optional(),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
};

/** A request on a resource, whoever makes it. */
const resourceQuestion = z.strictObject({
  verb: z.string().min(1),
  /** Empty: the core group. */
  group: z.string(),
  resource: z.string().min(1),
  subresource: z.string().min(1).optional(),
  namespace: z.string().min(1).optional(),
  name: z.string().min(1).optional(),
});

/** What a team may ask that registers clusters elsewhere. */
const connectionOperations = [
  /** Registers a cluster elsewhere, or changes its registration; what is not said stays as it was. */
  z.strictObject({
    operation: z.literal('register-cluster'),
    ...elsewhere,
    provider: z.enum(CONNECTOR_PROVIDERS).optional(),
    mode: z.enum(['observe', 'enforce']).optional(),
    kubeconfigSecret: z.string().min(1).max(512).optional(),
    consoleUsers: z.array(z.string()).max(100).optional(),
    namespaces: z.array(z.string().regex(DNS_LABEL)).max(100).optional(),
    dryRun: z.boolean().optional(),
  }),
  /** Takes a registration back, with all that was made for it. */
  z.strictObject({ operation: z.literal('deregister-cluster'), ...elsewhere, dryRun: z.boolean().optional() }),
  /** How a cluster elsewhere stands. */
  z.strictObject({ operation: z.literal('connection'), ...elsewhere }),
  /** What is applied by hand to a cluster that Gatehouse does not reach. */
  z.strictObject({ operation: z.literal('connector-manifests'), ...elsewhere }),
] as const;

/** What `connect-cluster` takes. */
export const connectionOperationSchema = z.discriminatedUnion('operation', connectionOperations);

/**
 * What a person may ask of `run-operation`, for example
 *
 *     { "operation": "plan", "target": "cluster/arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu" }
 *
 * Nothing here writes to IAM or to a cluster: what is to be changed is marked, and a turn changes it.
 */
export const operationSchema = z.discriminatedUnion('operation', [
  /** What a turn would do now, for some subjects or for all that the policy and the records name. */
  z.strictObject({
    operation: z.literal('plan'),
    target,
    subjects: z.array(subject).optional(),
    /** A policy document that is thought of, instead of what is in force. */
    document: z.string().optional(),
  }),
  /** All that there is to be planned, and what a document that is thought of widens and narrows. */
  z.strictObject({ operation: z.literal('plan-targets'), document: z.string().optional() }),
  /** What a cluster's aws-auth and RBAC give to whom, whoever wrote it, for a policy to be made of it. */
  z.strictObject({ operation: z.literal('existing-access'), cluster: z.string().min(1) }),
  /** Has a target looked at now, for some subjects or for all. */
  z.strictObject({ operation: z.literal('reconcile'), target, subjects: z.array(subject).optional() }),
  /** Has everything that is recorded looked at now. */
  z.strictObject({ operation: z.literal('sweep') }),
  /** Has a machine's access key replaced; the old one stays for so long beside the new one. */
  z.strictObject({
    operation: z.literal('rotate-key'),
    machine: z.string().regex(NAME_PATTERN, 'the name of a machine, as the access policy has it'),
    overlapSeconds: z.int().nonnegative().max(LONGEST_OVERLAP).default(USUAL_OVERLAP),
    ...dryRun,
  }),
  /** What is in force, what waits, and what a person must mend. */
  z.strictObject({ operation: z.literal('status') }),
  /** All that Gatehouse has made and still owns, and the document in force. */
  z.strictObject({ operation: z.literal('inventory') }),
  /** What a person may name: clusters, grants, people, versions. */
  z.strictObject({ operation: z.literal('names') }),
  /** `after`: refused where another version than this one is the newest by now. */
  z.strictObject({
    operation: z.literal('upload-policy'),
    document: z.string(),
    by: z.string().min(1),
    after: z.int().positive().optional(),
  }),
  z.strictObject({ operation: z.literal('activate-policy'), version: z.int().positive(), by: z.string().min(1) }),
  /** What putting a version in force would widen and narrow, against what is in force now. */
  z.strictObject({ operation: z.literal('compare-policy'), version: z.int().positive() }),
  z.strictObject({ operation: z.literal('list-policies') }),
  /** The mode of a cluster, where it is written, and the newest document; with `mode`, what that one would mean. */
  z.strictObject({
    operation: z.literal('cluster-mode'),
    cluster: z.string().min(1),
    mode: z.enum(['observe', 'enforce', 'paused']).optional(),
  }),
  /** What is well and what is not, of Gatehouse itself or of one cluster, with the fix. */
  z.strictObject({ operation: z.literal('doctor'), cluster: z.string().min(1).optional() }),
  /** Entries of one chain of the ledger, and whether they are unbroken. */
  z.strictObject({
    operation: z.literal('ledger'),
    chain: z.string().min(1),
    after: z.int().nonnegative().optional(),
    limit: z.int().positive().max(500).optional(),
  }),
  /** What objects of a target were before they were written, newest first; with `id`, one of them whole. */
  z.strictObject({
    operation: z.literal('snapshots'),
    target,
    id: z.string().min(1).optional(),
    limit: z.int().positive().max(100).optional(),
  }),
  /** Has a cluster join as an environment, or a namespace as an application, as the events do. */
  z.strictObject({ operation: z.literal('onboard-environment'), environment: environmentForm, ...dryRun }),
  z.strictObject({ operation: z.literal('onboard-application'), application: applicationForm, ...dryRun }),
  z.strictObject({ operation: z.literal('offboard-environment'), environment: environmentNamed, ...dryRun }),
  z.strictObject({ operation: z.literal('offboard-application'), application: applicationNamed, ...dryRun }),
  ...connectionOperations,
  /** What an administrator applies once to a cluster. */
  z.strictObject({ operation: z.literal('bootstrap'), cluster: z.string().min(1) }),
  /** How a cluster stands to its OIDC identity provider. `reconcile`: has it looked at now, what failed tried again. */
  z.strictObject({
    operation: z.literal('identity-provider'),
    cluster: z.string().min(1),
    reconcile: z.boolean().optional(),
  }),
  /** The grants by which people come into a cluster, and what each of them assumes. */
  z.strictObject({ operation: z.literal('ways-in'), cluster: z.string().min(1) }),
  /** Whether a person, machine or principal may do something on a cluster, by which binding, or why not. */
  z.strictObject({
    operation: z.literal('can-i'),
    cluster: z.string().min(1),
    principal: z.string().min(1),
    question: resourceQuestion,
  }),
  /** Everybody who may do something on a cluster, by which binding, and whose it is. */
  z.strictObject({
    operation: z.literal('who-can'),
    cluster: z.string().min(1),
    question: z.union([
      resourceQuestion,
      z.strictObject({ verb: z.string().min(1), path: z.string().startsWith('/').max(1_024) }),
    ]),
  }),
  /** All that a person, machine or principal can do on a cluster, by what, and whether that is what the policy says. */
  z.strictObject({
    operation: z.literal('verify-access'),
    cluster: z.string().min(1),
    principal: z.string().min(1),
  }),
  /** By which events, facts, grants and bindings somebody has access to a cluster, or what is missing. */
  z.strictObject({ operation: z.literal('why'), cluster: z.string().min(1), principal: z.string().min(1) }),
  /** What came in, the newest `limit` of it, and what became of it. */
  z.strictObject({
    operation: z.literal('events'),
    ...eventQuery,
    ignored: z.boolean().optional(),
    subject: subject.optional(),
    user: z.string().min(1).optional(),
    limit: z.int().positive().max(500).default(50),
  }),
  /** What followed from an event (its id, a beginning of it, or `<source>/<id>`) or belongs to a run. */
  z.strictObject({ operation: z.literal('trace'), of: z.string().min(1) }),
  /** Records once more what one event said, or all those of a span of time, and has it planned again. */
  z.strictObject({ operation: z.literal('replay'), event: z.string().min(1).optional(), ...eventQuery, ...dryRun }),
]);

/** See {@link operationSchema}. */
export type Operation = z.infer<typeof operationSchema>;
