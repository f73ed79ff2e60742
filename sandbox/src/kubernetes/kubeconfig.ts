/** How a kubeconfig's user proves who it is. */
export type KubeconfigUser =
  /** A token as it is, for as long as it is valid. */
  | { readonly token: string }
  /** A command that prints an ExecCredential (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins). */
  | {
      readonly exec: {
        readonly command: string;
        readonly args: readonly string[];
        readonly env: Readonly<Record<string, string>>;
      };
    };

/** The cluster a kubeconfig reaches. */
export interface KubeconfigCluster {
  readonly name: string;
  /** Like `https://127.0.0.1:6443`. */
  readonly server: string;
  /** The authority's certificate, PEM. */
  readonly ca: string;
  /** The namespace that is meant where none is named. */
  readonly namespace?: string;
}

/** A kubeconfig of one cluster and one user, as JSON, which every reader of a kubeconfig's YAML takes. */
export function kubeconfig(cluster: KubeconfigCluster, user: KubeconfigUser): string {
  const { name, server, ca, namespace } = cluster;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name, user: 'token' in user ? { token: user.token } : { exec: execPlugin(user.exec) } }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) } }],
    'current-context': name,
    preferences: {},
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function execPlugin({ command, args, env }: Extract<KubeconfigUser, { exec: unknown }>['exec']): object {
  return {
    apiVersion: 'client.authentication.k8s.io/v1',
    command,
    args,
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    interactiveMode: 'Never',
    provideClusterInfo: false,
  };
}
