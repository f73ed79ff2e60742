import { MANAGED_TAG } from '../managed-principal.ts';
import type { ChangeLine, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import { ABSENT_CONNECTOR, type ConnectorClaim, type ConnectorState, type PresentConnector } from './model.ts';

type Claims = ObjectClaims<ConnectorClaim>;

/**
 * What must happen to a registration. It is Gatehouse's where it carries the tag, which EKS takes with the registration.
 *
 *     wanted  absent                                     registered
 *     wanted  Gatehouse's, as wanted                     nothing
 *     wanted  Gatehouse's, another provider or role      registered anew
 *     wanted  Gatehouse's, PENDING, its activation lost  registered anew
 *     wanted  anybody else's                             finding `foreign-registration`
 *     wanted  a cluster that EKS runs                    finding `name-taken`
 *     gone    Gatehouse's                                deregistered, its secret removed
 *     gone    absent, its secret left                    the secret removed
 *     gone    anybody else's                             finding (notice): it stays
 *     gone    absent                                     nothing
 */
export function diffConnector(name: string, observed: ConnectorState, claims: Claims): Diff<ConnectorState> {
  const [wanted] = claims.wanted;
  if (wanted === undefined) return removal(name, observed, claims.unwanted);
  if (!observed.present) return creation(name, observed, wanted);
  const taken = takenBy(name, observed, wanted, 'blocks');
  if (taken) return { findings: [taken] };
  const { registration } = observed;
  const { claim, subject } = wanted;
  const moved = registration?.provider !== claim.provider || registration.roleArn !== claim.roleArn;
  const lost = observed.status === 'PENDING' && observed.secret === 'missing';
  if (!moved && !lost) return { findings: [] };
  const why = moved ? `${claim.provider}, by ${claim.roleArn}` : 'its activation was lost';
  const lines: ChangeLine[] = [{ sign: '~', text: `registration of ${name}, made anew: ${why}`, subject }];
  const after = registered(claim, observed.arn);
  return {
    change: { kind: 'connector', object: name, action: 'update', before: observed, after, lines },
    findings: [],
  };
}

function creation(name: string, before: ConnectorState, { claim, subject }: OwnedClaim<ConnectorClaim>) {
  const lines: ChangeLine[] = [{ sign: '+', text: `registration of ${name} (${claim.provider})`, subject }];
  const after = registered(claim, '');
  return { change: { kind: 'connector', object: name, action: 'create' as const, before, after, lines }, findings: [] };
}

/** A registration as it will be; when its activation ends, EKS says. */
function registered({ provider, roleArn }: ConnectorClaim, arn: string): PresentConnector {
  return {
    present: true,
    arn,
    status: 'PENDING',
    tags: { [MANAGED_TAG]: 'true' },
    registration: { provider, roleArn, expired: false },
    secret: 'kept',
  };
}

function removal(name: string, observed: ConnectorState, unwanted: Claims['unwanted']): Diff<ConnectorState> {
  const [first] = unwanted;
  if (first === undefined) return { findings: [] };
  const { subject } = first;
  const foreign = observed.present && takenBy(name, observed, first, 'notice');
  if (foreign) return { findings: [foreign] };
  if (!observed.present && observed.secret === 'missing') return { findings: [] };
  const text = observed.present ? `registration of ${name}` : `activation of ${name}, left behind`;
  const lines: ChangeLine[] = [{ sign: '-', text, subject }];
  const change = {
    kind: 'connector',
    object: name,
    action: 'delete',
    before: observed,
    after: ABSENT_CONNECTOR,
  } as const;
  return { change: { ...change, lines }, findings: [] };
}

function takenBy(
  name: string,
  { registration, tags, arn }: PresentConnector,
  { subject }: OwnedClaim<ConnectorClaim>,
  severity: Finding['severity'],
): Finding | undefined {
  if (registration === undefined) {
    return {
      code: 'name-taken',
      severity,
      object: name,
      subject,
      message: `${arn} is a cluster that EKS runs, so no cluster elsewhere can be registered by this name`,
      remedy: `register it by another name, or take kind: connected from the cluster "${name}" in the access policy`,
    };
  }
  if (tags[MANAGED_TAG] === 'true') return undefined;
  return {
    code: 'foreign-registration',
    severity,
    object: name,
    subject,
    message: `${arn} was registered by somebody else: it carries no tag ${MANAGED_TAG}=true, so it stays as it is`,
    remedy: `register yours by another name, or remove it first: aws eks deregister-cluster --name ${name}`,
  };
}
