/** Our templates print and complain byte for byte as the real docker's, which ran them on the same values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TemplateError } from '../../../src/cli/template/nodes.ts';
import { Template } from '../../../src/cli/template/template.ts';
import { anyJson, Struct } from '../../../src/cli/template/values.ts';
import { STATUS } from './documents.ts';
import { recorded } from './recorded.ts';

function run(text: string, data: unknown): { stdout: string; stderr: string; parsing: boolean } {
  try {
    return { stdout: `${new Template(text).execute(data)}\n`, stderr: '', parsing: false };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { stdout: '', stderr: `template parsing error: ${error.message}\n`, parsing: error.parsing };
  }
}

/** Go's stack is deeper than ours. */
const depth = (text: string) => text.replace(/template depth \(\d+\)/, 'template depth');

test('on values of any shape', () => {
  const cases = recorded('volume', 'inspect', '--format').filter(({ args }) => args.at(-1) === 'remote');
  assert.ok(cases.length > 100);
  const volume = new Struct('volume.Volume', ['Status'], () => anyJson(STATUS));
  for (const { args, stdout, stderr } of cases) {
    const ours = run(args[3]!, volume);
    // docker inspect ends its line where a template failed, too
    assert.deepEqual([ours.stdout || (ours.parsing ? '' : '\n'), ours.stderr], [stdout, stderr], args[3]);
  }
});

test('on the rows of a list', () => {
  const cases = recorded('network', 'ls', '--filter');
  assert.ok(cases.length > 50);
  const row = new Struct('*network.networkContext', ['Name'], () => 'none');
  for (const { args, stdout, stderr } of cases) {
    const ours = run(args.at(-1)!.replaceAll('\\t', '\t').replaceAll('\\n', '\n'), row);
    assert.deepEqual([ours.stdout, depth(ours.stderr)], [stdout, depth(stderr)], args.at(-1));
  }
});
