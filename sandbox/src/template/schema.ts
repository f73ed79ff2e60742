import * as z from 'zod';

/*
 * The properties that the sandbox knows, by type of resource, after the intrinsics were resolved. All objects are strict: what is
 * not named here fails start-up. Properties that cannot have an effect on loopback (descriptions, tags, log retention, tracing,
 * encryption at rest) are named all the same, so that a misspelt one is found. So are the limits of an HTTP API's rate: everybody
 * on loopback is let through.
 */

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const integer = z.union([z.number(), z.string().regex(/^-?\d+$/)]).transform(Number);
const flag = z.union([z.boolean(), z.enum(['true', 'false'])]).transform((value) => value === true || value === 'true');
const list = <T extends z.ZodType>(item: T) => z.union([item.transform((one) => [one]), z.array(item)]);
const tags = z.union([z.array(z.strictObject({ Key: text, Value: text })), z.record(z.string(), text)]);

/** The condition operators that the policy evaluation plays. */
const conditionOperator = z
  .string()
  .regex(
    /^(?:(?:ForAnyValue|ForAllValues):)?(?:String(?:Not)?(?:Equals|Like)|String(?:Not)?EqualsIgnoreCase|Arn(?:Not)?(?:Equals|Like)|Bool|Null)(?:IfExists)?$/,
    'unsupported condition operator',
  );
const statement = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: list(z.string()),
  Resource: list(z.string()),
  Condition: z.record(conditionOperator, z.record(z.string(), list(text))).optional(),
});
const document = z.strictObject({ Version: z.literal('2012-10-17').optional(), Statement: list(statement) });
/** A policy on a resource: who may use it. */
const resourcePolicy = z.strictObject({
  Version: z.literal('2012-10-17').optional(),
  Statement: list(statement.extend({ Principal: z.unknown() })),
});

const deadLetter = z.strictObject({ Arn: z.string() });
const retryPolicy = z.strictObject({
  MaximumRetryAttempts: integer.optional(),
  MaximumEventAgeInSeconds: integer.optional(),
});
const state = z.enum(['ENABLED', 'DISABLED']).optional();
const pattern = z.record(z.string(), z.unknown());

const event = z.discriminatedUnion('Type', [
  z.strictObject({
    Type: z.literal('HttpApi'),
    Properties: z.strictObject({
      ApiId: z.string().optional(),
      Path: z.string().startsWith('/'),
      Method: z.string(),
      PayloadFormatVersion: z.literal('2.0').optional(),
      TimeoutInMillis: integer.optional(),
    }),
  }),
  z.strictObject({
    Type: z.literal('SQS'),
    Properties: z.strictObject({
      Queue: z.string(),
      BatchSize: integer.pipe(z.number().min(1).max(10_000)).default(10),
      MaximumBatchingWindowInSeconds: integer.pipe(z.number().min(0).max(300)).default(0),
      Enabled: flag.default(true),
      FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).optional(),
      ScalingConfig: z.strictObject({ MaximumConcurrency: integer.pipe(z.number().min(2).max(1000)) }).optional(),
    }),
  }),
  z.strictObject({
    Type: z.enum(['Schedule', 'ScheduleV2']),
    Properties: z.strictObject({
      Name: z.string().optional(),
      Description: z.string().optional(),
      Schedule: z.string().optional(),
      ScheduleExpression: z.string().optional(),
      FlexibleTimeWindow: z.strictObject({ Mode: z.literal('OFF') }).optional(),
      Input: z.string().optional(),
      Enabled: flag.optional(),
      State: state,
      RetryPolicy: retryPolicy.optional(),
      DeadLetterConfig: deadLetter.optional(),
    }),
  }),
  z.strictObject({
    Type: z.enum(['EventBridgeRule', 'CloudWatchEvent']),
    Properties: z.strictObject({
      RuleName: z.string().optional(),
      EventBusName: z.string().default('default'),
      Pattern: pattern,
      State: state,
      RetryPolicy: retryPolicy.optional(),
      DeadLetterConfig: deadLetter.optional(),
    }),
  }),
]);

/** `Globals.Function` and the properties of a function have these in common. */
const functionShape = {
  Runtime: z.literal('nodejs24.x'),
  Architectures: z.array(z.enum(['arm64', 'x86_64'])).length(1),
  Handler: z.string().regex(/^[\w./-]+\.\w+$/),
  CodeUri: z.string(),
  Timeout: integer.pipe(z.number().min(1).max(900)),
  MemorySize: integer.pipe(z.number().min(128).max(10_240)),
  Environment: z.strictObject({ Variables: z.record(z.string().regex(/^[A-Za-z]\w+$/), text) }),
  Layers: z.array(z.string()).max(5),
  Description: z.string(),
  Tracing: z.enum(['Active', 'PassThrough', 'Disabled']),
  LoggingConfig: z.strictObject({
    LogFormat: z.enum(['JSON', 'Text']).optional(),
    ApplicationLogLevel: z.string().optional(),
    SystemLogLevel: z.string().optional(),
    LogGroup: z.string().optional(),
  }),
  Tags: tags,
  AutoPublishAlias: z.string(),
  AutoPublishAliasAllProperties: flag,
  VpcConfig: z.strictObject({ SubnetIds: z.array(z.string()).min(1), SecurityGroupIds: z.array(z.string()).min(1) }),
  DeploymentPreference: z.strictObject({ Type: z.string() }),
  ReservedConcurrentExecutions: integer.pipe(z.number().min(1)),
  EphemeralStorage: z.strictObject({ Size: integer }),
  EventInvokeConfig: z.strictObject({
    MaximumRetryAttempts: integer.pipe(z.number().min(0).max(2)).optional(),
    MaximumEventAgeInSeconds: integer.optional(),
    DestinationConfig: z
      .strictObject({ OnFailure: z.strictObject({ Type: z.literal('SQS'), Destination: z.string() }) })
      .optional(),
  }),
  DeadLetterQueue: z.strictObject({ Type: z.literal('SQS'), TargetArn: z.string() }),
  Role: z.string(),
  RolePath: z.string(),
};
const optional = <T extends Record<string, z.ZodType>>(shape: T) =>
  z.strictObject(shape).partial() as unknown as z.ZodType<{ [K in keyof T]?: z.infer<T[K]> }>;

/** `Globals.Function`. */
export const globalFunction = optional(functionShape);

const functionProperties = z
  .strictObject({ ...functionShape, FunctionName: z.string() })
  .partial()
  .required({ Runtime: true, Handler: true, CodeUri: true })
  .extend({
    Timeout: functionShape.Timeout.default(3),
    MemorySize: functionShape.MemorySize.default(128),
    Policies: list(z.union([z.string(), document])).default([]),
    Events: z.record(z.string(), event).default({}),
  });

const keySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));
const projection = z.strictObject({
  ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
  NonKeyAttributes: z.array(z.string()).optional(),
});

/** The properties of every type of resource that the sandbox knows. */
export const PROPERTIES = {
  'AWS::Serverless::Function': functionProperties,
  'AWS::Serverless::LayerVersion': z.strictObject({
    LayerName: z.string().optional(),
    Description: z.string().optional(),
    ContentUri: z.string(),
    CompatibleRuntimes: z.array(z.literal('nodejs24.x')).optional(),
    CompatibleArchitectures: z.array(z.string()).optional(),
    RetentionPolicy: z.string().optional(),
  }),
  'AWS::Serverless::HttpApi': z.strictObject({
    Name: z.string().optional(),
    Description: z.string().optional(),
    StageName: z.string().optional(),
    FailOnWarnings: flag.optional(),
    DisableExecuteApiEndpoint: flag.optional(),
    AccessLogSettings: z.strictObject({ DestinationArn: z.string(), Format: z.string() }).optional(),
    DefaultRouteSettings: z
      .strictObject({ ThrottlingBurstLimit: integer.optional(), ThrottlingRateLimit: integer.optional() })
      .optional(),
    Tags: tags.optional(),
  }),
  'AWS::SQS::Queue': z.strictObject({
    QueueName: z.string().optional(),
    FifoQueue: flag.optional(),
    ContentBasedDeduplication: flag.optional(),
    DeduplicationScope: z.enum(['queue', 'messageGroup']).optional(),
    FifoThroughputLimit: z.enum(['perQueue', 'perMessageGroupId']).optional(),
    VisibilityTimeout: integer.optional(),
    MessageRetentionPeriod: integer.optional(),
    DelaySeconds: integer.optional(),
    MaximumMessageSize: integer.optional(),
    ReceiveMessageWaitTimeSeconds: integer.optional(),
    RedrivePolicy: z.strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: integer }).optional(),
    RedriveAllowPolicy: z
      .strictObject({ redrivePermission: z.string(), sourceQueueArns: z.array(z.string()).optional() })
      .optional(),
    SqsManagedSseEnabled: flag.optional(),
    KmsMasterKeyId: z.string().optional(),
    Tags: tags.optional(),
  }),
  'AWS::SQS::QueuePolicy': z.strictObject({ Queues: z.array(z.string()), PolicyDocument: resourcePolicy }),
  'AWS::DynamoDB::Table': z.strictObject({
    TableName: z.string().optional(),
    AttributeDefinitions: z.array(
      z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) }),
    ),
    KeySchema: keySchema,
    BillingMode: z.literal('PAY_PER_REQUEST'),
    GlobalSecondaryIndexes: z
      .array(z.strictObject({ IndexName: z.string(), KeySchema: keySchema, Projection: projection }))
      .optional(),
    TimeToLiveSpecification: z.strictObject({ AttributeName: z.string(), Enabled: flag }).optional(),
    PointInTimeRecoverySpecification: z.strictObject({ PointInTimeRecoveryEnabled: flag }).optional(),
    SSESpecification: z
      .strictObject({ SSEEnabled: flag, SSEType: z.string().optional(), KMSMasterKeyId: z.string().optional() })
      .optional(),
    DeletionProtectionEnabled: flag.optional(),
    Tags: tags.optional(),
  }),
  'AWS::Events::EventBus': z.strictObject({
    Name: z.string(),
    Description: z.string().optional(),
    Tags: tags.optional(),
  }),
  'AWS::Events::EventBusPolicy': z.strictObject({
    StatementId: z.string(),
    EventBusName: z.string().default('default'),
    Statement: statement.extend({ Principal: z.unknown() }),
  }),
  'AWS::Events::Rule': z.strictObject({
    Name: z.string().optional(),
    Description: z.string().optional(),
    EventBusName: z.string().default('default'),
    EventPattern: pattern,
    State: state,
    Targets: z.array(
      z.strictObject({
        Id: z.string(),
        Arn: z.string(),
        RetryPolicy: retryPolicy.optional(),
        DeadLetterConfig: deadLetter.optional(),
      }),
    ),
  }),
  'AWS::SecretsManager::Secret': z.strictObject({
    Name: z.string().optional(),
    Description: z.string().optional(),
    SecretString: z.string().optional(),
    GenerateSecretString: z
      .strictObject({
        PasswordLength: integer.default(32),
        SecretStringTemplate: z.string().optional(),
        GenerateStringKey: z.string().optional(),
        ExcludePunctuation: flag.default(false),
        ExcludeCharacters: z.string().optional(),
      })
      .optional(),
    KmsKeyId: z.string().optional(),
    Tags: tags.optional(),
  }),
  'AWS::S3::Bucket': z.strictObject({
    BucketName: z.string().optional(),
    VersioningConfiguration: z.strictObject({ Status: z.enum(['Enabled', 'Suspended']) }).optional(),
    NotificationConfiguration: z
      .strictObject({
        EventBridgeConfiguration: z.strictObject({ EventBridgeEnabled: flag.default(true) }),
      })
      .optional(),
    PublicAccessBlockConfiguration: z
      .strictObject({
        BlockPublicAcls: flag,
        BlockPublicPolicy: flag,
        IgnorePublicAcls: flag,
        RestrictPublicBuckets: flag,
      })
      .optional(),
    BucketEncryption: z
      .strictObject({
        ServerSideEncryptionConfiguration: z.array(
          z.strictObject({
            BucketKeyEnabled: flag.optional(),
            ServerSideEncryptionByDefault: z.strictObject({
              SSEAlgorithm: z.enum(['AES256', 'aws:kms']),
              KMSMasterKeyID: z.string().optional(),
            }),
          }),
        ),
      })
      .optional(),
    OwnershipControls: z.unknown().optional(),
    LifecycleConfiguration: z.unknown().optional(),
    Tags: tags.optional(),
  }),
  'AWS::S3::BucketPolicy': z.strictObject({ Bucket: z.string(), PolicyDocument: resourcePolicy }),
  'AWS::IAM::ManagedPolicy': z.strictObject({
    ManagedPolicyName: z.string().optional(),
    Path: z.string().optional(),
    Description: z.string().optional(),
    /** Names of roles that have it. */
    Roles: z.array(z.string()).default([]),
    PolicyDocument: document,
  }),
  'AWS::IAM::Role': z.strictObject({
    RoleName: z.string().optional(),
    Path: z.string().optional(),
    Description: z.string().optional(),
    AssumeRolePolicyDocument: z.strictObject({
      Version: z.literal('2012-10-17'),
      Statement: list(
        z.strictObject({
          Sid: z.string().optional(),
          Effect: z.enum(['Allow', 'Deny']),
          Principal: z.strictObject({ Service: list(z.string()) }),
          Action: list(z.string()),
        }),
      ),
    }),
    ManagedPolicyArns: z.array(z.string()).default([]),
    Policies: z.array(z.strictObject({ PolicyName: z.string(), PolicyDocument: document })).default([]),
    MaxSessionDuration: integer.optional(),
    Tags: tags.optional(),
  }),
  'AWS::Logs::LogGroup': z.strictObject({
    LogGroupName: z.string().optional(),
    RetentionInDays: integer.optional(),
    KmsKeyId: z.string().optional(),
    Tags: tags.optional(),
  }),
  'AWS::Lambda::Permission': z.strictObject({
    FunctionName: z.string(),
    Action: z.literal('lambda:InvokeFunction'),
    Principal: z.string(),
    SourceArn: z.string().optional(),
    SourceAccount: z.string().optional(),
  }),
  'AWS::CloudWatch::Alarm': z.strictObject({
    AlarmName: z.string().optional(),
    AlarmDescription: z.string().optional(),
    AlarmActions: z.array(z.string()).optional(),
    Namespace: z.string(),
    MetricName: z.string(),
    Dimensions: z.array(z.strictObject({ Name: z.string(), Value: z.string() })).optional(),
    Statistic: z.string().optional(),
    ExtendedStatistic: z.string().optional(),
    Period: integer,
    EvaluationPeriods: integer,
    DatapointsToAlarm: integer.optional(),
    Threshold: z.union([z.number(), z.string()]),
    ComparisonOperator: z.string(),
    TreatMissingData: z.string().optional(),
    Unit: z.string().optional(),
  }),
  'AWS::CloudWatch::Dashboard': z.strictObject({ DashboardName: z.string().optional(), DashboardBody: z.string() }),
  'AWS::KMS::Key': z.strictObject({
    Description: z.string().optional(),
    EnableKeyRotation: flag.optional(),
    KeyPolicy: z.unknown(),
    Tags: tags.optional(),
  }),
  'AWS::KMS::Alias': z.strictObject({ AliasName: z.string(), TargetKeyId: z.string() }),
} as const;

/** A type of resource that the sandbox knows. */
export type ResourceType = keyof typeof PROPERTIES;
/** The resolved properties of a resource of a type. */
export type PropertiesOf<T extends ResourceType> = z.infer<(typeof PROPERTIES)[T]>;

const parameter = z.strictObject({
  Type: z.enum(['String', 'Number', 'CommaDelimitedList']),
  Default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  Description: z.string().optional(),
  AllowedValues: z.array(z.union([z.string(), z.number(), z.boolean()])).optional(),
  AllowedPattern: z.string().optional(),
  ConstraintDescription: z.string().optional(),
  MinLength: z.number().optional(),
  MaxLength: z.number().optional(),
  MinValue: z.number().optional(),
  MaxValue: z.number().optional(),
  NoEcho: z.boolean().optional(),
});

/** The frame of a template; what the resources hold is checked by {@link PROPERTIES} once it is resolved. */
export const templateFrame = z.strictObject({
  AWSTemplateFormatVersion: z.literal('2010-09-09'),
  Transform: z.literal('AWS::Serverless-2016-10-31'),
  Description: z.string().optional(),
  Metadata: z.record(z.string(), z.unknown()).optional(),
  Parameters: z.record(z.string(), parameter).default({}),
  Conditions: z.record(z.string(), z.unknown()).default({}),
  Globals: z
    .strictObject({
      Function: z.record(z.string(), z.unknown()).optional(),
      HttpApi: z.record(z.string(), z.unknown()).optional(),
    })
    .default({}),
  Resources: z.record(
    z.string().regex(/^[A-Za-z0-9]+$/),
    z.strictObject({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).default({}),
      Metadata: z.record(z.string(), z.unknown()).optional(),
      Condition: z.string().optional(),
      DependsOn: z.union([z.string(), z.array(z.string())]).optional(),
      DeletionPolicy: z.string().optional(),
      UpdateReplacePolicy: z.string().optional(),
    }),
  ),
  Outputs: z
    .record(
      z.string(),
      z.strictObject({
        Description: z.string().optional(),
        Value: z.unknown(),
        Condition: z.string().optional(),
        Export: z.unknown().optional(),
      }),
    )
    .default({}),
});

/** How a function is built: what `sam build` is told in the resource's Metadata. */
export const buildMetadata = z.object({
  BuildProperties: z.object({ EntryPoints: z.array(z.string()).optional() }).optional(),
});
