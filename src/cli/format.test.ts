import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError, invalid } from '../base/errors.ts';
import { chooseFormat, configFormat, formatList, labels, row } from './format.ts';

// how it looks beside the real docker: test/clients/docker-output
test('the format: what is given, else the config’s, else the table', () => {
  const shapes = { table: 'table {{.A}}', quiet: '{{.ID}}', raw: 'a: {{.A}}' };
  const config = () => 'mine';
  const choose = (given: string | undefined, quiet = false, own = config as () => string | undefined) => chooseFormat(shapes, given, quiet, own);
  assert.deepEqual([choose(undefined), choose(''), choose('table'), choose('raw'), choose('json')], ['mine', 'mine', 'table {{.A}}', 'a: {{.A}}', 'json']);
  assert.deepEqual(
    [choose(undefined, true), choose('table', true), choose('x', true), choose(undefined, false, () => undefined)],
    ['{{.ID}}', '{{.ID}}', 'x', 'table {{.A}}'],
  );
});

test('a config file that is not there, or is no such thing, says nothing', () => {
  const read = (text: string | undefined, env: Record<string, string> = { HOME: '/h' }) => {
    const paths: string[] = [];
    const readFile = (path: string) => {
      paths.push(path);
      if (text === undefined) throw invalid('open: no such file or directory');
      return text;
    };
    return [configFormat({ env, readFile }, 'psFormat'), ...paths];
  };
  assert.deepEqual(read('{"psFormat": "x"}'), ['x', '/h/.docker/config.json']);
  assert.deepEqual(read('{"psFormat": "x"}', { DOCKER_CONFIG: '/d', HOME: '/h' }), ['x', '/d/config.json']);
  for (const text of [undefined, '', 'null', '[]', '{"psFormat": 3}', '{"psFormat": ""}', '{"__proto__": {"psFormat": "x"}}'])
    assert.equal(read(text)[0], undefined, text);
});

test('rows are made when they are asked for; a table has headings also for labels', () => {
  const { fields, methods } = labels({ 'com.example.some-tier': 'front', b: '2', a: '1' });
  const made: string[] = [];
  const one = row('*x.Row', { ID: () => (made.push('ID'), 'i'), Slow: () => (made.push('Slow'), 's'), ...fields }, methods);
  assert.equal(
    formatList('table {{.ID}}\\t{{.Label "com.example.some-tier"}}\\t{{.Slow | upper}}', [one], { ID: 'ID', Slow: 'SLOW' }),
    'ID        some tier   SLOW\ni         front       S\n',
  );
  made.length = 0;
  assert.equal(formatList('{{.Labels}} {{.Label "constructor"}}', [one], {}), 'a=1,b=2,com.example.some-tier=front \n');
  assert.deepEqual(made, []);
  assert.equal(formatList('json', [row('*x.Row', { B: () => '<b>', A: () => 1 })], {}), '{"A":1,"B":"\\u003cb\\u003e"}\n');
  assert.equal(formatList('table {{.ID}}', [], { ID: 'CONTAINER ID' }), 'CONTAINER ID\n');
  assert.throws(
    () => formatList('{{', [], {}),
    (error) => error instanceof EngineError && error.message === 'template parsing error: template: :1: unclosed action',
  );
});
