import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { Clock } from '@gatehouse/core/ports/clock';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** What a server on loopback shows to its clients, and what they check it with. All PEM. */
export interface ServerCertificates {
  /** The certificate of the authority: what `certificateAuthority` of a cluster holds. */
  readonly ca: string;
  readonly cert: string;
  /** The private key of `cert`. The authority's own key is thrown away. */
  readonly key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 60 * 60 * 1000;
/** A year: the longest that a state folder is likely to be kept without being made anew. */
const LIFETIME = 365 * DAY;

/**
 * Makes a certificate authority and one certificate of it for 127.0.0.1, ::1 and localhost, valid for a year.
 * `name` tells clusters apart where somebody looks at a certificate.
 */
export async function makeCertificates(name: string, clock: Clock): Promise<ServerCertificates> {
  const crypto = webcrypto;
  const caKeys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const validity = { notBefore: new Date(clock.now() - DAY), notAfter: new Date(clock.now() + LIFETIME) };
  const issuer = [{ CN: [`gatehouse sandbox ${name}`] }];
  const ca = await X509CertificateGenerator.createSelfSigned(
    {
      name: issuer,
      keys: caKeys,
      signingAlgorithm: ALGORITHM,
      ...validity,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(caKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  const cert = await X509CertificateGenerator.create(
    {
      subject: [{ CN: ['kube-apiserver'] }],
      issuer: ca.subjectName.toJSON(),
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
        await AuthorityKeyIdentifierExtension.create(caKeys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { ca: ca.toString('pem'), cert: cert.toString('pem'), key };
}
