/** How wide a text is on a terminal. */

/** Two columns wide, as Unicode's East Asian Width has it. */
const WIDE =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u23e9-\u23ec\u25fd\u25fe\u2614\u2615\u2648-\u2653\u2705\u2753-\u2755\u2795-\u2797\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;

const charWidth = (char: string) => (WIDE.test(char) ? 2 : 1);

/** In columns. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** At most so many columns, the last of them `…`. */
export function ellipsis(text: string, columns: number): string {
  const chars = [...text];
  let width = 0;
  let fits = 0;
  for (const char of chars) {
    width += charWidth(char);
    if (width < columns) fits++;
    if (width > columns) return `${chars.slice(0, fits).join('')}…`;
  }
  return text;
}

/** What of it fits into so many columns. */
export function cut(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const char of text) {
    width += charWidth(char);
    if (width > columns) return text.slice(0, end);
    end += char.length;
  }
  return text;
}
