/** The head of an HTTP/1 request, read strictly: what two readers could understand differently is refused. */

/** What cannot be answered as a request: it gets this status, and the connection ends. */
export class HttpProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'HttpProblem';
    this.status = status;
  }
}

/** How the end of the body is told. */
export type Framing = { readonly kind: 'none' } | { readonly kind: 'length'; readonly length: number } | { readonly kind: 'chunked' };

export interface RequestHead {
  readonly method: string;
  /** Still with its escapes. */
  readonly path: string;
  /** What follows the question mark, with its escapes. */
  readonly search: string;
  /** HTTP/1.0 when 0: no chunks, and the connection ends unless keep-alive is asked for. */
  readonly minor: 0 | 1;
  /** Names in lower case; repeated ones are joined with a comma. Without a prototype. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly keepAlive: boolean;
  readonly framing: Framing;
  readonly expectsContinue: boolean;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP\/1\.([01])$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// as a list one header could smuggle another meaning
const SINGLE = new Set(['host', 'content-length', 'transfer-encoding', 'content-type', 'expect', 'upgrade']);
const MAX_FIELDS = 200;
const NO_BODY: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };

/** Reads a head without its last empty line, as latin1. Throws HttpProblem. */
export function parseHead(text: string): RequestHead {
  const lines = text.split('\r\n');
  const first = REQUEST_LINE.exec(lines[0]!);
  if (first === null) {
    if (/ HTTP\/\d\.\d$/.test(lines[0]!) && !/ HTTP\/1\.[01]$/.test(lines[0]!)) throw new HttpProblem(505, 'unsupported protocol version');
    throw new HttpProblem(400, 'malformed HTTP request line');
  }
  if (lines.length > MAX_FIELDS + 1) throw new HttpProblem(431, 'too many header fields');
  const minor = first[3] === '1' ? 1 : 0;
  const headers = parseFields(lines);
  if (minor === 1 && headers['host'] === undefined) throw new HttpProblem(400, 'missing required Host header');
  const [path, search] = splitTarget(first[1]!, first[2]!);
  const connection = headers['connection']?.toLowerCase();
  const expect = headers['expect'];
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') throw new HttpProblem(417, `unknown expectation: ${expect}`);
  return {
    method: first[1]!,
    path,
    search,
    minor,
    headers,
    keepAlive: minor === 1 ? connection === undefined || !hasToken(connection, 'close') : connection !== undefined && hasToken(connection, 'keep-alive'),
    framing: framingOf(headers, minor),
    expectsContinue: expect !== undefined && minor === 1,
  };
}

function parseFields(lines: readonly string[]): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = Object.create(null) as Record<string, string | undefined>;
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    if (colon < 0 || !FIELD_NAME.test(line.slice(0, colon)) || hasControl(line)) throw new HttpProblem(400, 'malformed MIME header line');
    const name = line.slice(0, colon).toLowerCase();
    const value = withoutBlanks(line, colon + 1);
    const before = headers[name];
    if (before !== undefined && SINGLE.has(name)) throw new HttpProblem(400, `more than one header ${name}`);
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

/** From there on, without blanks around it: in one pass, where an expression would try each of a value's blanks as the last. */
function withoutBlanks(line: string, from: number): string {
  let [start, end] = [from, line.length];
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function hasControl(line: string): boolean {
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

function splitTarget(method: string, target: string): [path: string, search: string] {
  let rest = target;
  if (!rest.startsWith('/')) {
    const absolute = /^http:\/\/[^/?#]*/i.exec(rest);
    if (absolute !== null) rest = rest.slice(absolute[0].length) || '/';
    else if (rest !== '*' || method !== 'OPTIONS') throw new HttpProblem(400, 'malformed request target');
  }
  const question = rest.indexOf('?');
  return question === -1 ? [rest, ''] : [rest.slice(0, question), rest.slice(question + 1)];
}

function hasToken(list: string, token: string): boolean {
  return list === token || list.split(',').some((each) => each.trim() === token);
}

function framingOf(headers: Readonly<Record<string, string | undefined>>, minor: 0 | 1): Framing {
  const length = headers['content-length'];
  const encoding = headers['transfer-encoding'];
  if (encoding !== undefined) {
    if (length !== undefined) throw new HttpProblem(400, 'both Content-Length and Transfer-Encoding');
    if (minor === 0) throw new HttpProblem(400, 'Transfer-Encoding in HTTP/1.0');
    if (encoding.toLowerCase() !== 'chunked') throw new HttpProblem(501, `unsupported transfer encoding: ${encoding}`);
    return CHUNKED;
  }
  if (length === undefined) return NO_BODY;
  if (!/^\d{1,15}$/.test(length)) throw new HttpProblem(400, `bad Content-Length ${JSON.stringify(length)}`);
  return Number(length) === 0 ? NO_BODY : { kind: 'length', length: Number(length) };
}
