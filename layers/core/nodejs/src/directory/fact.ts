import type { ConnectorProvider } from '../access/policy.ts';

/** What an authenticated event said of the world. Times are the source's own, in milliseconds UTC. JSON-able. */
export type Fact =
  | {
      readonly type: 'membership';
      readonly source: string;
      readonly group: string;
      readonly user: string;
      readonly state: 'present' | 'absent';
      readonly at: number;
    }
  | {
      readonly type: 'group';
      readonly source: string;
      readonly group: string;
      readonly state: 'present' | 'deleted';
      readonly at: number;
    }
  | {
      readonly type: 'user';
      readonly source: string;
      readonly user: string;
      readonly at: number;
      /** Absent: the event does not say. */
      readonly active?: boolean;
      readonly login?: string;
      readonly email?: string;
      readonly attributes?: Readonly<Record<string, string>>;
    }
  | {
      /** An EKS cluster appeared or went. */
      readonly type: 'cluster';
      readonly arn: string;
      readonly state: 'present' | 'deleted';
      readonly at: number;
    }
  | {
      /** Somebody made or deleted an IAM role (perhaps one of ours): what stands must be looked at again. */
      readonly type: 'principal';
      readonly account: string;
      readonly principal: 'role' | 'user';
      readonly name: string;
      readonly change: 'created' | 'deleted';
      readonly at: number;
    }
  | ({
      /** A cluster elsewhere shall be registered, or not any more. */
      readonly type: 'registration';
      readonly account: string;
      readonly region: string;
      readonly name: string;
      readonly at: number;
    } & (({ readonly state: 'present' } & RegistrationSpec) | { readonly state: 'absent' }))
  | ({
      /** A cluster becomes an environment, or is none any more. */
      readonly type: 'environment';
      readonly name: string;
      readonly at: number;
    } & (({ readonly state: 'present' } & EnvironmentSpec) | { readonly state: 'absent' }))
  | ({
      /** A namespace on an environment becomes an application, or is none any more. */
      readonly type: 'application';
      readonly environment: string;
      readonly namespace: string;
      readonly at: number;
    } & (({ readonly state: 'present' } & ApplicationSpec) | { readonly state: 'absent' }));

/** What is said of an environment. */
export interface EnvironmentSpec {
  readonly cluster: { readonly account: string; readonly region: string; readonly name: string };
  /** ARN of a role that exists, instead of one that is made. */
  readonly role?: string;
}

/** What is said of an application. */
export interface ApplicationSpec {
  /** ARN of a role that exists, instead of one that is made. */
  readonly role?: string;
  /** Id of a group that has the same rights. */
  readonly group?: string;
}

/** How a cluster elsewhere shall be registered. */
export interface RegistrationSpec {
  readonly provider: ConnectorProvider;
  readonly kubeconfigSecret?: string;
  /** ARNs. */
  readonly consoleUsers: readonly string[];
  readonly namespaces: readonly string[];
}

/** Which event something comes from: kept beside every fact, mark and ledger entry that follows from it. */
export interface Cause {
  /** The source's name: `okta`, `standard`, `cognito`, `aws`, `operator`, `sweep`, ... */
  readonly source: string;
  /** The source's id of the event. */
  readonly event: string;
  /** The source's type of the event, as the source spells it. */
  readonly type: string;
  /** When it reached Gatehouse, milliseconds UTC. */
  readonly receivedAt: number;
  /** When an operator had it taken in once more: how long things take is measured from then. Milliseconds UTC. */
  readonly replayedAt?: number;
}

/** A message on the intake queue: which facts (by key) may have changed. The facts themselves stand in the table. */
export interface IntakeMessage {
  readonly version: 1;
  readonly facts: readonly { readonly pk: string; readonly sk: string }[];
}

/** What a source makes of one authentic delivery. */
export interface Reception {
  /** The delivery's id, for the memory of deliveries. */
  readonly delivery: string;
  readonly events: readonly {
    readonly cause: Omit<Cause, 'receivedAt'>;
    /** Empty: authentic, but nothing that Gatehouse acts on. */
    readonly facts: readonly Fact[];
    /** Why nothing is done, where `facts` is empty: `unknown-type`, `not-successful`, `test-event`, ... */
    readonly ignored?: string;
  }[];
}
