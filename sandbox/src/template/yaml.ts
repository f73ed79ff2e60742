import { CORE_SCHEMA, defineScalarTag, defineSequenceTag, load, mergeTag } from 'js-yaml';
import { refusal } from './refusal.ts';

/** The short forms of the intrinsic functions that the sandbox plays, by their tag. */
const TAGS: Readonly<Record<string, string>> = {
  '!Ref': 'Ref',
  '!Condition': 'Condition',
  '!Sub': 'Fn::Sub',
  '!GetAtt': 'Fn::GetAtt',
  '!Join': 'Fn::Join',
  '!If': 'Fn::If',
  '!Equals': 'Fn::Equals',
  '!Not': 'Fn::Not',
  '!And': 'Fn::And',
  '!Or': 'Fn::Or',
};

const SCHEMA = CORE_SCHEMA.withTags(
  mergeTag,
  Object.entries(TAGS).flatMap(([tag, long]) => [
    defineScalarTag(tag, { resolve: (source): unknown => ({ [long]: source }), identify: () => false }),
    defineSequenceTag<unknown[], unknown>(tag, {
      create: () => [],
      addItem: (list, item) => void list.push(item),
      finalize: (list) => ({ [long]: list }),
      identify: () => false,
    }),
  ]),
);

/**
 * Reads the text of a CloudFormation template. Short forms (`!Ref X`) become long ones (`{ Ref: X }`).
 * @throws Failure `invalid` where the text is no YAML, repeats a key, or uses a tag that the sandbox does not play.
 */
export function parseTemplate(text: string, file: string): unknown {
  try {
    return load(text, { schema: SCHEMA, filename: file });
  } catch (error) {
    const [what = 'not YAML'] = (error as Error).message.split('\n');
    throw refusal(
      file,
      what.replace('unknown scalar tag', 'unsupported intrinsic').replace(/!<(![\w:]+)>/, '$1'),
      error,
    );
  }
}
