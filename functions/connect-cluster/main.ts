import { fromEnvironment } from './environment.ts';
import { createHandler } from './handler.ts';

export const handler = createHandler(fromEnvironment(process.env));
