/** Where our builds give something else than a real Docker 28: parts of results by case and builder (`CASE: BUILDER: PART`), and why. */
export const DEVIATIONS: Readonly<Record<string, string>> = {};
