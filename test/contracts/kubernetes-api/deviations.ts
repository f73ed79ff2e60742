import type { Deviations } from '../deviations.ts';

const MANAGED_FIELDS =
  'who manages which field is not kept: it takes the schema of every kind, and Gatehouse does not apply on the server';
const JSON_ONLY = 'answers are plain JSON, which every client takes when it is offered nothing else';

/** What the simulator does not do as the contract says, and why. A kube-apiserver keeps all of it. */
export const SIMULATOR_DEVIATIONS: Deviations = {
  'bodies > refuses a member twice where fields are validated strictly':
    'no reader of JSON at hand tells of a member that comes twice, and kubectl sends none',
  'protobuf > holds any kind': 'only the kinds are read that access is made of; the others are read as JSON',
  'defaults > are all that a pod can have': 'nothing runs a pod here, and none of its defaults is a right',
  'defaults > say who manages which field': MANAGED_FIELDS,
  'apply > takes away what its manager no longer says': MANAGED_FIELDS,
  'apply > takes nothing away from another manager, unless it must': MANAGED_FIELDS,
  'writes > that give a field its first manager move the version, though nothing else changes': MANAGED_FIELDS,
  'deletes > of a version loses sight of it where it takes the last finalizer away itself':
    'a fault of kube-apiserver, which nobody can want',
  'namespaces > are Terminating until their controller comes': 'the controller of namespaces takes no time here',
  'namespaces > are ended by whoever finalizes them': 'their controller does it in no time, and nobody else has to',
  'discovery > names everything else that Kubernetes has': 'only the kinds are played that access is made of',
  'representations > is YAML for who wants that': JSON_ONLY,
  'representations > is protobuf for who wants that': JSON_ONLY,
  'representations > is one document of all groups for who wants that': JSON_ONLY,
};
