import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineError } from '../base/errors.ts';
import type { Descriptor } from './contract.ts';
import { choosePlatform, compatiblePlatforms, formatPlatform, hostPlatform, normalizePlatform, parsePlatform, platformMatches } from './platform.ts';

const AMD = { os: 'linux', architecture: 'amd64' };
const entry = (platform: string | undefined, mark = platform ?? 'any'): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'0'.repeat(64)}`,
  size: 1,
  annotations: { mark },
  ...(platform === undefined ? {} : { platform: split(platform) }),
});
const split = (text: string) => {
  const [os = '', architecture = '', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
};
const chosen = (entries: readonly Descriptor[], wanted: string) => choosePlatform(entries, parsePlatform(wanted, AMD)).annotations!['mark'];

test('reads --platform as containerd does', () => {
  const cases: Record<string, string> = {
    'linux/arm64/v8': 'linux/arm64/v8',
    'linux/arm64': 'linux/arm64',
    'linux/aarch64': 'linux/arm64',
    aarch64: 'linux/arm64',
    'Linux/X86_64': 'linux/amd64',
    'x86-64': 'linux/amd64',
    'linux/amd64/v1': 'linux/amd64',
    'linux/amd64/v3': 'linux/amd64/v3',
    i386: 'linux/386',
    armhf: 'linux/arm',
    'linux/armel': 'linux/arm/v6',
    'linux/arm/7': 'linux/arm/v7',
    'linux/arm/v5': 'linux/arm/v5',
    linux: 'linux/amd64',
    'macos/arm64': 'darwin/arm64',
    'windows(10.0.17763)/amd64': 'windows/amd64',
    'linux/whatever/x': 'linux/whatever/x',
  };
  for (const [given, wanted] of Object.entries(cases)) assert.equal(formatPlatform(parsePlatform(given, AMD)), wanted, given);
  assert.equal(parsePlatform('windows(10.0.17763)/amd64')['os.version'], '10.0.17763');
});

test('refuses in the words of docker 28', () => {
  const cases: Record<string, string> = {
    'linux/foo/bar/baz': '"linux/foo/bar/baz": cannot parse platform specifier: invalid argument',
    'lin ux':
      '"lin ux" is an invalid OS component of "lin ux": OSAndVersion specifier component must match "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$": invalid argument',
    frobnix: '"frobnix": unknown operating system or architecture: invalid argument',
    'linux/': '"" is an invalid component of "linux/": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument',
    'linux/*': '"linux/*": wildcards not yet supported: invalid argument',
  };
  for (const [given, message] of Object.entries(cases)) {
    assert.throws(
      () => parsePlatform(given, AMD),
      (error: EngineError) => {
        assert.equal(error.kind, 'invalid');
        assert.equal(error.message, message);
        return true;
      },
    );
  }
});

test('what a platform can run, best first', () => {
  const list = (text: string) => compatiblePlatforms(split(text)).map(formatPlatform).join(' ');
  assert.equal(list('linux/amd64'), 'linux/amd64 linux/386');
  assert.equal(list('linux/amd64/v3'), 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386');
  assert.equal(list('linux/arm/v7'), 'linux/arm/v7 linux/arm/v6 linux/arm/v5');
  assert.equal(list('linux/arm'), 'linux/arm/v7 linux/arm/v6 linux/arm/v5');
  assert.equal(list('linux/arm64'), 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5');
  assert.equal(list('linux/arm64/v8.2'), 'linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5');
  assert.match(list('linux/arm64/v9'), /^linux\/arm64\/v9 linux\/arm64\/v8\.5 linux\/arm64\/v8\.4 .* linux\/arm64 linux\/arm\/v9 /);
  assert.match(list('linux/arm64/v9.1'), /^linux\/arm64\/v9\.1 linux\/arm64\/v9 linux\/arm64\/v8\.6 /);
  assert.equal(list('linux/s390x'), 'linux/s390x');
});

test('matches over different spellings', () => {
  assert.ok(platformMatches({ os: 'linux', architecture: 'x86_64' }, AMD));
  assert.ok(platformMatches({ os: 'linux', architecture: 'arm64', variant: 'v8' }, { os: 'linux', architecture: 'arm64' }));
  assert.ok(!platformMatches({ os: 'linux', architecture: 'arm64' }, AMD));
  assert.ok(!platformMatches({ os: 'linux', architecture: 'amd64', variant: 'v3' }, AMD));
  assert.deepEqual(normalizePlatform({ os: '', architecture: 'AMD64', variant: 'v1' }), AMD);
});

test('chooses the best entry of an index', () => {
  assert.equal(chosen([entry('linux/386'), entry('linux/amd64'), entry('linux/arm64')], 'linux/amd64'), 'linux/amd64');
  assert.equal(chosen([entry('linux/386')], 'linux/amd64'), 'linux/386');
  assert.equal(chosen([entry('linux/amd64'), entry('linux/amd64/v2'), entry('linux/amd64/v4')], 'linux/amd64/v3'), 'linux/amd64/v2');
  assert.equal(chosen([entry('linux/arm/v5'), entry('linux/arm/v7'), entry('linux/arm/v6')], 'linux/arm64'), 'linux/arm/v7');
  assert.equal(chosen([entry(undefined), entry('linux/amd64')], 'linux/amd64'), 'linux/amd64');
  assert.equal(chosen([entry(undefined), entry('linux/arm64')], 'linux/amd64'), 'any');
  assert.equal(chosen([entry('linux/amd64', 'first'), entry('linux/amd64', 'second')], 'linux/amd64'), 'first');
});

test('passes over attestations, and says what there is when nothing fits', () => {
  const attestation = { ...entry(undefined), annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } };
  assert.throws(
    () => chosen([entry('linux/s390x'), entry('unknown/unknown'), attestation], 'linux/arm64/v8'),
    (error: EngineError) => {
      assert.equal(error.kind, 'not-found');
      assert.equal(error.message, 'no matching manifest for linux/arm64/v8 in the manifest list entries'); // docker 28's
      assert.equal(error.hint, 'it is there for linux/s390x');
      return true;
    },
  );
});

test('this machine', () => {
  assert.equal(hostPlatform(undefined, 'x64').architecture, 'amd64');
  assert.equal(hostPlatform().os, 'linux');
  const v2 = ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'];
  const v3 = [...v2, 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'];
  assert.equal(formatPlatform(hostPlatform(new Set(), 'x64')), 'linux/amd64');
  assert.equal(formatPlatform(hostPlatform(new Set(v2), 'x64')), 'linux/amd64/v2');
  assert.equal(formatPlatform(hostPlatform(new Set(v3), 'x64')), 'linux/amd64/v3');
  assert.equal(formatPlatform(hostPlatform(new Set(v3), 'arm64')), 'linux/arm64');
});
