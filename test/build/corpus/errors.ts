/** What must fail, with BuildKit's words and the quoted lines. */
import { file } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const context = [file('a', 'a\n')];

export const ERRORS: readonly BuildCase[] = [
  { name: 'error-unknown-instruction', classic },
  { name: 'error-unknown-flag', context, classic },
  { name: 'error-unknown-flag-run', classic },
  { name: 'error-no-from', classic },
  { name: 'error-from-twice-as', classic },
  { name: 'error-stage-name', classic },
  { name: 'error-copy-one', context, classic },
  { name: 'error-env-no-value', classic },
  { name: 'error-env-mixed', classic },
  { name: 'error-label-blank', classic },
  { name: 'error-empty-instruction', classic },
  { name: 'error-empty-value', classic },
  { name: 'error-expose', classic },
  { name: 'error-expose-range', classic },
  { name: 'error-stopsignal', classic },
  { name: 'error-healthcheck', classic },
  { name: 'error-healthcheck-type', classic },
  { name: 'error-shell-form', classic },
  { name: 'error-onbuild-from', classic },
  { name: 'error-onbuild-onbuild', classic },
  { name: 'error-maintainer', classic },
  { name: 'error-volume-empty', classic },
  { name: 'error-heredoc-open' },
  { name: 'error-required-variable', classic },
  { name: 'error-modifier', classic },
  { name: 'error-pattern' },
  { name: 'error-brace', classic },
  { name: 'error-escape-directive', classic },
  { name: 'error-directive-twice', classic },
  { name: 'error-target', args: ['--target', 'missing'], classic },
  { name: 'error-base-variable' },
  { name: 'error-base-bad-name', classic },
  { name: 'error-platform' },
  { name: 'error-circular' },
  { name: 'error-user-unknown', classic },
  { name: 'error-workdir-file', classic },
  { name: 'error-chown-empty', context, classic },
  { name: 'error-multi-line-quote', classic },
  { name: 'error-json-run', classic },
];
