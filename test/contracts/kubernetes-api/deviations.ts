/** Where the contract runs. */
export type Side = 'simulator' | 'real';

/** Rules of the contract that a side does not keep, and why: `subject: title`. They are expected to fail there. */
export const DEVIATIONS: Readonly<Record<Side, Readonly<Record<string, string>>>> = {
  simulator: {},
  real: {},
};
