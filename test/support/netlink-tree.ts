/** Netlink attributes as a flat record, so that those of two programs can be compared whatever order they put them in. */

/** Each attribute's bytes in hex by its path, as `4/1#2/1`: the third (#2) of type 1 in the one of type 4. `nested`: also inside these paths (without #), which are not flagged. */
export function attributeTree(bytes: Buffer, nested: readonly string[] = [], path = '', plain = ''): Record<string, string> {
  const tree: Record<string, string> = {};
  const counts = new Map<number, number>();
  for (let at = 0; at + 4 <= bytes.length; at += (bytes.readUInt16LE(at) + 3) & ~3) {
    const type = bytes.readUInt16LE(at + 2) & 0x3fff;
    const value = bytes.subarray(at + 4, at + bytes.readUInt16LE(at));
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    const here = `${path}${type}${count === 0 ? '' : `#${count}`}`;
    const isNested = (bytes.readUInt16LE(at + 2) & 0x8000) !== 0 || nested.includes(`${plain}${type}`);
    if (isNested && value.length > 0) Object.assign(tree, attributeTree(value, nested, `${here}/`, `${plain}${type}/`));
    else tree[here] = value.toString('hex');
  }
  return tree;
}
