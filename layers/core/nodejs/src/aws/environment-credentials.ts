import { fromEnv } from '@aws-sdk/credential-provider-env';

/**
 * Where a function's credentials come from: the environment that Lambda gives it, and nothing else. `build.ts` puts this module where
 * the SDK's clients import their chain of providers, which looks into profiles, sign-ins and other machines' metadata, too: some
 * 115 KB that no function ever uses. What runs on a person's machine is not built, and keeps the chain.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export const defaultProvider = fromEnv;
