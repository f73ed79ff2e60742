import type { Json } from '../access/json.ts';

/** Tells the world what happened, on the EventBridge bus of Gatehouse's own (`source: gatehouse`). Best effort. */
export interface Notices {
  publish(
    notices: readonly { readonly type: string; readonly detail: Readonly<Record<string, Json>> }[],
  ): Promise<void>;
}
