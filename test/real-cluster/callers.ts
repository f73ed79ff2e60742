import type { Caller } from '@gatehouse/core/effective-access/aws-auth';

/** The account of most principals, one more, and one whose number YAML may take for an octal one. */
export const HOME = '111122223333';
export const OTHER = '444455556666';
export const OCTAL = '001122334455';

/** ARN of a role. */
export function role(name: string, account = HOME, partition = 'aws'): string {
  return `arn:${partition}:iam::${account}:role/${name}`;
}

/** ARN of a user. */
export function user(name: string, account = HOME): string {
  return `arn:aws:iam::${account}:user/${name}`;
}

/** What STS answers of a session. */
export function session(roleName: string, name: string, account = HOME, partition = 'aws'): Caller {
  const arn = `arn:${partition}:sts::${account}:assumed-role/${roleName}/${name}`;
  return { arn, accountId: account, userId: `AROAEXAMPLE:${name}` };
}

const asUser = (name: string, account = HOME): Caller => ({
  arn: user(name, account),
  accountId: account,
  userId: 'AIDAEXAMPLE',
});
const ana = session('dev', 'ana');

/** Who may knock: first as STS answers, then as no STS would. */
export const CALLERS: readonly Caller[] = [
  session('dev', 'ana@corp.example'),
  session('dev', 'bo@x@y'),
  session('dev', 'i-0123456789abcdef0'),
  session('node', 'i-01234567'),
  session('node', 'i-012345678'),
  session('ci', 'a$&b,+=._-'),
  session('DEV', 'ana'),
  session('AWSReservedSSO_Admin_0123456789abcdef', 'ana@corp.example'),
  session('dev', 'ana', OTHER),
  session('dev', 'ana', OCTAL),
  session('dev', 'ana', HOME, 'aws-cn'),
  session('nobody', 'ana'),
  asUser('team/ana'),
  asUser('team/ANA'),
  asUser('ana'),
  asUser('bo'),
  asUser('bo', OTHER),
  { arn: `arn:aws:iam::${HOME}:root`, accountId: HOME, userId: HOME },
  { arn: `arn:aws:sts::${HOME}:federated-user/ana`, accountId: HOME, userId: `${HOME}:ana` },

  session('team/dev', 'ana'),
  { ...ana, arn: role('dev') },
  { ...ana, arn: role('team/dev') },
  { ...session('dev', '{{AccessKeyID}}'), accountId: '{{SessionNameRaw}}' },
  session('dev', '{{AccountID}} {{SessionName}}'),
  { ...ana, userId: 'AROAEXAMPLE' },
  { ...ana, userId: 'AROAEXAMPLE:ana:bo' },
  { ...ana, userId: ':' },
  { ...session('nobody', 'ana'), accountId: '' },
  { ...session('nobody', 'ana'), accountId: 'true' },
  { ...session('nobody', 'ana'), accountId: '1_2' },
  { ...session('nobody', 'ana'), accountId: '0x10' },
  session('dev', 'ana', HOME, 'aws-mars'),
  { ...ana, arn: `arn:aws:s3::${HOME}:assumed-role/dev/ana` },
  { ...ana, arn: `arn:aws:sts::${HOME}:assumed-role/dev` },
  { ...ana, arn: `arn:aws:sts::${HOME}:user/ana` },
  { ...ana, arn: 'dev' },
  session('\u017fre', 'ana'),
  session('SRE', 'ana'),
  session('Kube', 'ana'),
];

/** A caller who goes by an ARN as aws-auth may name it. */
export function callerOf(arn: string): Caller {
  const [, partition = '', , , account = '', resource = ''] = arn.split(':');
  const [kind, ...names] = resource.split('/');
  if (kind === 'role') return session(names.join('/'), 'ana', account, partition);
  return { arn, accountId: account, userId: 'AIDAEXAMPLE' };
}

/** Whoever some text seems to name: by the last part of the name, in any case. */
export function callersNamedIn(text: string): readonly Caller[] {
  const folded = text.toLowerCase();
  return CALLERS.filter(({ arn }) => {
    const [, ...names] = arn.split('/');
    const name = arn.includes(':assumed-role/') ? names.at(-2) : names.at(-1);
    return folded.includes((name ?? 'root').toLowerCase());
  });
}
