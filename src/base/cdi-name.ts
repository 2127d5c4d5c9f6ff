/** `vendor.com/class=name`: a device by its Container Device Interface name, as it is told from a path. */
export function isCdiName(text: string): boolean {
  return /^[A-Za-z][\w.-]*\/[A-Za-z][\w-]*=[\w.:-]+$/.test(text);
}
