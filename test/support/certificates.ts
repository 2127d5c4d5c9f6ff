/** X.509 certificates for tests, made here: no openssl needed. RFC 5280 in DER, as little of it as TLS wants. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate for a server's names and addresses, or for a client. */
  issue(names: readonly string[], options?: { readonly client?: boolean; readonly expired?: boolean }): Certificate;
}

export function makeAuthority(name = 'kobako test authority'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = certificate({ subject: name, issuer: name, publicKey: keys.publicKey, signer: keys.privateKey, names: [], authority: true });
  return {
    cert,
    key: pem(keys.privateKey),
    issue(names, options = {}) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const common = { subject: names[0] ?? 'client', issuer: name, publicKey: own.publicKey, signer: keys.privateKey };
      return { cert: certificate({ ...common, names, authority: false, ...options }), key: pem(own.privateKey) };
    },
  };
}

interface Fields {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly names: readonly string[];
  readonly authority: boolean;
  readonly client?: boolean;
  readonly expired?: boolean;
}

function certificate(fields: Fields): string {
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const day = 86_400_000;
  const validity = sequence(time(Date.now() - 3 * day), time(Date.now() + (fields.expired === true ? -day : 3 * day)));
  const purpose = fields.client === true ? '2b06010505070302' : '2b06010505070301';
  const extensions = fields.authority
    ? [extension('551d13', sequence(tlv(0x01, Buffer.from([0xff]))), true), extension('551d0f', tlv(0x03, Buffer.from([0x01, 0x06])), true)]
    : [extension('551d25', sequence(oid(purpose))), ...(fields.names.length === 0 ? [] : [extension('551d11', sequence(...fields.names.map(altName)))])];
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(15)])),
    ecdsaWithSha256,
    distinguished(fields.issuer),
    validity,
    distinguished(fields.subject),
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, fields.signer);
  const der = sequence(body, ecdsaWithSha256, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`;
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function distinguished(name: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))));
}

function time(ms: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
}

function altName(name: string): Buffer {
  return isIPv4(name) ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}
