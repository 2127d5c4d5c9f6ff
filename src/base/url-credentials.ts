/** Names and passwords in URLs, wherever these stand in a text, struck out as BuildKit does. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@/gi, (_all, scheme: string, user: string) => {
    return `${scheme}${user.includes(':') ? 'xxxxx:xxxxx' : 'xxxxx'}@`;
  });
}

/** A URL without its user, and what is said of that user to its host by HTTP. */
export function apartFromUser(url: URL): { readonly at: URL; readonly authorization: string | undefined } {
  const { username, password } = url;
  if (username === '' && password === '') return { at: url, authorization: undefined };
  const at = new URL(url);
  at.username = at.password = '';
  return { at, authorization: `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
