const SI = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.26MB`: steps of 1000 and so many digits, as docker's HumanSize. */
export function humanSize(bytes: number, digits = 4): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < SI.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(digits))}${SI[unit]}`;
}
