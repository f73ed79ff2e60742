import type { AccessLevel, AccessRule } from '@gatehouse/core/access/policy';
import type { AccessQuestion } from '@gatehouse/core/ports/kubernetes';
import { type Expectation, MAX_SAMPLE, questionsFor } from '@gatehouse/core/verify/questions';
import type { Holding } from '@gatehouse/core/verify/rule-match';
import { verify } from '@gatehouse/core/verify/verify';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryKubernetes } from '../../fakes/kubernetes.ts';

const ANN = 'gatehouse:ops:ann';
const RBAC = 'rbac.authorization.k8s.io';
const rule = (group: string, resources: string[], verbs: string[]): AccessRule => ({
  apiGroups: [group],
  resources,
  verbs,
});
const OPERATOR: AccessLevel = {
  name: 'operator',
  rules: [rule('', ['pods', 'pods/log'], ['get', 'list']), rule('apps', ['deployments'], ['get', 'patch'])],
};
const ADMIN: AccessLevel = { name: 'admin', clusterRole: 'cluster-admin' };

const holding = (level: AccessLevel, ...namespaces: string[]): Holding => ({
  level,
  namespaces,
  because: `grant ${level.name}`,
});
const asked = (expectations: readonly Expectation[], allowed: boolean) =>
  expectations
    .filter((one) => one.allowed === allowed)
    .map(({ question: { verb, resource, subresource, namespace } }) =>
      [verb, subresource ? `${resource}/${subresource}` : resource, namespace ?? '*'].join(' '),
    );

describe('what to ask about a subject', () => {
  const expectations = questionsFor({ username: ANN, has: [holding(OPERATOR, 'pay')], had: [] });

  it('asks for every verb and resource granted, as the username, in the group of all logins', () => {
    expect(asked(expectations, true).sort()).toEqual([
      'get deployments pay',
      'get pods pay',
      'get pods/log pay',
      'list pods pay',
      'list pods/log pay',
      'patch deployments pay',
    ]);
    for (const { question } of expectations) {
      expect(question).toMatchObject({ user: ANN, groups: ['system:authenticated'] });
    }
  });

  it('asks for the same elsewhere, for secrets, and for the way to more', () => {
    expect(asked(expectations, false)).toEqual(
      expect.arrayContaining([
        'get pods kube-system',
        'get secrets pay',
        'get secrets kube-system',
        '* * *',
        'create clusterrolebindings *',
        'impersonate users *',
        'update configmaps kube-system',
      ]),
    );
  });

  it('expects nothing to be denied that is granted', () => {
    const secrets: AccessLevel = { name: 'secrets', rules: [rule('', ['secrets'], ['get'])] };
    expect(asked(questionsFor({ username: ANN, has: [holding(secrets, 'pay')], had: [] }), false)).not.toContain(
      'get secrets pay',
    );
    expect(asked(questionsFor({ username: ANN, has: [holding(ADMIN)], had: [] }), false)).toEqual([]);
    const everywhere = questionsFor({ username: ANN, has: [holding(OPERATOR)], had: [] });
    expect(asked(everywhere, false)).not.toContain('get pods kube-system');
    const inSystem = questionsFor({ username: ANN, has: [holding(OPERATOR, 'kube-system', 'default')], had: [] });
    expect(asked(inSystem, false)).toContain('get pods kube-public');
  });

  it('expects all that was had to be denied, but for what another grant still gives', () => {
    const gone = questionsFor({ username: ANN, has: [], had: [holding(OPERATOR, 'pay')] });
    expect(asked(gone, true)).toEqual([]);
    expect(asked(gone, false)).toEqual(expect.arrayContaining(['get pods pay', 'patch deployments pay']));
    const reader: AccessLevel = { name: 'reader', rules: [rule('', ['pods'], ['get'])] };
    const both = questionsFor({ username: ANN, has: [holding(reader, 'pay')], had: [holding(OPERATOR, 'pay')] });
    expect(asked(both, true)).toEqual(['get pods pay']);
    expect(asked(both, false)).toContain('list pods pay');
  });

  it('asks nothing whose answer hangs on a ClusterRole it does not know', () => {
    const custom: AccessLevel = { name: 'custom', clusterRole: 'team-role' };
    const unknown = questionsFor({ username: ANN, has: [holding(custom, 'pay')], had: [] });
    expect(asked(unknown, true)).toEqual([]);
    expect(asked(unknown, false)).not.toContain('get secrets pay');
    // A RoleBinding reaches only its namespace, whatever the role.
    expect(asked(unknown, false)).toContain('create clusterrolebindings *');
    const knownRoles = new Map([['team-role', [rule('', ['pods'], ['get'])]]]);
    const known = questionsFor({ username: ANN, has: [holding(custom, 'pay')], had: [], knownRoles });
    expect(asked(known, true)).toEqual(['get pods pay']);
    expect(asked(known, false)).toContain('get secrets pay');
  });

  it('stays a sample, in which every rule and every namespace has a part', () => {
    const wide: AccessLevel = {
      name: 'wide',
      rules: [
        rule(
          '',
          Array.from({ length: 30 }, (_, index) => `r${index}`),
          ['get', 'list', 'watch'],
        ),
        rule('apps', ['deployments'], ['patch']),
      ],
    };
    const namespaces = ['a', 'b', 'c', 'd', 'e'];
    const questions = asked(questionsFor({ username: ANN, has: [holding(wide, ...namespaces)], had: [] }), true);
    expect(questions).toHaveLength(MAX_SAMPLE);
    expect(questions.some((one) => one.startsWith('patch deployments'))).toBe(true);
    expect(new Set(questions.map((one) => one.split(' ')[2]))).toEqual(new Set(namespaces));
  });

  it('asks for concrete things where a rule has wildcards and names', () => {
    const level: AccessLevel = {
      name: 'x',
      rules: [
        { apiGroups: ['*'], resources: ['*'], verbs: ['*'], resourceNames: ['one'] },
        rule('apps', ['*/scale'], ['update']),
        { nonResourceURLs: ['/metrics'], verbs: ['get'] },
      ],
    };
    const questions = questionsFor({ username: ANN, has: [holding(level)], had: [] }).filter(({ allowed }) => allowed);
    expect(questions.map(({ question: { user, groups, ...rest } }) => rest)).toEqual([
      { verb: 'delete', group: '', resource: 'pods', name: 'one' },
      { verb: 'update', group: 'apps', resource: 'deployments', subresource: 'scale' },
    ]);
  });
});

describe('verifying', () => {
  const seeded = (rules: readonly AccessRule[], namespace?: string) => {
    const cluster = memoryKubernetes();
    const kind = namespace === undefined ? ('ClusterRole' as const) : ('Role' as const);
    const metadata = { name: 'r', ...(namespace === undefined ? {} : { namespace }) };
    if (namespace !== undefined) cluster.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    cluster.seed(
      { apiVersion: `${RBAC}/v1`, kind, metadata, rules },
      {
        apiVersion: `${RBAC}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: RBAC, kind, name: 'r' },
        subjects: [{ apiGroup: RBAC, kind: 'User', name: ANN }],
      },
    );
    return cluster;
  };

  it('is right where the cluster is as the policy says', async () => {
    const kubernetes = seeded('rules' in OPERATOR ? OPERATOR.rules : [], 'pay');
    const expectations = questionsFor({ username: ANN, has: [holding(OPERATOR, 'pay')], had: [] });
    const { ok, evidence, results } = await verify(kubernetes, expectations);
    expect([ok, evidence]).toEqual([true, 'access-review']);
    expect(results.map(({ expectation }) => expectation)).toEqual(expectations);
    expect(results.find(({ allowed }) => allowed)?.reason).toContain('RoleBinding');
  });

  it.each<[string, readonly AccessRule[], string | undefined]>([
    ['something granted is missing', [rule('', ['pods', 'pods/log'], ['get', 'list'])], 'pay'],
    ['it reaches other namespaces', 'rules' in OPERATOR ? OPERATOR.rules : [], undefined],
    ['secrets are open', [...('rules' in OPERATOR ? OPERATOR.rules : []), rule('', ['secrets'], ['get'])], 'pay'],
    ['everything is open', [rule('*', ['*'], ['*'])], undefined],
  ])('fails where %s', async (_title, rules, namespace) => {
    const expectations = questionsFor({ username: ANN, has: [holding(OPERATOR, 'pay')], had: [] });
    const { ok, results } = await verify(seeded(rules, namespace), expectations);
    expect(ok).toBe(false);
    expect(results.filter(({ allowed, expectation }) => allowed !== expectation.allowed).length).toBeGreaterThan(0);
  });

  it('fails where a revoked subject is bound still', async () => {
    const rules = 'rules' in OPERATOR ? OPERATOR.rules : [];
    const expectations = questionsFor({ username: ANN, has: [], had: [holding(OPERATOR, 'pay')] });
    expect((await verify(seeded(rules, 'pay'), expectations)).ok).toBe(false);
    expect((await verify(seeded([], 'pay'), expectations)).ok).toBe(true);
  });

  it('agrees with the API server on any rules: what is expected is what it says', async () => {
    const words = (...all: string[]) => fc.subarray(all, { minLength: 1 });
    const some = fc.array(
      fc
        .record({
          apiGroups: words('', 'apps', '*', RBAC),
          resources: words('pods', 'pods/exec', '*/scale', 'secrets', 'users', '*'),
          verbs: words('get', 'create', 'impersonate', '*'),
          resourceNames: fc.subarray(['one', 'aws-auth']),
        })
        .map(({ resourceNames, resources, ...rest }) =>
          resourceNames.length === 0
            ? { ...rest, resources }
            : { ...rest, resourceNames, resources: resources.slice(0, 1) },
        ),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(some, fc.boolean(), async (rules, everywhere) => {
        const namespaces = everywhere ? [] : ['pay'];
        const expectations = questionsFor({
          username: ANN,
          has: [holding({ name: 'x', rules }, ...namespaces)],
          had: [],
        });
        const { results } = await verify(seeded(rules, namespaces[0]), expectations);
        for (const { expectation, allowed } of results)
          expect([expectation, allowed]).toEqual([expectation, expectation.allowed]);
      }),
      { numRuns: 60 },
    );
  });

  it('asks a bounded number at a time, everything once', async () => {
    let [open, most] = [0, 0];
    const seen: AccessQuestion[] = [];
    const waiting: (() => void)[] = [];
    const review = async (question: AccessQuestion) => {
      seen.push(question);
      open += 1;
      most = Math.max(most, open);
      await new Promise<void>((resolve) => waiting.push(resolve));
      open -= 1;
      return { allowed: false };
    };
    const expectations = Array.from({ length: 30 }, (_, index) => ({
      question: { user: ANN, groups: [], verb: 'get', group: '', resource: `r${index}` },
      allowed: false,
      because: 'test',
    }));
    const verification = verify({ review }, expectations);
    while (seen.length < 30 || waiting.length > 0) {
      waiting.shift()?.();
      await Promise.resolve();
    }
    expect((await verification).ok).toBe(true);
    expect(most).toBe(8);
    expect(new Set(seen).size).toBe(30);
  });

  it('fails with the failure of the port, and asks no more', async () => {
    let count = 0;
    const review = async () => {
      count += 1;
      throw new Error('gone');
    };
    const expectations = questionsFor({ username: ANN, has: [holding(OPERATOR, 'pay')], had: [] });
    await expect(verify({ review }, expectations)).rejects.toThrow('gone');
    expect(count).toBeLessThanOrEqual(8);
  });
});
