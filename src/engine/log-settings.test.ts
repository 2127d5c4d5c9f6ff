import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributesText, logAttributes } from './log-attributes.ts';
import { logSettings } from './log-settings.ts';

const settings = (Type: string, Config: Record<string, string> = {}) => logSettings({ Type, Config });

test('sizes and counts; the driver local has limits of its own; none looks at nothing', () => {
  assert.deepEqual(settings('json-file'), { logDriver: 'json-file' });
  assert.deepEqual(settings('json-file', { 'max-size': '1m', 'max-file': '3', compress: 'true' }), {
    logDriver: 'json-file',
    logMaxSize: 1 << 20,
    logMaxFile: 3,
  });
  assert.deepEqual(settings('local'), { logDriver: 'json-file', logMaxSize: 20 << 20, logMaxFile: 5 });
  assert.deepEqual(settings('local', { 'max-size': '2m', compress: 'false' }), { logDriver: 'json-file', logMaxSize: 2 << 20, logMaxFile: 5 });
  assert.deepEqual(settings('none', { bogus: '1' }), { logDriver: 'none' });
  assert.deepEqual(settings('json-file', { mode: 'non-blocking', 'max-buffer-size': '1m' }), { logDriver: 'json-file' });
});

test("what is asked wrongly is refused in Docker's words", () => {
  const start = 'failed to initialize logging driver: ';
  for (const [type, config, message] of [
    ['nope', {}, 'error looking up logging plugin nope: plugin "nope" not found'],
    ['toString', {}, 'error looking up logging plugin toString: plugin "toString" not found'],
    ['json-file', { nope: '1' }, "unknown log opt 'nope' for json-file log driver"],
    ['local', { labels: 'a' }, "unknown log opt 'labels' for log driver local"],
    ['json-file', { mode: 'x' }, 'logger: logging mode not supported: x'],
    ['json-file', { 'max-buffer-size': '1m' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
    ['json-file', { 'max-size': '-1' }, "invalid size: '-1'"],
    ['json-file', { 'max-size': '0' }, `${start}max-size must be a positive number`],
    ['json-file', { 'max-file': '0' }, 'max-file cannot be less than 1'],
    ['json-file', { 'max-file': 'x' }, `${start}strconv.Atoi: parsing "x": invalid syntax`],
    ['json-file', { compress: 'true' }, `${start}compress cannot be true when max-file is less than 2 or max-size is not set`],
    ['json-file', { compress: 'x' }, `${start}strconv.ParseBool: parsing "x": invalid syntax`],
    ['json-file', { 'labels-regex': '(' }, `${start}error parsing regexp: \`(\``],
    ['json-file', { tag: '{{.Bogus}}' }, `${start}template: log-tag:1:2: executing "log-tag" at <.Bogus>: can't evaluate field Bogus in type *logger.Info`],
    ['json-file', { tag: '{{' }, `${start}template: log-tag:1: unclosed action`],
  ] as const)
    assert.throws(() => settings(type, config as Record<string, string>), { kind: 'invalid', message });
});

const logged = (Config: Record<string, string>) =>
  logAttributes({
    id: 'a'.repeat(64),
    name: 'web',
    imageId: `sha256:${'b'.repeat(64)}`,
    config: {
      Labels: { 'com.b': '2', 'com.a': '<1>', other: '3' },
      Env: ['COLOR=a=b', 'COLOR2=', 'UNSET'],
      Image: 'image:1',
      Entrypoint: ['sh'],
      Cmd: ['-c', 'true'],
    },
    hostConfig: { LogConfig: { Type: 'json-file', Config } },
  });

test('labels and variables, by name and by pattern, sorted, with the escapes of Go; variables win', () => {
  assert.equal(logged({}), '');
  assert.equal(logged({ labels: 'nope', env: 'UNSET,NOPE' }), '');
  assert.equal(logged({ labels: 'com.b,com.a,nope', env: 'COLOR' }), ',"attrs":{"COLOR":"a=b","com.a":"\\u003c1\\u003e","com.b":"2"}');
  assert.equal(logged({ 'labels-regex': '^com\\.', 'env-regex': '2$' }), ',"attrs":{"COLOR2":"","com.a":"\\u003c1\\u003e","com.b":"2"}');
  assert.equal(attributesText({ b: '\u2028"', a: '' }), ',"attrs":{"a":"","b":"\\u2028\\""}');
});

test('a tag is filled in', () => {
  const tag = '{{.Name}}/{{ .ID }}/{{.FullID}}/{{.ImageName}}/{{.ImageID}}/{{.ImageFullID}}/{{.DaemonName}}/{{.Command}} plain';
  const wanted = `web/${'a'.repeat(12)}/${'a'.repeat(64)}/image:1/sha256:bbbbb/sha256:${'b'.repeat(64)}/docker/sh -c true plain`;
  assert.equal(logged({ tag }), `,"attrs":{"tag":"${wanted}"}`);
});

test('a tag as long as a request is read once', () => {
  // minutes, where each beginning looks for an end
  assert.throws(() => logSettings({ Type: 'json-file', Config: { tag: '{{'.repeat(1 << 20) } }), { message: /: unclosed action$/ });
  assert.throws(() => logSettings({ Type: 'json-file', Config: { tag: `{{${' '.repeat(1 << 20)}x` } }), { message: /: unclosed action$/ });
  assert.equal(logged({ tag: '{{- .Name -}}}' }), ',"attrs":{"tag":"web}"}');
});
