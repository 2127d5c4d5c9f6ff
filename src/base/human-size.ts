/** Sizes for people, as docker's library (go-units) writes them. */

const SI = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** `4.26MB`: steps of 1000 and so many digits (HumanSizeWithPrecision). */
export function humanSize(bytes: number, digits = 4): string {
  return customSize(bytes, 1000, SI, digits);
}

/** `95.37MiB`: steps of 1024 (BytesSize). */
export function binarySize(bytes: number): string {
  return customSize(bytes, 1024, BINARY, 4);
}

function customSize(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= base && unit < units.length - 1; unit++) value /= base;
  return `${general(value, digits)}${units[unit]}`;
}

/** Go's %.4g: no zeros at the end, and an exponent of two digits where the number is longer than that. */
function general(value: number, digits: number): string {
  const [mantissa = '', exponent] = value.toPrecision(digits).split('e');
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return exponent === undefined ? short : `${short}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}
