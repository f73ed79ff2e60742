import type { EventRule } from '@gatehouse/core/aws/event-rules';
import type { Check } from '@gatehouse/core/operations/doctor/check';

/** What comes over EventBridge, and whence; Cognito only where the policy speaks of it. */
export function bridgedSources(sources: readonly string[]): Readonly<Record<string, string>> {
  return {
    'aws.eks': 'clusters that are made and deleted',
    'aws.iam': 'roles and users that are made and deleted',
    'aws.s3': 'uploads of the access policy',
    ...(sources.includes('cognito') ? { 'aws.cognito-idp': 'groups of Cognito' } : {}),
  };
}

/** Whether events of a source reach anybody. Somebody else's rule for it looks the same from here. */
export function judgeRule(source: string, what: string, rules: readonly EventRule[]): Check {
  const about = { check: 'event-rule', of: source };
  const own = rules.filter(({ sources }) => sources.includes(source));
  if (own.some(({ enabled, targets }) => enabled && targets > 0)) {
    return { ...about, verdict: 'ok', saw: `a rule is enabled and has a target: ${what}` };
  }
  const disabled = own.find(({ enabled }) => !enabled);
  if (disabled) {
    const fix = `aws events enable-rule --name ${disabled.name}`;
    return {
      ...about,
      verdict: 'fail',
      saw: `the rule ${disabled.name} is disabled, so Gatehouse hears nothing of ${what}`,
      fix,
    };
  }
  const fix = 'deploy the stack again: it makes the rule and its target';
  const saw = own[0] ? `the rule ${own[0].name} has no target` : 'no rule of the default bus has it in its pattern';
  return { ...about, verdict: 'fail', saw: `${saw}, so Gatehouse hears nothing of ${what}`, fix };
}
