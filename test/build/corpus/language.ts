/** The language: directives, comments, here-documents, expansion, scopes of ARG. */
import { file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const a = [file('a', 'a\n')];

export const LANGUAGE: readonly BuildCase[] = [
  { name: 'directive-escape', context: a, classic },
  { name: 'directive-not-first', classic },
  { name: 'comments', classic },
  { name: 'case-of-keywords', classic },
  { name: 'bom-and-crlf', dockerfile: '\ufeffFROM base/busybox:1\r\nENV a=b\r\nRUN echo one \\\r\n  two >/out\r\nCMD ["x"]\r\n', classic },
  { name: 'no-newline-at-end', dockerfile: 'FROM base/busybox:1\nCMD ["x"] \\', classic },
  { name: 'heredoc-run' },
  { name: 'heredoc-shebang' },
  { name: 'heredoc-copy', context: a },
  { name: 'expansion' },
  { name: 'expansion-places', context: [file('file', 'f\n')], classic },
  { name: 'args', args: ['--build-arg', 'given=cli', '--build-arg', 'nothing'], env: { nothing: 'from the environment' }, classic },
  { name: 'args-order', args: ['--build-arg', 'y=cli'], classic },
  { name: 'args-predefined', args: ['--build-arg', 'HTTP_PROXY=http://127.0.0.1:9', '--build-arg', 'https_proxy=http://127.0.0.1:8'], classic },
  { name: 'args-unused', dockerfile: 'FROM base/busybox:1\nENV a=b\n', args: ['--build-arg', 'unused=x'], classic },
  { name: 'args-platform' },
  { name: 'args-target-stage', args: ['--target', 'chosen'] },
  { name: 'json-forms', context: [file('with space', 's\n'), file('a', 'a\n'), file('b', 'b\n')], classic },
];
