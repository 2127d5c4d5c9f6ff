/** What clients ask to be told of a build's result, as BuildKit's `attest:provenance` and `attest:sbom` say it. */
import { parseBool } from './parse-bool.ts';
import { EngineError, invalid } from './errors.ts';

export interface ProvenanceWish {
  /** `max`: also build arguments, labels, ids of secrets, each step, the Dockerfile itself. */
  readonly mode: 'min' | 'max';
  /** Of SLSA's provenance: slsa.dev/spec/v0.2/provenance, slsa.dev/spec/v1.1/provenance. */
  readonly version: 'v0.2' | 'v1';
  /** A URL of who builds; may be empty. */
  readonly builderId: string;
  /** As the user claims. */
  readonly reproducible: boolean;
  /** Only beside images: exported files get no file of it. */
  readonly inlineOnly: boolean;
  /** Of that file. */
  readonly filename: string;
}

/** `mode=max,version=v1`, empty for the defaults. Undefined where it is disabled. Throws `invalid` in BuildKit's words. */
export function readProvenance(text: string): ProvenanceWish | undefined {
  const fields = fieldsOf(text);
  if (isDisabled(fields)) return undefined;
  const mode = fields.get('mode') ?? 'max';
  if (mode !== 'min' && mode !== 'max' && mode !== 'full') throw invalid(`invalid mode ${JSON.stringify(mode)}`);
  const version = fields.get('version') ?? 'v0.2';
  if (version !== 'v0.2' && version !== 'v1') throw invalid(`invalid provenance SLSA version: ${version}`);
  return {
    mode: mode === 'min' ? 'min' : 'max',
    version,
    builderId: fields.get('builder-id') ?? '',
    reproducible: flag(fields, 'reproducible'),
    inlineOnly: flag(fields, 'inline-only'),
    filename: fields.get('filename') || 'provenance.json',
  };
}

/** Throws `unavailable` where a list of what is in the image is wanted: it needs a scanner. */
export function refuseSbom(text: string): void {
  if (isDisabled(fieldsOf(text))) return;
  throw new EngineError('unavailable', 'attestations of the type sbom are not supported: there is no scanner here that could make one', {
    hint: 'build without --sbom, or with --sbom=false',
  });
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const parts = text.split(',').filter((part) => part !== '');
  return new Map(parts.map((part): [string, string] => (part.includes('=') ? [key(part), part.slice(part.indexOf('=') + 1)] : [key(part), 'true'])));
}

function key(part: string): string {
  return part.split('=', 1)[0]!.trim().toLowerCase();
}

function isDisabled(fields: ReadonlyMap<string, string>): boolean {
  return flag(fields, 'disabled');
}

function flag(fields: ReadonlyMap<string, string>, name: string): boolean {
  const value = fields.get(name) ?? 'false';
  const on = parseBool(value.toLowerCase());
  if (on !== undefined) return on;
  throw invalid(`failed to parse ${name} flag ${JSON.stringify(value)}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}
