/**
 * Where our builds give something else than a real Docker 28: parts of results by case and builder, and why. What says
 * `yet` is a fault of ours that docs/limitations.md names, to be mended.
 */
export const DEVIATIONS: Readonly<Record<string, string>> = {
  'mount-secret-required: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'mount-ssh-required: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-missing: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-outside: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-dangling: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-dir-onto-file: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-dir-onto-file: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-from-missing-stage: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'add-hostile-archive: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'add-url-missing: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'ignore-copy-ignored: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'source-file-missing: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'source-missing-url: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'source-missing-url: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'checks-error: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'checks-as-json: buildx: text': 'the answer has other fields than BuildKit’s',
  'call-outline: buildx: text': 'the answer has other fields than BuildKit’s',
  'error-no-from: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-expose: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-expose-range: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-maintainer: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-required-variable: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-base-variable: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-base-bad-name: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-base-bad-name: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-user-unknown: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'error-workdir-file: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
};
