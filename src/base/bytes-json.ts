/** JSON with bytes in it: each is an object whose only key is `$bytes`, with base64. */

export function bytesToJson(value: unknown): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key, given: unknown) {
    // Buffers have been asked for their own form by then
    const original = this[key];
    return original instanceof Uint8Array ? { $bytes: Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64') } : given;
  });
}

/** Throws SyntaxError for what is no JSON. */
export function bytesFromJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const { $bytes: bytes, ...rest } = value as { readonly $bytes?: unknown };
    return typeof bytes === 'string' && Object.keys(rest).length === 0 ? Buffer.from(bytes, 'base64') : value;
  });
}
