import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { Step } from '../build/dockerfile/plan.ts';
import { notThere } from './build-copy-sources.ts';
import { classicFileText, inBuildersWords, metadataText, shownName } from './build-words.ts';

const step = (fields: object, by = '') => ({ title: '', location: [], history: [{ created_by: by }], onbuild: false, ...fields }) as unknown as Step;
const said = (error: unknown, of: Step, classic: boolean) => (inBuildersWords(error, of, classic) as Error).message;
const invalid = (message: string, detail?: object) => new EngineError('invalid', message, detail === undefined ? {} : { detail });

test('what is not there is said in the words of each builder', () => {
  const copy = step({ kind: 'copy', add: false }, 'COPY a /b /x # buildkit');
  const missing = notThere('/a', new Error());
  assert.match(said(missing, copy, false), /^failed to compute cache key: failed to calculate checksum of ref \w+::\w+: "\/a": not found$/);
  assert.equal(said(missing, copy, true), 'COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist');
  assert.equal((inBuildersWords(missing, copy, true) as EngineError).kind, 'not-found');
  const out = step({ kind: 'copy', add: true }, 'ADD ../../a /x # buildkit');
  assert.equal(said(missing, out, true), 'ADD failed: forbidden path outside the build context: ../../a ()');
  const answer = 'http://h/x with status 404 Not Found: no';
  assert.equal(said(invalid('x', { answer }), out, true), `ADD failed: failed to GET ${answer}`);
  const onto = invalid('cannot copy to non-directory: /x');
  assert.equal(said(onto, copy, true), 'failed to copy files: failed to copy directory: mkdir /x: not a directory');
  assert.equal(inBuildersWords(onto, copy, false), onto);
  assert.equal(said(invalid('invalid entry name "../x"'), out, true), 'failed to copy files: invalid entry name "../x"');
});

test('users that are none, and folders that cannot be', () => {
  const run = step({ kind: 'run', argv: ['/bin/sh', '-c', 'x'] });
  const user = invalid('unable to find user u: no matching entries in passwd file');
  assert.equal(said(user, run, false), `process "/bin/sh -c x" did not complete successfully: ${user.message}`);
  assert.equal(inBuildersWords(user, run, true), user);
  const folder = invalid('mkdir /a b: not a directory');
  assert.equal(said(folder, step({ kind: 'workdir' }), true), 'Cannot mkdir: /a b is not a directory');
  assert.equal(inBuildersWords(folder, step({ kind: 'workdir' }), false), folder);
});

test('what is wrong with a file, as the older builder says it', () => {
  assert.equal(classicFileText('invalid port: "80/x": invalid proto: x', false), 'Invalid proto: x');
  assert.equal(classicFileText('invalid containerPort: 99999', false), 'Invalid containerPort: 99999');
  assert.equal(classicFileText('failed to parse stage name "A:b:c": invalid reference format', false), 'invalid reference format');
  assert.equal(classicFileText('no build stage in current context', true), 'no build stage in current context');
  assert.equal(classicFileText('file with no instructions', true), 'failed to parse Dockerfile: file with no instructions');
  assert.equal(classicFileText('something else', false), 'something else');
});

test('images that are not known', () => {
  const name = 'h.invalid/x:1';
  const before = `${name}: failed to resolve source metadata for ${name}: `;
  assert.equal(
    metadataText(name, 'Get "https://h.invalid/v2/": dial tcp: no'),
    `${before}failed to do request: Head "https://h.invalid/v2/x/manifests/1": dial tcp: no`,
  );
  assert.equal(metadataText(name, 'not found'), `${before}not found`);
  assert.deepEqual([shownName('busybox'), shownName('NO NAME')], ['docker.io/library/busybox:latest', 'NO NAME']);
});
