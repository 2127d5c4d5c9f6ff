/**
 * Where our builds give something else than a real Docker 28: parts of results by case and builder, and why. What says
 * `yet` is a fault of ours that docs/limitations.md names, to be mended.
 */
export const DEVIATIONS: Readonly<Record<string, string>> = {
  'copy-dir-onto-file: buildx: said': 'the words or the quoted lines are not BuildKit’s yet',
  'copy-dir-onto-file: classic: said': 'the words or the quoted lines are not BuildKit’s yet',
  'checks-as-json: buildx: text': 'the answer has other fields than BuildKit’s',
  'call-outline: buildx: text': 'the answer has other fields than BuildKit’s',
};
