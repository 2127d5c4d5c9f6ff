/** Text from a registry on its way to a terminal: without control characters, and not without end. */
export function plainText(text: string, limit = 500): string {
  // oxlint-disable-next-line no-control-regex
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return plain.length > limit ? `${plain.slice(0, limit - 3)}...` : plain;
}
