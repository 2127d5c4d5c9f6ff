/** Names and passwords in URLs, wherever these stand in a text, struck out as BuildKit does. */
export function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^/@\s]*@/g, '://xxxxx@');
}
