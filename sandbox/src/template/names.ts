import { partitionOf } from '@gatehouse/core/access/arn';
import { digest } from '@gatehouse/core/access/digest';

/** Where a stack lives. */
export interface Place {
  readonly stack: string;
  readonly account: string;
  readonly region: string;
  /** Base URL of the AWS endpoint; queue URLs begin with it. */
  readonly endpoint: string;
}

/** What CloudFormation says of a resource once it is made. */
export interface Identity {
  /** The value of `Ref`. */
  readonly ref: string;
  /** The values of `Fn::GetAtt`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The resource's own name. */
  readonly name: string;
  readonly arn: string;
}

interface Kind {
  /** The property that gives the name; the name is made up where the template does not say it. */
  readonly nameProperty?: string;
  readonly identity: (
    name: string,
    place: Place,
    arn: (service: string, resource: string) => string,
    path: string,
  ) => Identity;
}

const named =
  (service: string, prefix: string, refIs: 'name' | 'arn' = 'name', more: readonly string[] = []): Kind['identity'] =>
  (name, _place, arn) => {
    const whole = arn(service, `${prefix}${name}`);
    const attributes = Object.fromEntries(more.map((attribute) => [attribute, name]));
    return { name, arn: whole, ref: refIs === 'name' ? name : whole, attributes: { Arn: whole, ...attributes } };
  };

/** IAM has no Region in its ARNs. */
const global = (arn: string): string => arn.replace(/^(arn:[^:]+:[^:]+):[^:]*:/, '$1::');

/** The types of resource that the sandbox plays or knows to be without effect on loopback, and how each is named. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['AWS::Serverless::Function', { nameProperty: 'FunctionName', identity: named('lambda', 'function:') }],
  ['AWS::Serverless::LayerVersion', { nameProperty: 'LayerName', identity: named('lambda', 'layer:', 'arn') }],
  [
    'AWS::Serverless::HttpApi',
    {
      nameProperty: 'Name',
      identity: (name, place) => ({
        name,
        arn: `arn:${partitionOf(place.region)}:apigateway:${place.region}::/apis/${name}`,
        ref: name,
        attributes: {},
      }),
    },
  ],
  [
    'AWS::SQS::Queue',
    {
      nameProperty: 'QueueName',
      identity: (name, place, arn) => {
        const url = `${place.endpoint}/${place.account}/${name}`;
        const whole = arn('sqs', name);
        return { name, arn: whole, ref: url, attributes: { Arn: whole, QueueName: name, QueueUrl: url } };
      },
    },
  ],
  ['AWS::SQS::QueuePolicy', { identity: named('sqs', 'policy/') }],
  ['AWS::DynamoDB::Table', { nameProperty: 'TableName', identity: named('dynamodb', 'table/') }],
  ['AWS::Events::EventBus', { nameProperty: 'Name', identity: named('events', 'event-bus/', 'name', ['Name']) }],
  ['AWS::Events::EventBusPolicy', { identity: named('events', 'policy/') }],
  ['AWS::Events::Rule', { nameProperty: 'Name', identity: named('events', 'rule/') }],
  [
    'AWS::SecretsManager::Secret',
    {
      nameProperty: 'Name',
      identity: (name, _place, arn) => {
        const whole = arn('secretsmanager', `secret:${name}-${secretSuffix(name)}`);
        return { name, arn: whole, ref: whole, attributes: { Id: whole } };
      },
    },
  ],
  [
    'AWS::S3::Bucket',
    {
      nameProperty: 'BucketName',
      identity: (name, place) => {
        const whole = `arn:${partitionOf(place.region)}:s3:::${name}`;
        return { name, arn: whole, ref: name, attributes: { Arn: whole } };
      },
    },
  ],
  ['AWS::S3::BucketPolicy', { identity: named('s3', 'policy/') }],
  [
    'AWS::IAM::ManagedPolicy',
    {
      nameProperty: 'ManagedPolicyName',
      identity: (name, _place, arn, path) => {
        const whole = global(arn('iam', `policy${path}${name}`));
        return { name, arn: whole, ref: whole, attributes: { PolicyArn: whole } };
      },
    },
  ],
  [
    'AWS::IAM::Role',
    {
      nameProperty: 'RoleName',
      identity: (name, _place, arn, path) => {
        const whole = global(arn('iam', `role${path}${name}`));
        return { name, arn: whole, ref: name, attributes: { Arn: whole } };
      },
    },
  ],
  ['AWS::Logs::LogGroup', { nameProperty: 'LogGroupName', identity: named('logs', 'log-group:') }],
  ['AWS::Lambda::Permission', { identity: named('lambda', 'permission/') }],
  ['AWS::CloudWatch::Alarm', { nameProperty: 'AlarmName', identity: named('cloudwatch', 'alarm:') }],
  ['AWS::CloudWatch::Dashboard', { nameProperty: 'DashboardName', identity: named('cloudwatch', 'dashboard/') }],
  ['AWS::KMS::Key', { identity: named('kms', 'key/') }],
  ['AWS::KMS::Alias', { nameProperty: 'AliasName', identity: named('kms', '') }],
]);

/** The name that CloudFormation would make up, without its random end. */
export function generatedName(
  place: Place,
  logicalId: string,
  type: string,
  properties: Record<string, unknown>,
): string {
  const name = `${place.stack}-${logicalId}`;
  if (type === 'AWS::S3::Bucket') return `${name.toLowerCase()}-${place.account}`;
  return type === 'AWS::SQS::Queue' && String(properties.FifoQueue) === 'true' ? `${name}.fifo` : name;
}

/** What `Ref` and `Fn::GetAtt` give for a resource of this type and name. */
export function identityOf(kind: Kind, name: string, place: Place, path = '/'): Identity {
  const arn = (service: string, resource: string) =>
    `arn:${partitionOf(place.region)}:${service}:${place.region}:${place.account}:${resource}`;
  return kind.identity(name, place, arn, path);
}

/** The six characters that Secrets Manager puts behind a name in the ARN; here they follow from the name. */
export function secretSuffix(name: string): string {
  return digest(name).slice(0, 6);
}

/** The name of the role that SAM makes for a function. */
export function roleName(place: Place, logicalId: string): string {
  return `${place.stack}-${logicalId}Role`;
}
