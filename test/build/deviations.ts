/** Where our builds give something else than a real Docker 28 on purpose: parts of results by case and builder, and why. */
export const DEVIATIONS: Readonly<Record<string, string>> = {};
