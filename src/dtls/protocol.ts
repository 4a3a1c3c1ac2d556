/** The numbers of DTLS 1.2 (RFC 5246, RFC 6347 and the IANA registries behind them). */

export const DTLS_1_2 = 0xfefd;
export const DTLS_1_0 = 0xfeff;

export const ContentType = { ChangeCipherSpec: 20, Alert: 21, Handshake: 22, ApplicationData: 23, Cid: 25 } as const;

export const HandshakeType = {
  HelloRequest: 0,
  ClientHello: 1,
  ServerHello: 2,
  HelloVerifyRequest: 3,
  Certificate: 11,
  ServerKeyExchange: 12,
  CertificateRequest: 13,
  ServerHelloDone: 14,
  CertificateVerify: 15,
  ClientKeyExchange: 16,
  Finished: 20,
} as const;

export const Extension = {
  ServerName: 0,
  MaxFragmentLength: 1,
  SupportedGroups: 10,
  EcPointFormats: 11,
  SignatureAlgorithms: 13,
  ClientCertificateType: 19,
  ServerCertificateType: 20,
  EncryptThenMac: 22,
  ExtendedMasterSecret: 23,
  RecordSizeLimit: 28,
  ConnectionId: 54,
  RenegotiationInfo: 0xff01,
} as const;

/** CertificateType (RFC 7250 §3). */
export const CertificateType = { X509: 0, RawPublicKey: 2 } as const;

/** The one group we speak: secp256r1 (RFC 8422 §5.1.1), its points uncompressed. */
export const GROUP_P256 = 23;
export const POINT_UNCOMPRESSED = 0;
/** SignatureAndHashAlgorithm: sha256 and ecdsa (RFC 5246 §7.4.1.4.1), the one pair we speak. */
export const ECDSA_SHA256 = 0x0403;
/** ClientCertificateType ecdsa_sign (RFC 8422 §5.5). */
export const ECDSA_SIGN = 64;
/** Signalling suite value: "I know of RFC 5746". */
export const EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff;

export const AlertLevel = { Warning: 1, Fatal: 2 } as const;

export const Alert = {
  CloseNotify: 0,
  UnexpectedMessage: 10,
  HandshakeFailure: 40,
  BadCertificate: 42,
  UnsupportedCertificate: 43,
  CertificateUnknown: 46,
  IllegalParameter: 47,
  DecodeError: 50,
  DecryptError: 51,
  ProtocolVersion: 70,
  InternalError: 80,
  NoRenegotiation: 100,
} as const;

/** Records: type 1, version 2, epoch 2, sequence 6, length 2 (RFC 6347 §4.1). */
export const RECORD_HEADER = 13;
/** Handshake messages: type 1, length 3, sequence 2, offset 3, fragment length 3 (RFC 6347 §4.2.2). */
export const HANDSHAKE_HEADER = 12;
/** No record carries more (RFC 5246 §6.2.1). */
export const LARGEST_PLAINTEXT = 16_384;
export const RANDOM_BYTES = 32;
export const VERIFY_DATA_BYTES = 12;
