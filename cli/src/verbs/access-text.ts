import type { AccessRule } from '@gatehouse/core/access/policy';

/** Rules in words: `get, list pods, pods/log; create deployments.apps`. */
export function rulesText(rules: readonly AccessRule[]): string {
  return rules.map(ruleText).join('; ');
}

function ruleText({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: AccessRule): string {
  const what = verbs.includes('*') ? 'everything with' : verbs.join(', ');
  if (nonResourceURLs.length > 0) return `${what} ${nonResourceURLs.join(', ')}`;
  const types = resources.includes('*')
    ? apiGroups.map((group) => (group === '*' ? 'everything' : `everything of ${group || 'the core'}`))
    : apiGroups.flatMap((group) => resources.map((resource) => typeText(resource, group)));
  const named = resourceNames.length === 0 ? '' : ` named ${resourceNames.join(', ')}`;
  return `${what} ${types.join(', ')}${named}`;
}

function typeText(resource: string, group: string): string {
  const [type = '', subresource] = resource.split('/');
  return `${type}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
}
