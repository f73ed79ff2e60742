import type { AssociatedIdentityProvider } from '@gatehouse/core/ports/eks';
import { ACCOUNT, PROD, REGION } from '../../cast.ts';
import type { Stage } from '../../stage.ts';

/** What EKS has for prod-eu. */
export function associated({ sandbox }: Stage): AssociatedIdentityProvider | undefined {
  const { clusters } = sandbox.endpoint;
  return clusters.settings(clusters.get(ACCOUNT, REGION, PROD.name)!).provider;
}

/** Puts a policy in force, as a person does who agrees to what it widens. */
export async function putInForce(stage: Stage, document: string): Promise<void> {
  const answer = (await stage.operate({ operation: 'upload-policy', document, by: 'demo' })) as unknown as {
    readonly outcome: { readonly version: number; readonly state: string };
  };
  const { version, state } = answer.outcome;
  if (state === 'proposed') await stage.operate({ operation: 'activate-policy', version, by: 'demo' });
}

/** What is said of the identity provider in the status. */
export async function findings(stage: Stage): Promise<readonly { readonly code: string; readonly message: string }[]> {
  const { outcome } = (await stage.operate({ operation: 'status' })) as unknown as {
    readonly outcome: { readonly findings: readonly { readonly code: string; readonly message: string }[] };
  };
  return outcome.findings;
}

const RBAC = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'] as const;

/** What Gatehouse made on prod-eu for a grant. */
export async function madeFor(stage: Stage, grant: string): Promise<readonly string[]> {
  const made: string[] = [];
  for (const kind of RBAC) {
    const { items } = await stage.administratorOf(PROD.name).list(kind, {});
    for (const { metadata } of items) {
      if (metadata.annotations?.['gatehouse.dev/grant'] === grant) made.push(`${kind} ${metadata.name}`);
    }
  }
  return made;
}
