/** BuildKit's build checks, as warnings of a build, as `--check` and `--call`. */
import { file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const text = 'text';

export const CHECKS: readonly BuildCase[] = [
  { name: 'checks-many', args: ['--check'], result: text },
  { name: 'checks-as-warnings' },
  { name: 'checks-skip' },
  { name: 'checks-skip-all' },
  { name: 'checks-error' },
  { name: 'checks-undefined-arg', args: ['--check'], result: text },
  { name: 'checks-clean', args: ['--check'], result: text },
  { name: 'checks-ignored', args: ['--check'], result: text, context: [file('ignored.log', 'x'), file('.dockerignore', '*.log\n')] },
  { name: 'checks-as-json', dockerfile: 'FROM base/busybox:1 as one\nCMD echo $HOME\n', args: ['--call', 'check,format=json'], result: text },
  { name: 'call-outline', args: ['--call', 'outline', '--target', 'two'], result: text },
  { name: 'call-targets', args: ['--call', 'targets'], result: text },
];
