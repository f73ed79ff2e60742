import { parseClusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import { type WayInto, type WaysInto, waysInto } from '@gatehouse/core/operations/ways-in';
import type { RunOperation } from '../aws/run-operation.ts';
import { readPolicyFile } from '../policy-file.ts';
import { PLUGIN_NOTE } from './oidc-user.ts';

/** What a person says about the way they mean. */
export interface WayWanted {
  readonly level?: string;
  readonly grant?: string;
}

/** Which cluster, as far as it is known without asking EKS, and what is assumed to get in. */
export interface ChosenWay {
  readonly name: string;
  /** Undefined: the caller's own Region. */
  readonly region?: string;
  readonly way?: WayInto;
}

/**
 * The way into a cluster that a level or grant names: by a policy file, or by the policy in force. Where neither is named, the
 * caller comes as they are.
 * @throws Failure `not-found`, or `invalid` where more than one grant fits: told with the names to choose from.
 */
export async function chooseWay(
  cluster: string,
  wanted: WayWanted,
  policyFile: string | undefined,
  run: () => Promise<RunOperation>,
): Promise<ChosenWay> {
  const { level, grant } = wanted;
  if (level === undefined && grant === undefined && policyFile === undefined) {
    if (!cluster.startsWith('arn:')) return { name: cluster };
    const { name, region } = parseClusterArn(cluster);
    return { name, region };
  }
  const found =
    policyFile === undefined
      ? await (await run())<WaysInto>({ operation: 'ways-in', cluster })
      : waysOfFile(policyFile, cluster);
  const { name, region } = found.cluster;
  if (level === undefined && grant === undefined) return { name, region };
  return { name, region, way: onlyWay(found, wanted) };
}

function waysOfFile(file: string, wanted: string): WaysInto {
  const policy = readPolicyFile(file);
  const cluster = policy.clusters.find(({ name, arn }) => name === wanted || arn === wanted);
  if (cluster) return waysInto(policy, cluster);
  const names = policy.clusters.map(({ name }) => name).join(', ');
  throw new Failure('not-found', `${file} names no cluster "${wanted}"`, {
    remedy: names === '' ? 'add it under clusters' : `it names ${names}`,
  });
}

function onlyWay({ cluster, ways }: WaysInto, { level, grant }: WayWanted): WayInto {
  const fitting = ways.filter(
    (way) => (level === undefined || way.level === level) && (grant === undefined || way.grant === grant),
  );
  const [way, another] = fitting;
  const what = [grant && `grant "${grant}"`, level && `level "${level}"`].filter(Boolean).join(' with the ');
  if (!way) {
    const there = ways.map((one) => `${one.grant} (${one.level})`).join(', ');
    throw new Failure('not-found', `no ${what} leads into ${cluster.name}`, {
      remedy: there === '' ? 'no grant of the policy is for this cluster' : `these do: ${there}`,
    });
  }
  if (another) {
    throw new Failure('invalid', `${fitting.length} grants with the ${what} lead into ${cluster.name}`, {
      remedy: `choose one: ${fitting.map((one) => `--grant ${one.grant}`).join(' or ')}`,
    });
  }
  return way;
}

/** What a way asks of the caller: to assume a role, under a fixed session name or their own; or to come as they are. */
export interface Assumption {
  readonly role?: { readonly arn: string; readonly sessionName?: string };
  /** What they must have done before, where it is not plain. */
  readonly note?: string;
}

/** @throws Failure `unsupported` where no token of AWS leads in, `invalid` where the role is not the only one. */
export function assumptionOf(way: WayInto, roleArn: string | undefined): Assumption {
  const { grant, roles, machines } = way;
  const chosen = roleArn ?? roles[0];
  switch (way.way) {
    case 'claim':
      if (way.provider) return { note: PLUGIN_NOTE };
      throw new Failure('invalid', `the grant ${grant} is for an OIDC provider that the cluster does not have`, {
        remedy: 'select the cluster under identityProviders.<name>.on in the policy',
      });
    case 'connector':
      throw new Failure('unsupported', `the grant ${grant} comes in by the EKS connector, through the console`, {
        remedy: 'open the cluster in the EKS console',
      });
    case 'permission-set':
      return { note: `sign in with the permission set ${way.permissionSet}: aws sso login --profile <its profile>` };
    case 'own-user':
      return {};
    case 'adopted':
      if (roles.length === 0) return {};
      if (roleArn === undefined && roles.length > 1) {
        throw new Failure('invalid', `the grant ${grant} is to ${roles.length} roles`, {
          remedy: `choose one: ${roles.map((arn) => `--role-arn ${arn}`).join(' or ')}`,
        });
      }
      return { role: { arn: chosen! } };
    case 'shared-role':
    case 'machine-role':
      if (way.saml) return { note: `sign in by SAML to ${chosen}, and name the profile that holds the session` };
      // Alone in its grant it is the machine; in company the caller may be a person.
      return {
        role: {
          arn: chosen!,
          ...(machines.length === 1 && way.way === 'machine-role' ? { sessionName: machines[0]! } : {}),
        },
      };
  }
}
