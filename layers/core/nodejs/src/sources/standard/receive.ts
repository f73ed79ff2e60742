import * as z from 'zod';
import { KUBECONFIG_SECRET_PREFIX } from '../../access/names.ts';
import { CONNECTOR_PROVIDERS } from '../../access/policy.ts';
import type { Fact, Reception } from '../../directory/fact.ts';
import {
  applicationFact,
  applicationForm,
  applicationNamed,
  environmentFact,
  environmentForm,
  environmentNamed,
} from '../../directory/onboarded.ts';
import { parseJsonBody } from '../json-body.ts';
import type { Verdict, WebhookRequest, WebhookSource } from '../source.ts';
import { instant, login, plainText, stableId } from '../stable-id.ts';
import { verifySignature } from './signature.ts';

const SOURCE = 'standard';
/** Keys begin with a letter, so that none means anything to JavaScript's objects (`__proto__`). */
const ATTRIBUTE_NAME = /^[A-Za-z][\w.:-]{0,63}$/;
const MAX_ATTRIBUTES = 50;
/** ARN of an IAM user or role; no service-linked one. */
const CONSOLE_USER =
  /^arn:aws[a-z-]*:iam::\d{12}:(user|role(?!\/aws-service-role\/))\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/;

const attributesSchema = z
  .record(z.string().regex(ATTRIBUTE_NAME, 'is not an attribute name'), plainText(1024))
  .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `holds more than ${MAX_ATTRIBUTES}`)
  .transform((attributes): Readonly<Record<string, string>> => Object.assign(Object.create(null), attributes));

const groupSchema = z.object({ id: stableId });
const userSchema = z.object({
  id: stableId,
  login: login.optional(),
  email: login.optional(),
  /** For the policy's `identities`: for example `{"aws-arn": "arn:aws:iam::111122223333:user/jo"}`. */
  attributes: attributesSchema.optional(),
});
type User = z.infer<typeof userSchema>;

/** A cluster that runs elsewhere, as it is (to be) called in EKS. */
const clusterSchema = z.object({
  account: z.string().regex(/^\d{12}$/),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  name: z.string().regex(/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/),
});
const registrationShape = {
  provider: z.enum(CONNECTOR_PROVIDERS),
  /** Only names under which Gatehouse may read. */
  kubeconfigSecret: z
    .string()
    .startsWith(KUBECONFIG_SECRET_PREFIX)
    .regex(/^[\w/+=.@-]{1,512}$/)
    .optional(),
  consoleUsers: z.array(z.string().regex(CONSOLE_USER)).max(100).default([]),
  namespaces: z
    .array(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/))
    .max(100)
    .default([]),
};

const envelopeSchema = z.object({ type: z.string().min(1).max(256), timestamp: instant });

/**
 * Gatehouse's own format, by the conventions of Standard Webhooks: what happened, when it happened, and to whom.
 *
 *     {"type":"group.member-added","timestamp":"2026-01-02T03:04:05.678Z",
 *      "data":{"group":{"id":"eng"},"user":{"id":"u-17","login":"jo@example.com"}}}
 */
const eventSchema = z.discriminatedUnion('type', [
  event('group.member-added', { group: groupSchema, user: userSchema }),
  event('group.member-removed', { group: groupSchema, user: userSchema }),
  event('group.created', { group: groupSchema }),
  event('group.deleted', { group: groupSchema }),
  event('user.disabled', { user: userSchema }),
  event('user.enabled', { user: userSchema }),
  event('environment.created', { environment: environmentForm }),
  event('environment.removed', { environment: environmentNamed }),
  event('application.onboarded', { application: applicationForm }),
  event('application.removed', { application: applicationNamed }),
  event('cluster.registered', { cluster: clusterSchema.extend(registrationShape) }),
  event('cluster.deregistered', { cluster: clusterSchema }),
]);
type StandardEvent = z.infer<typeof eventSchema>;
const KNOWN_TYPES: ReadonlySet<string> = new Set(eventSchema.options.map((option) => option.shape.type.value));

function event<Type extends string, Data extends z.ZodRawShape>(type: Type, data: Data) {
  return z.object({ type: z.literal(type), timestamp: instant, data: z.object(data) });
}

/** Standard Webhooks with Gatehouse's own events: one event a POST, signed, with the time of the attempt. */
export const standard: WebhookSource = { name: SOURCE, receive };

function receive(request: WebhookRequest, secrets: readonly string[], now: number): Verdict {
  const signature = verifySignature(request, secrets, now);
  if (signature.kind !== 'signed') return signature;
  const body = parseJsonBody(request.body);
  const envelope = envelopeSchema.safeParse(body);
  if (!envelope.success) return malformed(envelope.error);
  const cause = { source: SOURCE, event: signature.id, type: envelope.data.type };
  if (!KNOWN_TYPES.has(envelope.data.type)) return accepted({ cause, facts: [], ignored: 'unknown-type' });
  const parsed = eventSchema.safeParse(body);
  return parsed.success ? accepted({ cause, facts: factsOf(parsed.data) }) : malformed(parsed.error);
}

function accepted(event: Reception['events'][number]): Verdict {
  return { kind: 'accepted', reception: { delivery: event.cause.event, events: [event] } };
}

/** Names the first member that is wrong, never its value. */
function malformed(error: z.ZodError): Verdict {
  const [issue] = error.issues;
  return {
    kind: 'malformed',
    reason: `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'is not an event'}`,
  };
}

function factsOf(event: StandardEvent): readonly Fact[] {
  const at = event.timestamp;
  switch (event.type) {
    case 'group.member-added': {
      const { group, user } = event.data;
      const known = user.login !== undefined || user.email !== undefined || user.attributes !== undefined;
      const joined = membership(group.id, user.id, 'present', at);
      // First who it is, then that they joined: nobody is a member yet whose principal cannot be known.
      return known ? [userFact(user, at), joined] : [joined];
    }
    case 'group.member-removed':
      return [membership(event.data.group.id, event.data.user.id, 'absent', at)];
    case 'group.created':
      return [{ type: 'group', source: SOURCE, group: event.data.group.id, state: 'present', at }];
    case 'group.deleted':
      return [{ type: 'group', source: SOURCE, group: event.data.group.id, state: 'deleted', at }];
    case 'user.disabled':
      return [userFact(event.data.user, at, false)];
    case 'user.enabled':
      return [userFact(event.data.user, at, true)];
    case 'environment.created':
    case 'environment.removed':
      return [environmentFact(event.data.environment, at)];
    case 'application.onboarded':
      return [applicationFact(event.data.application, 'present', at)];
    case 'application.removed':
      return [applicationFact(event.data.application, 'absent', at)];
    case 'cluster.registered': {
      const { kubeconfigSecret, ...cluster } = event.data.cluster;
      const secret = kubeconfigSecret === undefined ? {} : { kubeconfigSecret };
      return [{ type: 'registration', state: 'present', ...cluster, ...secret, at }];
    }
    case 'cluster.deregistered':
      return [{ type: 'registration', state: 'absent', ...event.data.cluster, at }];
  }
}

function membership(group: string, user: string, state: 'present' | 'absent', at: number): Fact {
  return { type: 'membership', source: SOURCE, group, user, state, at };
}

function userFact(user: User, at: number, active?: boolean): Fact {
  return {
    type: 'user',
    source: SOURCE,
    user: user.id,
    at,
    ...(active === undefined ? {} : { active }),
    ...(user.login === undefined ? {} : { login: user.login }),
    ...(user.email === undefined ? {} : { email: user.email }),
    ...(user.attributes === undefined ? {} : { attributes: user.attributes }),
  };
}
