/** Names and passwords in URLs, wherever these stand in a text, struck out as BuildKit does. */
export function withoutCredentials(text: string): string {
  return text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@/gi, (_all, scheme: string, user: string) => {
    return `${scheme}${user.includes(':') ? 'xxxxx:xxxxx' : 'xxxxx'}@`;
  });
}
