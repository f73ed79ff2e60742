import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import { type SavedPlan, savedPlanSchema } from '@gatehouse/core/operations/saved-plan';

/** Writes a plan so that only its owner reads it: it names people and what they get. */
export function writeSavedPlan(file: string, plan: SavedPlan): void {
  const beside = `${file}.${process.pid}.new`;
  try {
    writeFileSync(beside, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(beside, file);
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Reads a plan. @throws Failure `invalid` where the file holds none, or one of another version. */
export function readSavedPlan(file: string): SavedPlan {
  const remedy = 'make it anew: gatehouse plan --out FILE';
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure('invalid', `${file} holds no JSON, so no plan`, { remedy });
  }
  const read = savedPlanSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Failure('invalid', `${file} holds no plan of this version: ${issue?.path.join('.')} ${issue?.message}`, {
    remedy,
  });
}

/** Whether a word means a file, and no target: those that have a dot or slash in them begin otherwise. */
export function isFileName(word: string): boolean {
  return /[./]/.test(word) && !/^(cluster\/|iam\/|arn:)/.test(word);
}
