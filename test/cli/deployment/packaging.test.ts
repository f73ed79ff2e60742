import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';
import { readPolicy } from '@gatehouse/core/policy/read';
import { describe, expect, it } from 'vitest';
import { artifact, builtArtifacts } from '../../../cli/src/deployment/artifacts.ts';
import { LONGEST_INLINE } from '../../../cli/src/deployment/deploy.ts';
import { codeFolders, packagedTemplate, templateOf } from '../../../cli/src/deployment/packaged-template.ts';
import { zip } from '../../../cli/src/deployment/zip.ts';
import { outsideFolder } from './outside-folder.ts';

const ROOT = join(import.meta.dirname, '../../..');
const template = templateOf(readFileSync(join(ROOT, 'template.yaml'), 'utf8'));
const folders = codeFolders(template);
const uris = new Map(
  folders.map((folder) => [
    folder,
    `s3://gatehouse-deploy-111122223333-ap-southeast-2/${artifact(folder, Buffer.from(folder)).key}`,
  ]),
);
const packaged = packagedTemplate(template, uris);

describe('an archive', () => {
  const files = [
    { path: 'b/main.mjs', content: Buffer.from('export const b = 1;\n'.repeat(100)) },
    { path: 'a.txt', content: Buffer.from('') },
    { path: 'ä.txt', content: Buffer.from('umlaut') },
  ];

  it('holds each file, readable for everybody, as its directory says', () => {
    expect(entriesOf(zip(files))).toEqual([
      { path: 'a.txt', mode: 0o100644, text: '' },
      { path: 'b/main.mjs', mode: 0o100644, text: 'export const b = 1;\n'.repeat(100) },
      { path: 'ä.txt', mode: 0o100644, text: 'umlaut' },
    ]);
  });

  it('is the same, byte for byte, for the same files', () => {
    expect(zip(files).equals(zip(files.toReversed()))).toBe(true);
    expect(artifact('functions/tick', zip(files)).key).toBe(artifact('functions/tick', zip(files.toReversed())).key);
    expect(artifact('functions/tick', zip(files)).key).not.toBe(artifact('functions/tick', zip(files.slice(1))).key);
  });
});

/** What a reader of the format finds, beginning at the end as they all do. */
function entriesOf(bytes: Buffer): readonly { path: string; mode: number; text: string }[] {
  const end = bytes.length - 22;
  expect(bytes.readUInt32LE(end)).toBe(0x06054b50);
  let at = bytes.readUInt32LE(end + 16);
  return Array.from({ length: bytes.readUInt16LE(end + 10) }, () => {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50);
    const [nameLength, size, mode, local] = [
      bytes.readUInt16LE(at + 28),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 38) / 0x10000,
      bytes.readUInt32LE(at + 42),
    ];
    const path = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    expect(bytes.readUInt32LE(local)).toBe(0x04034b50);
    const begin = local + 30 + nameLength;
    const content = inflateRawSync(bytes.subarray(begin, begin + size));
    expect(crc32(content)).toBe(bytes.readUInt32LE(at + 16));
    at += 46 + nameLength;
    return { path, mode, text: content.toString('utf8') };
  });
}

describe('the packaged template', () => {
  const parsed = JSON.parse(packaged) as typeof template;

  it('reads all code from the bucket, and is told nothing of how it is built', () => {
    expect(folders).toContain('layers/core');
    for (const folder of folders) expect(packaged).toContain(uris.get(folder));
    for (const [id, { Type, ...resource }] of Object.entries(parsed.Resources)) {
      if (!/Serverless::(Function|LayerVersion)/.test(Type)) continue;
      expect(resource, id).not.toHaveProperty('Metadata');
      const { CodeUri, ContentUri } = resource.Properties as { CodeUri?: string; ContentUri?: string };
      expect(CodeUri ?? ContentUri, id).toMatch(/^s3:\/\//);
    }
  });

  it('is otherwise what the template says, its intrinsics in the form that JSON knows', () => {
    expect(parsed.Parameters).toEqual(template.Parameters);
    expect(Object.keys(parsed.Resources)).toEqual(Object.keys(template.Resources));
    expect(packaged).toContain('"Fn::GetAtt":');
    JSON.parse(packaged, (key, value) => {
      if (key === 'Fn::GetAtt') expect(value).toHaveLength(2);
      return value;
    });
  });

  it('can be compared by a dry run without being uploaded', () => {
    expect(JSON.stringify(parsed).length).toBeLessThan(LONGEST_INLINE);
  });

  it('is none where code was not uploaded', () => {
    expect(() => packagedTemplate(template, new Map())).toThrow(/not uploaded/);
  });
});

describe('what is deployed', () => {
  it('must be built, and not before its sources', async () => {
    const { root, write, age } = outsideFolder();
    write('functions/tick/main.ts', '');
    await expect(builtArtifacts(root, ['functions/tick'])).rejects.toMatchObject({
      code: 'not-found',
      remedy: 'npm run build',
    });
    write('dist/functions/tick/main.mjs', 'tick');
    write('dist/layer/nodejs/x.js', 'x');
    const [tick, layer] = await builtArtifacts(root, ['functions/tick']);
    expect([tick!.name, layer!.name]).toEqual(['functions/tick', 'layers/core']);
    expect(entriesOf(layer!.bytes).map(({ path }) => path)).toEqual(['nodejs/x.js']);
    age('dist/functions/tick/main.mjs');
    await expect(builtArtifacts(root, ['functions/tick'])).rejects.toMatchObject({ code: 'invalid' });
  });

  it('begins by observing: a cluster without a mode is only looked at', () => {
    const text = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1 }
grants: []
`;
    const reading = readPolicy(text);
    expect(reading.ok && reading.policy.clusters.map(({ mode }) => mode)).toEqual(['observe']);
  });
});
