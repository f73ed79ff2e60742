import { Failure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { AccessPolicy, Cluster } from '../access/policy.ts';
import type { Subject } from '../access/subject.ts';
import { type Target, verificationsOf } from '../access/target.ts';
import { bootstrapManifest } from '../bootstrap/manifest.ts';
import type { Cause } from '../directory/fact.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { applicationFact, environmentFact } from '../directory/onboarded.ts';
import type { Question } from '../effective-access/rbac.ts';
import { readChain, verifyChain } from '../ledger/ledger.ts';
import { ACTIVE_KEY, type PolicyInForce, policyInForce, writtenInForce } from '../policy/in-force.ts';
import { readPolicy } from '../policy/read.ts';
import { allClusters } from '../policy/selection.ts';
import { type RefusedUpload, UPLOADED_KEY } from '../policy/uploaded.ts';
import { activatePolicy, listVersions, readVersion, uploadPolicy } from '../policy/versions.ts';
import { compare } from '../policy/widening.ts';
import { allItems } from '../ports/all-items.ts';
import type { QueueDepths } from '../ports/queue-depths.ts';
import type { TableReader } from '../ports/table.ts';
import { discoveredClusters } from '../work/clusters.ts';
import { MARK_PREFIX, targetPk } from '../work/keys.ts';
import { type MarkFailure, putMark, readMark } from '../work/marks.ts';
import { readRemarks } from '../work/remarks.ts';
import { listSnapshots, readSnapshot } from '../work/snapshots.ts';
import { sweep, targetsOfPolicy } from '../work/sweep.ts';
import type { TurnLimits, TurnPorts } from '../work/turn-ports.ts';
import { wake } from '../work/wake.ts';
import { answerFor, reportOn } from './access-report.ts';
import { clusterMode } from './cluster-mode.ts';
import { connection, connectorManifests, deregisterCluster, registerCluster } from './connections.ts';
import type { Asked } from './denial.ts';
import { doctor, doctorOn, type StatusFacts } from './doctor/doctor.ts';
import { listEvents } from './events.ts';
import { existingAccess } from './existing-access.ts';
import { identityProviderOn } from './identity-provider.ts';
import { inventory } from './inventory.ts';
import { namesNow } from './names.ts';
import { onboard } from './onboard.ts';
import type { Operation } from './operation.ts';
import { planOf, planTargets } from './plan.ts';
import { replay } from './replay.ts';
import { rotateKeys } from './rotate-key.ts';
import { inForce, subjectsOn } from './subjects.ts';
import { trace } from './trace.ts';
import { waysInto } from './ways-in.ts';
import { whoCan } from './who-can.ts';
import { whyOn } from './why.ts';

/** What operations need beside the ports of a turn. */
export interface OperationSettings {
  readonly limits: TurnLimits;
  /** ARN of the IAM role by which Gatehouse reaches the clusters of its own account. */
  readonly clusterAccessRole: string;
  /** Absent where the function may not look at queues. */
  readonly queueDepths?: QueueDepths;
}

type Outcome = Json | Readonly<Record<string, unknown>>;

/** Runs an operation. @throws Failure where it cannot be done; then nothing is. */
export async function runOperation(
  ports: TurnPorts,
  settings: OperationSettings,
  operation: Operation,
): Promise<Outcome> {
  const cause: Cause = {
    source: 'operator',
    event: ports.random.token(),
    type: operation.operation,
    receivedAt: ports.clock.now(),
  };
  switch (operation.operation) {
    case 'plan': {
      const { subjects, document } = operation;
      return { ...(await planOf(ports, settings.limits, operation.target, { subjects, document })) };
    }
    case 'plan-targets':
      return { ...(await planTargets(ports, operation.document)) };
    case 'existing-access': {
      const { policy } = await inForce(ports.table);
      return { ...(await existingAccess(ports, policy, await clusterNamed(ports.table, policy, operation.cluster))) };
    }
    case 'reconcile': {
      const subjects = operation.subjects ?? (await subjectsOn(ports.table, operation.target));
      for (const subject of subjects) {
        // What is not known counts as a revocation: the turn finds out.
        await putMark(ports, { target: operation.target, subject, urgency: 'revocation', cause });
      }
      await wake(ports, [operation.target]);
      return { marked: subjects.length };
    }
    case 'rotate-key': {
      const { policy } = await inForce(ports.table);
      return { machine: operation.machine, users: await rotateKeys(ports, policy, operation, cause) };
    }
    case 'sweep':
      return { targets: await sweep(ports, ports.clock.now()) };
    case 'status':
      return status(ports);
    case 'inventory':
      return { ...(await inventory(ports.table)) };
    case 'names':
      return { ...(await namesNow(ports.table)) };
    case 'upload-policy': {
      const { document: text, by, after } = operation;
      const upload = { text, by, cause, trusted: false, ...(after === undefined ? {} : { after }) };
      const outcome = await uploadPolicy(ports, upload);
      await nudgePlanner(ports, [ACTIVE_KEY]);
      return { ...outcome };
    }
    case 'activate-policy': {
      const outcome = await activatePolicy(ports, operation.version, operation.by, cause);
      await nudgePlanner(ports, [ACTIVE_KEY]);
      return { ...outcome };
    }
    case 'compare-policy': {
      const { version } = operation;
      const uploaded = await readVersion(ports.table, version);
      const reading = uploaded && readPolicy(uploaded.text);
      if (!uploaded || !reading?.ok) throw new Failure('not-found', `there is no policy version ${version}`);
      const current = await writtenInForce(ports.table);
      return { version, digest: uploaded.digest, state: uploaded.state, ...compare(current?.policy, reading.policy) };
    }
    case 'list-policies':
      return { versions: (await listVersions(ports.table)).map(({ text: _text, ...version }) => version) };
    case 'cluster-mode': {
      const inForceNow = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, inForceNow.policy, operation.cluster);
      return { ...(await clusterMode(ports, settings.limits, inForceNow, cluster, operation.mode)) };
    }
    case 'doctor': {
      if (operation.cluster === undefined) return { ...(await doctor(ports, settings, await status(ports))) };
      const { policy } = await inForce(ports.table);
      return {
        ...(await doctorOn(ports, settings, policy, await clusterNamed(ports.table, policy, operation.cluster))),
      };
    }
    case 'ledger': {
      const { chain, after, limit } = operation;
      const entries = await readChain(ports.ledger, chain, {
        ...(after === undefined ? {} : { after }),
        ...(limit === undefined ? {} : { limit }),
      });
      return { entries, ...(after === undefined ? { unbroken: verifyChain(entries) } : {}) };
    }
    case 'snapshots': {
      const { target, id, limit = 20 } = operation;
      if (id === undefined) return { snapshots: await listSnapshots(ports.table, target, limit) };
      const before = await readSnapshot(ports.table, target, id);
      if (before === undefined) throw new Failure('not-found', `${target} has no snapshot "${id}"`);
      return { before };
    }
    case 'identity-provider': {
      const { policy } = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, policy, operation.cluster);
      return { ...(await identityProviderOn(ports, policy, cluster, operation.reconcile ? cause : undefined)) };
    }
    case 'onboard-environment':
    case 'offboard-environment': {
      const fact = environmentFact(operation.environment, cause.receivedAt);
      return { ...(await onboard(ports, fact, cause, operation.dryRun === true)) };
    }
    case 'onboard-application':
    case 'offboard-application': {
      const state = operation.operation === 'onboard-application' ? 'present' : 'absent';
      const fact = applicationFact(operation.application, state, cause.receivedAt);
      return { ...(await onboard(ports, fact, cause, operation.dryRun === true)) };
    }
    case 'register-cluster':
      return registerCluster(ports, settings, operation, cause);
    case 'deregister-cluster':
      return deregisterCluster(ports, settings, operation, cause);
    case 'connection':
      return { ...(await connection(ports, settings, operation)) };
    case 'connector-manifests':
      return { ...(await connectorManifests(ports, settings, operation)) };
    case 'bootstrap': {
      const { policy } = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, policy, operation.cluster);
      const account = policy.accounts.find(({ id }) => id === cluster.account);
      return { ...bootstrapManifest(policy, cluster, { roleArn: account?.roleArn ?? settings.clusterAccessRole }) };
    }
    case 'can-i': {
      const { policy } = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, policy, operation.cluster);
      const { principal, question } = operation;
      return { ...(await answerFor(ports, policy, cluster, principal, JSON.parse(JSON.stringify(question)) as Asked)) };
    }
    case 'who-can': {
      const { policy } = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, policy, operation.cluster);
      const question = JSON.parse(JSON.stringify(operation.question)) as Question;
      return { ...(await whoCan(ports, policy, cluster, question)) };
    }
    case 'verify-access': {
      const { policy } = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, policy, operation.cluster);
      return { ...(await reportOn(ports, policy, cluster, operation.principal)) };
    }
    case 'why': {
      const inForceNow = await inForce(ports.table);
      const cluster = await clusterNamed(ports.table, inForceNow.policy, operation.cluster);
      return { ...(await whyOn(ports, inForceNow, cluster, operation.principal)) };
    }
    case 'events': {
      const { operation: _operation, limit, ...query } = operation;
      return { ...(await listEvents(ports, query, limit)) };
    }
    case 'trace':
      return { ...(await trace(ports, operation.of)) };
    case 'replay': {
      const { operation: _operation, event, dryRun, ...query } = operation;
      return { ...(await replay(ports, event === undefined ? query : { event }, dryRun === true)) };
    }
    case 'ways-in': {
      const { policy } = await inForce(ports.table);
      return { ...waysInto(policy, await clusterNamed(ports.table, policy, operation.cluster)) };
    }
  }
}

async function clusterNamed(reader: TableReader, policy: AccessPolicy, name: string): Promise<Cluster> {
  const known = allClusters(policy, await discoveredClusters(reader));
  const [cluster, another] = known.filter((one) => one.name === name || one.arn === name);
  if (!cluster) {
    throw new Failure('not-found', `the policy in force names no cluster "${name}"`, {
      remedy: known.length === 0 ? 'add it under clusters' : `it names ${known.map((one) => one.name).join(', ')}`,
    });
  }
  if (another) throw new Failure('invalid', `"${name}" is more than one cluster: name it by its ARN`);
  return cluster;
}

async function status(ports: TurnPorts): Promise<StatusFacts & Readonly<Record<string, unknown>>> {
  const policy = await policyInForce(ports.table);
  const [newest] = await listVersions(ports.table, 1);
  const proposed =
    newest?.state === 'proposed'
      ? { proposed: { version: newest.version, by: newest.by, uploadedAt: newest.uploadedAt } }
      : {};
  if (!policy) return { policy: null, ...proposed, clusters: [], waiting: [], findings: [] };
  const clusters = allClusters(policy.policy, await discoveredClusters(ports.table));
  const waiting: {
    target: Target;
    subject: Subject;
    urgency: string;
    since: number;
    attempts: number;
    notBefore: number;
    confirming?: true;
    failure?: MarkFailure;
  }[] = [];
  const findings: object[] = [];
  const targets = await targetsOfPolicy(ports.table, policy.policy);
  for (const target of [...targets, ...verificationsOf(targets)]) {
    for (const item of await allItems(ports.table, targetPk(target), MARK_PREFIX)) {
      const { subject, urgency, since, attempts, notBefore, finding, failure, confirming } = readMark(item);
      const why = failure === undefined ? {} : { failure };
      if (finding) findings.push({ target, since, ...finding, subject });
      else waiting.push({ target, subject, urgency, since, attempts, notBefore, ...seen(confirming), ...why });
    }
    for (const { finding, since } of await readRemarks(ports.table, target))
      findings.push({ target, since, ...finding });
  }
  const last = (await ports.table.get(UPLOADED_KEY))?.refused as unknown as RefusedUpload | undefined;
  const refused = last && { at: last.at, errors: last.errors };
  return {
    policy: { version: policy.version, digest: policy.digest, partial: policy.partial },
    ...proposed,
    clusters: clusters.map(({ name, arn, mode }) => ({ name, arn, mode })),
    ...(policy.written.onboarding ? { onboarding: onboardingOf(policy) } : {}),
    ...(refused ? { refused } : {}),
    waiting,
    // A subject may be parked in both urgencies, for one reason.
    findings: [...new Map(findings.map((finding) => [JSON.stringify({ ...finding, since: 0 }), finding])).values()],
  };
}

/** What is done, and only to be seen once more. */
const seen = (confirming: boolean | undefined) => (confirming ? { confirming: true as const } : {});

/** What is onboarded, and what of it gets nothing, or not all. */
function onboardingOf({ onboarded, findings }: PolicyInForce): Json {
  const present = onboarded.filter(({ state }) => state === 'present');
  return {
    environments: present.filter(({ type }) => type === 'environment').length,
    applications: present.filter(({ type }) => type === 'application').length,
    findings: findings.map((finding) => ({ ...finding })),
  };
}
