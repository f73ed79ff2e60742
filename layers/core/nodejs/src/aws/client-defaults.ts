/**
 * How every SDK client of Gatehouse waits and tries again. A function's whole run is a few seconds, so one call may not
 * hang; without `throwOnRequestTimeout` the SDK only warns when `requestTimeout` has passed.
 */
export const CLIENT_DEFAULTS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
} as const;
