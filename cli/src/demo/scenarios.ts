import type { Scenario } from './scenario.ts';

/** The stories of `gatehouse demo`, by name. Each is loaded when it is played. */
export const SCENARIOS: Readonly<Record<string, () => Promise<Scenario>>> = {
  main: async () => (await import('./scenarios/main/scenario.ts')).mainScenario(),
  ci: async () => (await import('./scenarios/ci/scenario.ts')).ciScenario(),
  oidc: async () => (await import('./scenarios/oidc/scenario.ts')).oidcScenario(),
  onboarding: async () => (await import('./scenarios/onboarding/scenario.ts')).onboardingScenario(),
  connector: async () => (await import('./scenarios/connector/scenario.ts')).connectorScenario(),
  limited: async () => (await import('./scenarios/limited/scenario.ts')).limitedScenario(),
  'two-levels': async () => (await import('./scenarios/two-levels/scenario.ts')).twoLevelsScenario(),
};
