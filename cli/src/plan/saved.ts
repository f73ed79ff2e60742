import { readFileSync, statSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import { type SavedPlan, savedPlanSchema } from '@gatehouse/core/operations/saved-plan';
import { replaceFile } from '../files/replace-file.ts';

/**
 * Writes a plan so that only its owner reads it: it names people and what they get.
 * @throws Failure `already-exists` over what is no plan, like the policy document.
 */
export function writeSavedPlan(file: string, plan: SavedPlan): void {
  if (!isFree(file)) {
    throw new Failure('already-exists', `${file} is there already and is no plan, so it stays as it is`, {
      remedy: 'name another file',
    });
  }
  replaceFile(file, `${JSON.stringify(plan, null, 2)}\n`);
}

/** Whether nothing is lost by a plan there: there is none, an empty file, or another plan. */
function isFree(file: string): boolean {
  const there = statSync(file, { throwIfNoEntry: false });
  if (!there) return true;
  if (!there.isFile()) return false;
  const text = readFileSync(file, 'utf8');
  try {
    return text === '' || JSON.parse(text)?.kind === 'gatehouse-plan';
  } catch {
    return false;
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
