import type { LedgerEntry } from '@gatehouse/core/ledger/ledger';
import type { ChangeLine } from '@gatehouse/core/resources/resource';
import { paintOfSign } from '../plan/text.ts';
import type { Cell } from '../terminal/columns.ts';
import type { Style } from '../terminal/style.ts';
import { ACCOUNT } from './cast.ts';

/** Columns of {@link changeRows}. */
export const CHANGE_HEAD = ['TOLD BY', 'WHERE', 'WHAT', '', 'CHANGE'] as const;

/** What the ledger says was done, a row for each line of each change; only what follows from events that `name` names. */
export function changeRows(
  entries: readonly LedgerEntry[],
  style: Style,
  name: (event: string) => string | undefined,
): readonly (readonly Cell[])[] {
  const rows: (readonly Cell[])[] = [];
  for (const { kind, target, causes, changes } of entries) {
    const because = new Set(causes.map(({ event }) => name(event)).filter((each) => each !== undefined));
    if (kind !== 'outcome' || because.size === 0) continue;
    for (const { kind: resource, object, lines } of changes) {
      for (const line of lines) {
        rows.push([
          { text: [...because].join(', '), paint: style.dim },
          { text: target.startsWith('cluster/') ? target.replace(/^.*\//, '') : 'IAM', paint: style.name },
          titleOf(resource, object),
          { text: line.sign, paint: paintOfSign(line.sign, style) },
          shortened(line, resource, object),
        ]);
      }
    }
  }
  return rows;
}

/**
 * `role gatehouse-payments-operators`, `policy EKS_CICD_User_Policy`, `aws-auth`, `RoleBinding in pay`, `ClusterRoleBinding`. A
 * Role's name is told, since its changes do not tell it.
 */
function titleOf(kind: string, object: string): string {
  if (kind.startsWith('iam-')) return `${kind.slice('iam-'.length)} ${object.replace(/^arn:.*\//, '')}`;
  if (kind === 'aws-auth') return kind;
  const [type = '', namespace, name] = object.split('/');
  if (name === undefined) return type;
  return type === 'Role' ? `${type} ${name} in ${namespace}` : `${type} in ${namespace}`;
}

/** The line without what the row says already: the object, the account. */
function shortened({ text }: ChangeLine, kind: string, object: string): string {
  const at = text.indexOf(`${object}: `);
  const rest = at < 0 ? text : `${kind === 'iam-role' ? 'trusts ' : ''}${text.slice(at + object.length + 2)}`;
  return rest.replaceAll(`arn:aws:iam::${ACCOUNT}:`, '').replace(/^(role|user) (?=\1\/)/, '');
}
