import { grantSubject } from '@gatehouse/core/access/subject';
import { type AwsAuthMappings, identify, readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { principalsChanged } from '@gatehouse/core/effective-access/changed-access';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { diff } from '@gatehouse/core/resources/aws-auth/diff';
import { readList } from '@gatehouse/core/resources/aws-auth/list';
import {
  AWS_AUTH_OBJECT,
  type AwsAuthClaim,
  type AwsAuthList,
  type AwsAuthObserved,
} from '@gatehouse/core/resources/aws-auth/model';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const ARN = (name: string) => `arn:aws:iam::111122223333:role/${name}`;
const OURS = ['gatehouse-a', 'gatehouse-b', 'gatehouse-c'].map(ARN);
const FOREIGN = ['node', 'admin', 'ci', 'gatehouse-foreign'].map(ARN);
const USERNAMES = ['gatehouse:a:{{SessionNameRaw}}', 'gatehouse:b:{{SessionNameRaw}}'];

const oneOf = (...values: string[]) => fc.constantFrom(...values);
const username = oneOf(
  'x',
  '"{{SessionName}}"',
  "'system:node:{{EC2PrivateDNSName}}'",
  '5',
  'yes',
  '0123',
  '~',
  '',
  '>-\n      folded\n      text',
  '|\n      literal',
  '|+\n      kept\n\n',
  '"two\n      lines"',
  '!!str 7',
  'a # note',
);
const groups = oneOf(
  '',
  '  groups:\n  - system:masters\n',
  '  groups:\n    - a\n    - b\n',
  '  groups: [a, "b"]\n',
  '  groups: []\n',
  '  groups: x\n',
);
const key = oneOf('rolearn', 'roleARN', '"rolearn"', 'ROLEARN');
const comment = oneOf('', '', '', '# note\n', '  # deep note\n', '\n', '# - rolearn: commented out\n');

const foreign = fc
  .tuple(key, oneOf(...FOREIGN), username, groups, oneOf('', '  userid: AIDA\n', '  team: { a: [b] }\n'))
  .map(([name, arn, user, more, extra]) => `- ${name}: ${arn}\n  username: ${user}\n${more}${extra}`);
const odd = oneOf(
  '- just text\n',
  '-\n',
  '- {rolearn: other, username: y}\n',
  '- - nested\n',
  '- &base\n  team: z\n- <<: *base\n  rolearn: merged\n',
  '- username: nobody\n',
);
const mine = fc
  .tuple(oneOf(...OURS), oneOf(...USERNAMES))
  .chain(([arn, user]) =>
    oneOf(
      `- rolearn: ${arn}\n  username: "${user}"\n`,
      `- username: '${user}'\n  # why\n  rolearn: ${arn}\n`,
      `- {"rolearn": "${arn}", "username": "${user}"}\n`,
      `- rolearn: ${arn}\n  username: "${user}"\n  groups:\n  - system:masters\n`,
      `- rolearn: ${arn.toUpperCase()}\n  username: |-\n    ${user}\n`,
    ),
  );

const block = fc
  .record({
    head: oneOf('', '', '---\n', '# head\n', '\uFEFF'),
    parts: fc.array(fc.oneof({ weight: 4, arbitrary: foreign }, { weight: 3, arbitrary: mine }, odd, comment), {
      maxLength: 8,
    }),
    tail: oneOf('', '', '# tail\n', '...\n', '---\n- rolearn: second\n', '\n\n', '   '),
    indent: oneOf('', '', '  ', '    '),
    newline: oneOf('\n', '\n', '\r\n'),
    finalNewline: fc.boolean(),
  })
  .map(({ head, parts, tail, indent, newline, finalNewline }) => {
    const body = parts.join('').replace(/^(?=.)/gm, indent);
    const text = head + body + tail;
    return (finalNewline ? text : text.replace(/\n$/, '')).replaceAll('\n', newline);
  });

const flow = fc
  .record({
    items: fc.array(
      oneOf(
        ...FOREIGN.map((arn) => `{"rolearn": "${arn}", "username": "x"}`),
        ...OURS.map((arn) => `{"rolearn":"${arn}","username":"${USERNAMES[0]}"}`),
        'text',
        '{rolearn: z, groups: [g]}',
      ),
      { maxLength: 6 },
    ),
    separator: oneOf(',', ', ', ',\n  ', ' , ', ', # note\n  '),
    inside: oneOf('', ' ', '\n  '),
    trailing: fc.boolean(),
  })
  .map(
    ({ items, separator, inside, trailing }) =>
      `[${inside}${items.join(separator)}${trailing && items.length > 0 ? ',' : ''}${inside}]\n`,
  );

const text = fc.oneof({ weight: 4, arbitrary: block }, { weight: 1, arbitrary: flow });
const maybe = fc.option(text, { nil: undefined });
const data = fc.record({
  mapRoles: maybe,
  mapUsers: maybe.map((one) =>
    one?.replaceAll('rolearn', 'userarn').replaceAll('roleARN', 'userARN').replaceAll('ROLEARN', 'USERARN'),
  ),
});

const claim = fc.record({
  list: oneOf('mapRoles', 'mapRoles', 'mapUsers'),
  arn: oneOf(...OURS),
  username: oneOf(...USERNAMES),
  recorded: fc.boolean(),
});
const turn = fc.record({ wanted: fc.array(claim, { maxLength: 3 }), unwanted: fc.array(claim, { maxLength: 3 }) });

interface Row {
  readonly list: string;
  readonly arn: string;
  readonly username: string;
  readonly recorded: boolean;
}

function owned({ list, arn, username: name }: Row): OwnedClaim<AwsAuthClaim> {
  const made = { kind: 'aws-auth', object: AWS_AUTH_OBJECT, list: list as AwsAuthList, arn, username: name } as const;
  return { subject: grantSubject(name), claim: made };
}

function claimsOf({
  wanted,
  unwanted,
}: {
  wanted: readonly Row[];
  unwanted: readonly Row[];
}): ObjectClaims<AwsAuthClaim> {
  return {
    wanted: wanted.map(owned),
    unwanted: unwanted.map(owned),
    recorded: wanted.filter(({ recorded }) => recorded).map(owned),
  };
}

function observed({
  mapRoles,
  mapUsers,
}: {
  mapRoles?: string | undefined;
  mapUsers?: string | undefined;
}): AwsAuthObserved {
  const lists = {
    ...(mapRoles === undefined ? {} : { mapRoles }),
    ...(mapUsers === undefined ? {} : { mapUsers }),
    mapAccounts: '- 000011112222 # keep\n',
  };
  const configMap: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'aws-auth', namespace: 'kube-system', labels: { a: 'b' } },
    data: lists,
  };
  return { present: true, configMap };
}

function dataOf(state: AwsAuthObserved): Readonly<Record<string, string>> {
  return state.present ? (state.configMap.data ?? {}) : {};
}

/** The raw texts of all entries that are not marked as Gatehouse's, in order. */
function foreignTexts(list: AwsAuthList, source: string | undefined): readonly string[] | undefined {
  const document = readList(list, source);
  if ('refused' in document) return undefined;
  const { layout } = document;
  if (layout.style === 'empty') return [];
  return layout.items
    .filter((_item, index) => !document.entries[index]!.marked)
    .map(({ start, end }) => document.text.slice(start, end).trimEnd());
}

const who = (mappings: AwsAuthMappings) =>
  FOREIGN.concat('other', 'merged', 'z').map((arn) => {
    const caller = { arn, accountId: '111122223333', userId: 'AROA:i-0123456789abcdef0' };
    return identify(mappings, caller, (id) => `${id}.internal`);
  });

it('any owned edit of any document leaves every foreign byte and every foreign principal as it was', () => {
  fc.assert(
    fc.property(data, turn, (lists, rows) => {
      const claims = claimsOf(rows);
      const before = observed(lists);
      const { change, findings } = diff(AWS_AUTH_OBJECT, before, claims);
      if (change === undefined) return;
      const [old, made] = [dataOf(before), dataOf(change.after)];
      expect(made.mapAccounts).toBe(old.mapAccounts);
      expect({
        ...change.after,
        configMap: { ...(change.after as { configMap: object }).configMap, data: old },
      }).toEqual(before);
      for (const list of ['mapRoles', 'mapUsers'] as const) {
        expect(foreignTexts(list, made[list])).toEqual(foreignTexts(list, old[list]));
      }
      const [was, is] = [readAwsAuth(old), readAwsAuth(made)];
      expect(who(is).map((one) => ({ ...one, by: undefined }))).toEqual(
        who(was).map((one) => ({ ...one, by: undefined })),
      );
      const arns = new Set([...rows.wanted, ...rows.unwanted].map(({ arn }) => arn.toLowerCase()));
      expect(principalsChanged(was, is).filter((arn) => !arns.has(arn))).toEqual([]);

      // The claims of the turn are what they shall be, as the independent reader sees it, but for what a finding tells.
      const told = new Set(findings.filter(({ severity }) => severity === 'blocks').map(({ subject }) => subject));
      for (const { subject, claim: wanted } of claims.wanted) {
        if (told.has(subject)) continue;
        const entries = (wanted.list === 'mapRoles' ? is.roles : is.users).filter(
          ({ arn }) => arn.toLowerCase() === wanted.arn.toLowerCase(),
        );
        expect(entries).toMatchObject([{ username: wanted.username, groups: [] }]);
      }

      // Made once, it is not made again: neither by the same claims nor after they were recorded.
      expect(diff(AWS_AUTH_OBJECT, change.after, claims).change).toBeUndefined();
      const recorded = [...claims.recorded, ...claims.wanted.filter(({ subject }) => !told.has(subject))];
      expect(diff(AWS_AUTH_OBJECT, change.after, { ...claims, recorded }).change).toBeUndefined();
    }),
    { numRuns: 1500 },
  );
});

it('nothing of ours is left in force after a removal that no finding blocks', () => {
  fc.assert(
    fc.property(text, oneOf(...OURS), (mapRoles, arn) => {
      const gone = owned({ list: 'mapRoles', arn, username: USERNAMES[0]!, recorded: true });
      const { change, findings } = diff(AWS_AUTH_OBJECT, observed({ mapRoles }), {
        wanted: [],
        unwanted: [gone],
        recorded: [],
      });
      if (findings.length > 0) return;
      const after = readAwsAuth(dataOf(change?.after ?? observed({ mapRoles })));
      expect(after.roles.filter((role) => role.arn.toLowerCase() === arn.toLowerCase())).toEqual([]);
    }),
    { numRuns: 700 },
  );
});

it('what was added and is removed again leaves the very text that was there', () => {
  fc.assert(
    fc.property(text, (mapRoles) => {
      const arn = ARN('gatehouse-new');
      const row = owned({ list: 'mapRoles', arn, username: USERNAMES[0]!, recorded: true });
      const added = diff(AWS_AUTH_OBJECT, observed({ mapRoles }), { wanted: [row], unwanted: [], recorded: [] }).change;
      fc.pre(added !== undefined);
      const removed = diff(AWS_AUTH_OBJECT, added.after, { wanted: [], unwanted: [row], recorded: [] }).change;
      const document = readList('mapRoles', mapRoles);
      if ('refused' in document || document.entries.length === 0) return;
      expect(dataOf(removed!.after).mapRoles).toBe(mapRoles);
    }),
    { numRuns: 700 },
  );
});

it('a username that the policy gives changes the entries of its own principal alone', () => {
  const given = fc.record({
    arn: oneOf(...OURS),
    username: oneOf('x', 'deployer', '5'),
    list: fc.constant('mapRoles'),
    recorded: fc.boolean(),
  });
  fc.assert(
    fc.property(text, given, fc.boolean(), (mapRoles, row, goes) => {
      const [one] = [owned(row)];
      const claims = {
        wanted: goes ? [] : [one],
        unwanted: goes ? [one] : [],
        recorded: row.recorded || goes ? [one] : [],
      };
      const before = observed({ mapRoles });
      const { change, findings } = diff(AWS_AUTH_OBJECT, before, claims);
      const after = change?.after ?? before;
      const others = (source: string | undefined) => {
        const document = readList('mapRoles', source);
        if ('refused' in document) return source;
        return document.layout.style === 'empty'
          ? []
          : document.layout.items
              .map(({ start, end }) => document.text.slice(start, end).trimEnd())
              .filter((entry) => !entry.toLowerCase().includes(row.arn.toLowerCase()));
      };
      expect(others(dataOf(after).mapRoles)).toEqual(others(mapRoles));
      const [was, is] = [readAwsAuth(dataOf(before)), readAwsAuth(dataOf(after))];
      expect(principalsChanged(was, is).filter((arn) => arn !== row.arn.toLowerCase())).toEqual([]);
      expect(diff(AWS_AUTH_OBJECT, after, claims).change).toBeUndefined();
      // Nobody comes in by a name that somebody else's entry has already.
      if (!goes && findings.length === 0) {
        const named = is.roles.filter(({ username: name }) => name === row.username);
        expect(new Set(named.map(({ arn }) => arn.toLowerCase()))).toEqual(new Set([row.arn.toLowerCase()]));
      }
    }),
    { numRuns: 700 },
  );
});
