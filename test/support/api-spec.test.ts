import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerShapes } from '../../src/api/containers/create-body.ts';
import { apiSpec, noApiSpec } from './api-spec.ts';

const skip = noApiSpec() ?? false;

test("answers as Docker gives them have no problems; Go's nil lists, maps and objects are null", { skip }, () => {
  const spec = apiSpec();
  assert.deepEqual(spec.problems('POST', '/v1.41/containers/create?name=x', 201, { Id: 'a', Warnings: [] }), []);
  assert.deepEqual(spec.problems('GET', '/containers/json', 200, [{ Id: 'a'.repeat(64), Labels: null, Ports: null, NetworkSettings: null }]), []);
  assert.deepEqual(spec.problems('GET', '/images/a/b/json', 404, { message: 'No such image: a/b:latest' }), []);
  assert.deepEqual(spec.problems('GET', '/nope', 404, { message: 'page not found' }), []);
  assert.deepEqual(spec.problems('GET', '/v1.99/info', 400, { message: 'client version 1.99 is too new' }), []);
  assert.deepEqual(spec.problems('POST', '/containers/x/start', 204, undefined), []);
  assert.deepEqual(spec.problems('GET', '/_ping', 200, undefined), []);
});

test('what Docker would not answer is reported', { skip }, () => {
  const problems = (...args: Parameters<ReturnType<typeof apiSpec>['problems']>): string =>
    apiSpec()
      .problems(...args)
      .join('\n');
  assert.match(problems('POST', '/containers/create', 201, { Id: 'a' }), /must have required property 'Warnings'/);
  assert.match(problems('POST', '/containers/create', 201, { Id: 5, Warnings: [] }), /\/Id: must be string/);
  assert.match(problems('POST', '/containers/create', 201, undefined), /no document/);
  assert.match(problems('POST', '/containers/create', 200, { Id: 'a', Warnings: [] }), /no such status/);
  assert.match(problems('GET', '/nope', 200, {}), /no such path/);
  assert.match(problems('GET', '/nope', 404, { error: 'x' }), /message/);
  assert.match(problems('GET', '/containers/json', 200, [{ Id: 'a', Foo: 1 }]), /\/0: unknown property ContainerSummary\.Foo/);
  assert.match(problems('GET', '/containers/x/json', 200, { HostConfig: { Memory: 5, Foo: 1 } }), /\/HostConfig: unknown property HostConfig\.Foo/);
  assert.match(problems('GET', '/containers/x/json', 200, { Id: null }), /\/Id: must be string/);
});

/** What dockerd takes and the specification does not list. */
const UNLISTED = new Set(['HostConfig', 'NetworkingConfig', 'Kobako']);

test('the body of create has all that the specification lists', { skip }, () => {
  const spec = apiSpec();
  const { fields } = containerShapes.create as unknown as { readonly fields: Readonly<Record<string, { readonly fields: Readonly<Record<string, unknown>> }>> };
  const compare = (definition: string, names: readonly string[], unlisted: ReadonlySet<string>): void => {
    const listed = spec.properties(definition);
    assert.deepEqual(
      { missing: listed.filter((name) => !names.includes(name)), more: names.filter((name) => !listed.includes(name) && !unlisted.has(name)) },
      { missing: [], more: [] },
      definition,
    );
  };
  compare('ContainerConfig', Object.keys(fields), UNLISTED);
  compare('HostConfig', Object.keys(fields['HostConfig']!.fields), UNLISTED);
});
