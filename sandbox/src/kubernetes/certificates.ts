import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { Clock } from '@gatehouse/core/ports/clock';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** What a server on loopback shows to its clients, and what they check it with. All PEM. */
export interface ServerCertificates extends KeyPair {
  /** The certificate of the authority: what `certificateAuthority` of a cluster holds. */
  readonly ca: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 60 * 60 * 1000;
/** A year: the longest that a state folder is likely to be kept without being made anew. */
const LIFETIME = 365 * DAY;
const LOOPBACK: JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
  // 127.0.0.1 in the notation of IPv6.
  { type: 'ip', value: '::ffff:7f00:1' },
];

/** A certificate authority. Its key is in memory only. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly ca: string;
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #validity: { readonly notBefore: Date; readonly notAfter: Date };

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair, validity: Validity) {
    this.ca = certificate.toString('pem');
    this.#certificate = certificate;
    this.#keys = keys;
    this.#validity = validity;
  }

  /** Makes one, valid for a year. `name` tells authorities apart where somebody looks at a certificate. */
  static async create(name: string, clock: Clock): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const validity = { notBefore: new Date(clock.now() - DAY), notAfter: new Date(clock.now() + LIFETIME) };
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        name: [{ CN: [`gatehouse sandbox ${name}`] }],
        keys,
        signingAlgorithm: ALGORITHM,
        ...validity,
        extensions: [
          new BasicConstraintsExtension(true, 0, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return new CertificateAuthority(certificate, keys, validity);
  }

  /** Issues a certificate for a server on 127.0.0.1, ::1 or localhost, or for these DNS names. */
  async issue(commonName: string, dnsNames?: readonly string[]): Promise<KeyPair> {
    const keys = await newKeys();
    const names = dnsNames?.map((value) => ({ type: 'dns', value }) as const) ?? LOOPBACK;
    const cert = await X509CertificateGenerator.create(
      {
        subject: [{ CN: [commonName] }],
        issuer: this.#certificate.subjectName.toJSON(),
        publicKey: keys.publicKey,
        signingKey: this.#keys.privateKey,
        signingAlgorithm: ALGORITHM,
        ...this.#validity,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
          new SubjectAlternativeNameExtension([...names]),
          await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    return { cert: cert.toString('pem'), key };
  }
}

type Validity = { readonly notBefore: Date; readonly notAfter: Date };

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

/** Makes an authority and one certificate of it for an API server on loopback. The authority's key is thrown away. */
export async function makeCertificates(name: string, clock: Clock): Promise<ServerCertificates> {
  const authority = await CertificateAuthority.create(name, clock);
  return { ca: authority.ca, ...(await authority.issue('kube-apiserver')) };
}
