import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@gatehouse/core/aws/clock';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { inject } from 'vitest';
import type { FetchIdentity } from '../../sandbox/src/kubernetes/authenticator.ts';
import { startAwsFront } from '../../sandbox/src/real-cluster/aws-front.ts';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from '../../sandbox/src/real-cluster/control-plane.ts';

/** How a test starts a real cluster. */
export interface RealClusterOptions
  extends Pick<ControlPlaneOptions, 'administrator' | 'users' | 'onRequest' | 'onAuthenticatorLine'> {
  readonly name?: string;
  readonly region?: string;
  /** STS, as its authenticator asks it; without it nobody is known there. */
  readonly identity?: FetchIdentity;
}

/** A real cluster that a test started. */
export interface RealCluster extends ControlPlane {
  readonly name: string;
  /** PEM, base64, as DescribeCluster gives it. */
  readonly certificateAuthority: string;
  /** Its API, as a user in `system:masters`. */
  readonly operator: Kubernetes;
  /** What EC2 answers its authenticator. */
  privateDnsName(instanceId: string): string;
  /** Its API with a bearer token. */
  as(token: string): Kubernetes;
}

/** Starts etcd, kube-apiserver, its controllers and aws-iam-authenticator on loopback; some three seconds. */
export async function startRealCluster(options: RealClusterOptions = {}): Promise<RealCluster> {
  const { name = 'real', region = 'eu-west-1', identity, ...more } = options;
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cluster-'));
  const privateDnsName = (instanceId: string) => `${instanceId}.${region}.compute.internal`;
  const front = await startAwsFront({
    identity: identity ?? (async () => ({ refusal: 'nobody is known here' })),
    privateDnsName,
    clock: systemClock,
  });
  const cleanUp = async () => {
    await front.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const plane = await startControlPlane({ components: inject('components'), folder, name, region, front, ...more });
    const certificateAuthority = Buffer.from(plane.identity.apiServer.ca).toString('base64');
    const as = (token: string) =>
      // A machine under load answers late; what is tested here is not how fast it is.
      kubernetesOver({ server: plane.url, certificateAuthority, token: async () => token, timeoutMs: 30_000 });
    return {
      ...plane,
      name,
      certificateAuthority,
      privateDnsName,
      operator: as(plane.identity.operatorToken),
      as,
      stop: async () => {
        await plane.stop();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}
