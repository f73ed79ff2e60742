import { aggregation } from './aggregation.ts';
import { apply } from './apply.ts';
import { bodies } from './bodies.ts';
import type { Suite } from './contract.ts';
import { defaults } from './defaults.ts';
import { deletes } from './deletes.ts';
import { discovery } from './discovery.ts';
import { escalation } from './escalation.ts';
import { impersonation } from './impersonation.ts';
import { lists } from './lists.ts';
import { namespaces } from './namespaces.ts';
import { patches } from './patches.ts';
import { paths } from './paths.ts';
import { protobuf } from './protobuf.ts';
import { representations } from './representations.ts';
import { reviews } from './reviews.ts';
import { rights } from './rights.ts';
import { selectors } from './selectors.ts';
import { validation } from './validation.ts';
import { writes } from './writes.ts';

/** Every suite of the contract, by its subject. */
export const suites: Readonly<Record<string, Suite>> = {
  bodies,
  protobuf,
  validation,
  defaults,
  writes,
  deletes,
  patches,
  apply,
  lists,
  selectors,
  namespaces,
  rights,
  escalation,
  aggregation,
  impersonation,
  reviews,
  paths,
  discovery,
  representations,
};
