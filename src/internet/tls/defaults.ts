/** What TLS uses unless it is told otherwise: the same on every Node, whose own defaults differ from version to version. */

/** Ciphers of TLS 1.2: forward secret and authenticated (RFC 9325, 4.2). */
export const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Ciphers of TLS 1.3 (RFC 8446, B.4). */
export const SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"].join(":");

/** Groups for the key exchange. The first one resists quantum computers; OpenSSL has it since 3.5. */
export const HYBRID_GROUP = "X25519MLKEM768";
export const GROUPS: readonly string[] = ["X25519", "P-256", "P-384"];

export const SIGNATURE_ALGORITHMS: readonly string[] = [
  "ecdsa_secp256r1_sha256",
  "ecdsa_secp384r1_sha384",
  "ecdsa_secp521r1_sha512",
  "ed25519",
  "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384",
  "rsa_pss_rsae_sha512",
  "rsa_pss_pss_sha256",
  "rsa_pkcs1_sha256",
  "rsa_pkcs1_sha384",
  "rsa_pkcs1_sha512",
];

/** 2: keys of 112 bits of security at least, RSA of 2,048 bits; no SHA-1 (SSL_CTX_set_security_level(3)). */
export const SECURITY_LEVEL = 2;

/** Seconds from accept, or from the connection that was made, until the handshake must be done. */
export const HANDSHAKE_SECONDS = 30;

/** Seconds for which a session may be resumed. */
export const SESSION_SECONDS = 7200;
