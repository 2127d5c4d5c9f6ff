/** Instructions that change the image's config, and what a base gives to its children. */
import { file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const a = [file('a', 'a\n')];

export const CONFIG: readonly BuildCase[] = [
  { name: 'hello', context: a, classic },
  { name: 'cmd-shell', classic },
  { name: 'cmd-exec', classic },
  { name: 'cmd-not-json', classic },
  { name: 'order-of-cmd', classic },
  { name: 'entrypoint-resets-cmd', bases: ['rich'], classic },
  { name: 'entrypoint-shell', classic },
  { name: 'inherit', bases: ['rich'], classic },
  { name: 'env-forms', classic },
  { name: 'label-forms', args: ['--label', 'cli=1', '--label', 'one=cli'], classic },
  { name: 'expose-forms', classic },
  { name: 'volume-forms', classic },
  { name: 'user-forms', classic },
  { name: 'workdir-forms', classic },
  { name: 'stopsignal', classic },
  { name: 'stopsignal-number', classic },
  { name: 'healthcheck', classic },
  { name: 'healthcheck-exec', classic },
  { name: 'healthcheck-none', bases: ['rich'], classic },
  { name: 'shell', classic },
  { name: 'maintainer', classic },
  { name: 'onbuild-recorded', classic },
  { name: 'onbuild-runs', bases: ['onbuild'], context: a, classic },
  { name: 'onbuild-stages', before: 'FROM base/busybox:1\nONBUILD ARG w=who\nONBUILD RUN echo "trigger $w" >/triggered\n', classic },
  { name: 'scratch', context: [file('a', 'a\n', { mode: 0o755 })], classic },
];
