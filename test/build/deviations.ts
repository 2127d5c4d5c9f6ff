/** Where our builds give something else than a real Docker 28: parts of results by case and builder, and why. */
export const DEVIATIONS: Readonly<Record<string, string>> = {
  'copy-dir-onto-file: buildx: said': 'a real Docker names a place in its own storage, we the path in the image',
  'copy-dir-onto-file: classic: said': 'a real Docker names a place in its own storage, we the path in the image',
};
