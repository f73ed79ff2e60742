import { expect } from 'vitest';
import { type Api, CLUSTER_ROLES, CONFIG_MAPS, NAMESPACES, namesIn, refused } from './api.ts';
import type { Suite } from './contract.ts';

const LABELS = [{ env: 'prod', tier: 'web' }, { env: 'prod' }, { env: 'dev', tier: 'db', n: '5' }, undefined];
const filled = async ({ admin }: Api) => {
  for (const [index, labels] of LABELS.entries()) {
    await admin.made(CONFIG_MAPS, { metadata: { name: `c${index}`, ...(labels ? { labels } : {}) } });
  }
};

const CHOSEN: readonly (readonly [selector: string, names: string])[] = [
  ['env=prod', 'c0 c1'],
  ['env==prod,tier=web', 'c0'],
  ['env!=prod', 'c2 c3'],
  ['env in (prod, dev),tier', 'c0 c2'],
  ['env in(prod)', 'c0 c1'],
  ['env  in  ( prod )', 'c0 c1'],
  ['env in (prod,)', 'c0 c1'],
  ['env in ()', ''],
  ['env notin (prod)', 'c2 c3'],
  ['env notin ()', 'c0 c1 c2 c3'],
  ['tier', 'c0 c2'],
  ['!tier', 'c1 c3'],
  ['! tier', 'c1 c3'],
  ['n>4', 'c2'],
  ['n>5', ''],
  ['n<6,env', 'c2'],
  [' env = prod ', 'c0 c1'],
  ['env=', ''],
  ['env!=', 'c0 c1 c2 c3'],
  ['in in (x)', ''],
  ['notin', ''],
  ['x/y=z', ''],
  ['', 'c0 c1 c2 c3'],
  [' ', 'c0 c1 c2 c3'],
];

const NO_LABELS: readonly (readonly [selector: string, message: string | RegExp])[] = [
  ['=(', "found '=', expected: !, identifier, or 'end of string'"],
  [',', "found ',', expected: !, identifier, or 'end of string'"],
  [',a', "found ',', expected: !, identifier, or 'end of string'"],
  ['(', "found '(', expected: !, identifier, or 'end of string'"],
  ['a,,b', "found ',', expected: identifier after ','"],
  ['a=b,', "found '', expected: identifier after ','"],
  ['a=b=c', "found '=', expected: ',' or 'end of string'"],
  ['a=b c', "found 'c', expected: ',' or 'end of string'"],
  ['!a=b', "found '=', expected: ',' or 'end of string'"],
  ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
  ['a!b', "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"],
  ['a)', "unable to parse requirement: found ')', expected: in, notin, =, ==, !=, gt, lt"],
  ['in (x)', "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"],
  ['a in b', "unable to parse requirement: found 'b' expected: '('"],
  ['a notin', "unable to parse requirement: found '' expected: '('"],
  ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
  ['!', "unable to parse requirement: found '', expected: identifier"],
  ['a===b', "unable to parse requirement: found '=', expected: identifier"],
  ['a=(b)', "unable to parse requirement: found '(', expected: identifier"],
  [
    'n<a',
    `unable to parse requirement: values[0]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer`,
  ],
  ['-a=b', /^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/],
  ['ä=b', /^unable to parse requirement: <nil>: Invalid value: "ä": name part must consist of/],
  ['A/b/c=d', /^unable to parse requirement: <nil>: Invalid value: "A\/b\/c": a qualified name must consist of/],
  ['a=%', /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "%": a valid label must be/],
  [
    `a=${'x'.repeat(64)}`,
    /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "x{64}": must be no more than 63 characters$/,
  ],
];

const ONLY = 'is not a known field selector: only "metadata.name", "metadata.namespace"';
const FIELDS: readonly (readonly [selector: string, names: string | { readonly refused: string }])[] = [
  ['metadata.name=c1', 'c1'],
  ['metadata.name==c1', 'c1'],
  ['metadata.name!=c1,metadata.namespace=default', 'c0 c2 c3'],
  ['metadata.name=c1,', 'c1'],
  [',metadata.name=c1', 'c1'],
  ['metadata.name=', ''],
  ['metadata.name=a\\,b', ''],
  ['spec.x=1', { refused: `"spec.x" ${ONLY}` }],
  [' metadata.name=c1', { refused: `" metadata.name" ${ONLY}` }],
  ['nonsense', { refused: "invalid selector: 'nonsense'; can't understand 'nonsense'" }],
  ['metadata.name=a=b', { refused: 'invalid field selector: unescaped character in value: 61' }],
];

/** What labels and fields choose. */
export const selectors: Suite = (it) => {
  for (const [selector, names] of CHOSEN) {
    it(`choose by the labels ${JSON.stringify(selector)}`, async (api) => {
      await filled(api);
      const list = await api.admin.get(`${CONFIG_MAPS}?${new URLSearchParams({ labelSelector: selector })}`);
      expect(namesIn(list).join(' ')).toBe(names);
    });
  }

  for (const [selector, message] of NO_LABELS) {
    it(`are not the labels ${JSON.stringify(selector.slice(0, 20))}`, async ({ admin }) => {
      const answer = await admin.get(`${CONFIG_MAPS}?${new URLSearchParams({ labelSelector: selector })}`);
      expect(answer).toMatchObject(refused(400, message));
    });
  }

  for (const [selector, expected] of FIELDS) {
    it(`choose by the fields ${JSON.stringify(selector)}`, async (api) => {
      await filled(api);
      const answer = await api.admin.get(`${CONFIG_MAPS}?${new URLSearchParams({ fieldSelector: selector })}`);
      if (typeof expected === 'string') expect(namesIn(answer).join(' ')).toBe(expected);
      else expect(answer).toMatchObject(refused(400, expected.refused));
    });
  }

  it('know the fields of each kind', async ({ admin }) => {
    for (const [url, fields] of [
      [NAMESPACES, 'metadata.name=x,status.phase=y'],
      [`${NAMESPACES}/default/secrets`, 'type=x'],
      [
        `${NAMESPACES}/default/pods`,
        'spec.nodeName=x,spec.restartPolicy=x,spec.schedulerName=x,spec.serviceAccountName=x,spec.hostNetwork=false,status.phase=x,status.podIP=x,status.nominatedNodeName=x',
      ],
      [
        `${NAMESPACES}/default/events`,
        'involvedObject.kind=x,involvedObject.namespace=x,involvedObject.name=x,involvedObject.uid=x,involvedObject.apiVersion=x,involvedObject.resourceVersion=x,involvedObject.fieldPath=x,reason=x,reportingComponent=x,source=x,type=x',
      ],
    ] as const) {
      const answer = await admin.get(`${url}?${new URLSearchParams({ fieldSelector: fields })}`);
      expect(answer).toMatchObject({ status: 200, body: { items: [] } });
    }
  });

  it('know no namespace of what has none', async ({ admin }) => {
    for (const field of ['metadata.namespace', 'name']) {
      expect(await admin.get(`${NAMESPACES}?fieldSelector=${field}%3Dx`)).toMatchObject(
        refused(400, `field label not supported: ${field}`),
      );
    }
    expect((await admin.get(`${CLUSTER_ROLES}?fieldSelector=metadata.namespace%3Dx`)).status).toBe(200);
  });
};
