import { reachedChunks } from '../../build.ts';
import { builtFunctions } from './built-functions.ts';
import type { Effort, Figures, Measurement } from './figures.ts';

const MOST_KB = 600;
/** Clients that no receiver has any use for. */
const FORBIDDEN = ['@kubernetes/client-node', '@aws-sdk/client-eks', '@aws-sdk/client-iam'];

const kilobytes = (bytes: number) => Math.ceil(bytes / 1024);

/** The sizes of what each function loads, its own and of the layer, from the build's own account of its modules: exact. */
export const bundles: Measurement = {
  name: 'bundles',
  async measure({ tell }: Effort): Promise<Figures> {
    tell('building');
    const built = await builtFunctions();
    built.remove();
    const rows = built.names.map((name) => {
      const own = built.functions.get(name)!;
      const outputsOf = (lazily: boolean) => [
        ...Object.values(own.outputs),
        ...[...reachedChunks(built.layer, built.layerFolder, own, { lazily })].map(
          (chunk) => built.layer.outputs[chunk]!,
        ),
      ];
      const bytes = (lazily: boolean) => outputsOf(lazily).reduce((sum, output) => sum + output.bytes, 0);
      const inputs = outputsOf(true).flatMap(({ inputs: of }) =>
        Object.entries(of).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
      );
      const clients = FORBIDDEN.filter((client) => inputs.some((path) => path.includes(`node_modules/${client}/`)));
      const ownBytes = Object.values(own.outputs).reduce((sum, output) => sum + output.bytes, 0);
      return {
        name,
        own: kilobytes(ownBytes),
        start: kilobytes(bytes(false)),
        ever: kilobytes(bytes(true)),
        clients,
      };
    });
    const receivers = rows.filter(({ name }) => name.startsWith('receive-'));
    return {
      name: 'bundles',
      title: 'What functions load',
      columns: [
        'function',
        'its own bundle, KB',
        'with the layer, at start, KB',
        'with all it may ever load, KB',
        'of Kubernetes, EKS and IAM',
      ],
      rows: rows.map(({ name, own, start, ever, clients }) => [
        name,
        own,
        start,
        ever,
        clients.map((client) => client.replace(/^.*\//, '')).join(', ') || 'none',
      ]),
      targets: receivers.flatMap(({ name, ever, clients }) => [
        { what: `${name}, with every module that it loads, ever`, atMost: MOST_KB, measured: ever, unit: 'KB' },
        {
          what: `${name}: clients of Kubernetes, EKS and IAM, ever`,
          atMost: 0,
          measured: clients.length,
          unit: 'clients',
        },
      ]),
      plots: [
        {
          file: 'bundles',
          title: 'What functions load',
          kind: 'bars',
          x: 'function',
          y: 'modules, KB',
          labels: rows.map(({ name }) => name),
          series: [
            { name: 'at start', values: rows.map(({ start }) => start) },
            { name: 'ever', values: rows.map(({ ever }) => ever) },
          ],
        },
      ],
    };
  },
};
