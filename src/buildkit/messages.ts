/** The messages of BuildKit's protocols, as the .proto files beside this say them. Loaded when a client first asks. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import type protobuf from 'protobufjs';

/** A message as a plain object: 64-bit integers are numbers, bytes are Buffers, what is not there has its zero value. */
export type Message = Readonly<Record<string, unknown>>;

/** Of one type of message. */
export interface Codec {
  encode(message: object): Buffer;
  /** Throws what is no such message. */
  decode(bytes: Uint8Array): Message;
}

export interface Method {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec;
  readonly response: Codec;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

interface Loaded {
  readonly root: protobuf.Root;
  readonly codecs: Map<string, Codec>;
}

const AS_OBJECT: protobuf.IConversionOptions = { longs: Number, bytes: Buffer, defaults: true, arrays: true, objects: true, oneofs: true };

let loaded: Loaded | undefined;

function load(): Loaded {
  if (loaded !== undefined) return loaded;
  const library = createRequire(import.meta.url)('protobufjs') as typeof protobuf;
  const root = new library.Root();
  const folder = protoFolder();
  for (const name of readdirSync(folder).filter((each) => each.endsWith('.proto'))) {
    library.parse(readFileSync(join(folder, name), 'utf8'), root, { keepCase: true });
  }
  root.resolveAll();
  loaded = { root, codecs: new Map() };
  return loaded;
}

/** The bundle lies in dist/, the files stay where they are. */
function protoFolder(): string {
  const here = import.meta.dirname;
  return basename(here) === 'dist' ? join(here, '../src/buildkit/proto') : join(here, 'proto');
}

/** By the full name of its type: `moby.buildkit.v1.SolveRequest`. */
export function codec(name: string): Codec {
  const { root, codecs } = load();
  let found = codecs.get(name);
  if (found === undefined) {
    const type = root.lookupType(name);
    found = {
      encode: (message) => type.encode(message).finish() as Buffer,
      decode: (bytes) => type.toObject(type.decode(bytes), AS_OBJECT) as Message,
    };
    codecs.set(name, found);
  }
  return found;
}

/** All methods of a service: `moby.buildkit.v1.Control`. */
export function methodsOf(service: string): Readonly<Record<string, Method>> {
  const found = load().root.lookupService(service);
  return Object.fromEntries(
    found.methodsArray.map((method): [string, Method] => {
      method.resolve();
      return [
        method.name,
        {
          path: `/${service}/${method.name}`,
          request: codec(method.resolvedRequestType!.fullName.slice(1)),
          response: codec(method.resolvedResponseType!.fullName.slice(1)),
          requestStream: method.requestStream === true,
          responseStream: method.responseStream === true,
        },
      ];
    }),
  );
}

/** A time as messages have it. */
export function timestamp(milliseconds: number | undefined): { seconds: number; nanos: number } | undefined {
  if (milliseconds === undefined) return undefined;
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.min(999_999_999, Math.max(0, Math.round((milliseconds - seconds * 1000) * 1e6))) };
}
