import assert from 'node:assert/strict';
import { test } from 'node:test';
import { provenanceOf, withLayers, type BuildOrigin } from './provenance.ts';

const LAYER = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${'a'.repeat(64)}` as const, size: 1 };
const ORIGIN: BuildOrigin = {
  invocation: 'i',
  startedAt: 0,
  finishedAt: 1000,
  builderPlatform: 'linux/amd64',
  parameters: {
    'build-arg:URL': 'https://u:p@host/x',
    'attest:provenance': 'mode=max',
    'local-sessionid:context': 's',
    'image-resolve-mode': 'local',
    'vcs:revision': 'r',
    'vcs:source': 'https://u:p@host/r.git',
    'vcs:none': '',
    context: 'https://u:p@host/r.git#main',
    filename: 'd/Dockerfile',
    target: 't',
  },
  materials: [
    { kind: 'http', uri: 'https://host/f', algorithm: 'sha256', hex: 'f' },
    { kind: 'git', uri: 'https://xxxxx:xxxxx@host/r.git#main', algorithm: 'sha1', hex: 'c' },
    { kind: 'image', uri: 'pkg:docker/b@1', algorithm: 'sha256', hex: 'b' },
    { kind: 'image', uri: 'pkg:docker/b@1', algorithm: 'sha256', hex: 'b' },
    { kind: 'image', uri: 'pkg:docker/a@1', algorithm: 'sha256', hex: 'a' },
  ],
  locals: [],
  secrets: [{ id: 's', optional: false }],
  ssh: [],
  network: true,
  steps: [{ op: { Op: {} }, inputs: [], location: [{ start: 2, end: 3 }], layers: [LAYER] }],
  source: { filename: 'Dockerfile', data: Buffer.from('FROM x') },
};
const WISH = { version: 'v0.2', builderId: '', reproducible: false } as const;

test('no name and no password of a URL is told; what is of this machine only is left out', () => {
  const { predicate } = provenanceOf(ORIGIN, { ...WISH, mode: 'max' });
  assert.doesNotMatch(JSON.stringify(predicate), /u:p@/);
  const { configSource, parameters } = predicate['invocation'] as { readonly configSource: object; readonly parameters: object };
  assert.deepEqual(configSource, { uri: 'https://xxxxx:xxxxx@host/r.git#main', digest: { sha1: 'c' }, entryPoint: 'd/Dockerfile' });
  assert.deepEqual(parameters, { frontend: 'dockerfile.v0', args: { 'build-arg:URL': 'https://xxxxx:xxxxx@host/x', target: 't' }, secrets: [{ id: 's' }] });
  assert.deepEqual(
    (predicate['materials'] as readonly { readonly uri: string }[]).map(({ uri }) => uri),
    ['pkg:docker/a@1', 'pkg:docker/b@1', 'https://xxxxx:xxxxx@host/r.git#main', 'https://host/f'],
  );
});

test('what is known by the mode: all, or no arguments, secrets, steps and texts', () => {
  const min = provenanceOf(ORIGIN, { ...WISH, mode: 'min' }).predicate;
  const { completeness, ...metadata } = min['metadata'] as Record<string, unknown>;
  assert.deepEqual(completeness, { parameters: false, environment: true, materials: true });
  assert.deepEqual(metadata['https://mobyproject.org/buildkit@v1#metadata'], { vcs: { revision: 'r', source: 'https://xxxxx:xxxxx@host/r.git' } });
  // it had a network
  assert.equal('https://mobyproject.org/buildkit@v1#hermetic' in metadata, false);
  assert.equal('buildConfig' in min, false);
  const max = provenanceOf(ORIGIN, { ...WISH, version: 'v1', mode: 'max', reproducible: true }).predicate;
  const { metadata: told } = max['runDetails'] as { readonly metadata: Record<string, unknown> };
  assert.equal(told['buildkit_reproducible'], true);
  assert.deepEqual(told['buildkit_completeness'], { request: true, resolvedDependencies: true });
  assert.deepEqual((told['buildkit_metadata'] as { readonly layers: object }).layers, { 'step0:0': [[LAYER]] });
});

test('layers that were packed are told of as they are then', () => {
  const packed = { ...LAYER, mediaType: `${LAYER.mediaType}+gzip`, digest: `sha256:${'b'.repeat(64)}` as const };
  assert.deepEqual(withLayers(ORIGIN, new Map([[LAYER.digest, packed]])).steps[0]!.layers, [packed]);
});
