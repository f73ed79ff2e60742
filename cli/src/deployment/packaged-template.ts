import { Failure } from '@gatehouse/core/access/failure';
import { parseTemplate } from '@gatehouse/sandbox/template/yaml';

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** A template of CloudFormation as far as packaging it needs. Intrinsics stand in their long form. */
export interface Template {
  readonly Parameters?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
}

/** Which property of a type of resource names a folder. */
const CODE: Readonly<Record<string, string>> = {
  'AWS::Serverless::Function': 'CodeUri',
  'AWS::Serverless::LayerVersion': 'ContentUri',
};

/** Reads the text of `template.yaml`. @throws Failure `invalid`. */
export function templateOf(text: string): Template {
  return parseTemplate(text, 'template.yaml') as Template;
}

/** The folders of code that a template names: `functions/tick`, `layers/core`. */
export function codeFolders(template: Template): readonly string[] {
  return Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    const folder = CODE[Type] && Properties?.[CODE[Type]];
    return typeof folder === 'string' ? [folder] : [];
  });
}

/**
 * The template as CloudFormation takes it, whose SAM transform reads code from S3. It is JSON, because CloudFormation's YAML
 * knows no anchors and takes unquoted dates for times.
 * @param uris `s3://bucket/key` by folder. @throws Failure `not-found` for a folder without one.
 */
export function packagedTemplate(template: Template, uris: ReadonlyMap<string, string>): string {
  const resources = Object.entries(template.Resources).map(([id, resource]) => {
    const property = CODE[resource.Type];
    if (property === undefined) return [id, resource];
    const folder = String(resource.Properties?.[property]);
    const uri = uris.get(folder);
    if (uri === undefined) throw new Failure('not-found', `${id} needs ${folder}, which was not uploaded`);
    // How SAM CLI builds it says its Metadata; nobody builds any more.
    const { Metadata: _build, ...rest } = resource as Resource & { Metadata?: unknown };
    return [id, { ...rest, Properties: { ...resource.Properties, [property]: uri } }];
  });
  return JSON.stringify({ ...template, Resources: Object.fromEntries(resources) }, getAttInTwo, 1);
}

/** JSON knows `Fn::GetAtt` as a list alone. */
function getAttInTwo(key: string, value: unknown): unknown {
  if (key !== 'Fn::GetAtt' || typeof value !== 'string') return value;
  const dot = value.indexOf('.');
  return [value.slice(0, dot), value.slice(dot + 1)];
}
