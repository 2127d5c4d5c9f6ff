/** Names of variables that sound like secrets. */

const SECRET = new Set(['apikey', 'auth', 'credential', 'credentials', 'key', 'password', 'pword', 'passwd', 'secret', 'token']);
const HARMLESS = new Set(['public', 'file', 'version']);

/** One of the name's words (at `_`) is a secret's, and none says that it is harmless: `GITHUB_TOKEN`, not `PUBLIC_KEY`. */
export function soundsSecret(name: string): boolean {
  const words = name.toLowerCase().split('_');
  return words.some((word) => SECRET.has(word)) && !words.some((word) => HARMLESS.has(word));
}
