// Certificates for tests (PEM), with Ed25519 keys that everybody knows (DER). Valid for a hundred years.
#pragma once

namespace skein::test {

// Has signed all of the others but one.
inline constexpr char kAuthority[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBZTCCARegAwIBAgIUfhCeSXA9ObxjIqUVPo2nOL4m/3EwBQYDK2VwMB8xHTAb\n"
    "BgNVBAMMFFNrZWluIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEzMDE3NTYwNloYDzIx\n"
    "MjYxMTA2MTc1NjA2WjAfMR0wGwYDVQQDDBRTa2VpbiB0ZXN0IGF1dGhvcml0eTAq\n"
    "MAUGAytlcAMhALeg9IJmzD1+UkT4/L5ISxt8zQT06deVfiBBGHLOi6nfo2MwYTAd\n"
    "BgNVHQ4EFgQU8ZsSrFm8hlRI2lFUxqG+DMYF3V4wHwYDVR0jBBgwFoAU8ZsSrFm8\n"
    "hlRI2lFUxqG+DMYF3V4wDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYw\n"
    "BQYDK2VwA0EAIbcrip1/og1Puk8iCPj+lz5E1urmrvi2YTzvJhdoo5lOmdI2QOUB\n"
    "0XncyexNs/uTfWKdWJoU1M/yJdritvnzCw==\n"
    "-----END CERTIFICATE-----\n";

// Has signed none.
inline constexpr char kOtherAuthority[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBXzCCARGgAwIBAgIUVTHXjUY8VmSXC3MjKdKjl/0I3FwwBQYDK2VwMBwxGjAY\n"
    "BgNVBAMMEUFub3RoZXIgYXV0aG9yaXR5MCAXDTI2MTEzMDE3NTYwN1oYDzIxMjYx\n"
    "MTA2MTc1NjA3WjAcMRowGAYDVQQDDBFBbm90aGVyIGF1dGhvcml0eTAqMAUGAytl\n"
    "cAMhAAGANsaro63vm06dJhNjN6g5tjUd8rP6QgOoJDt9aaupo2MwYTAdBgNVHQ4E\n"
    "FgQUqaGlyG1v7IrhTyTw2uUlYW6/pqcwHwYDVR0jBBgwFoAUqaGlyG1v7IrhTyTw\n"
    "2uUlYW6/pqcwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwBQYDK2Vw\n"
    "A0EAtXmzQDdtVsQD6O0d2Ryc7Gy46mxqHdVmdteoKkARiueIWJjPgrt45tCEGpQr\n"
    "HykEaEWPHL9/4b7UrWIYY7gvBA==\n"
    "-----END CERTIFICATE-----\n";

// For localhost, 127.0.0.1 and *.example.org.
inline constexpr char kServerCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmTCCAUugAwIBAgIUcmM2UmLD4x8sCV6ypMIEUs/fXrowBQYDK2VwMB8xHTAb\n"
    "BgNVBAMMFFNrZWluIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEzMDE3NTYwN1oYDzIx\n"
    "MjYxMTA2MTc1NjA3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwKjAFBgMrZXADIQBL\n"
    "Z852tAskkYA68S97IjSUNRFN9S8xjyjeDDgRCQrXZKOBoTCBnjAMBgNVHRMBAf8E\n"
    "AjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATApBgNVHREE\n"
    "IjAggglsb2NhbGhvc3SCDSouZXhhbXBsZS5vcmeHBH8AAAEwHQYDVR0OBBYEFL1R\n"
    "qQoyKy07/HhOFj0BuOPofgnuMB8GA1UdIwQYMBaAFPGbEqxZvIZUSNpRVMahvgzG\n"
    "Bd1eMAUGAytlcANBAPry8f8A+T9cmoJBLS8pXf6/iWNuFZH3ScLmFYXv3entQlx4\n"
    "IqM8QxxCTjCVXZSEr62k8kO7v+DWtQguHeWPaQM=\n"
    "-----END CERTIFICATE-----\n";

inline constexpr unsigned char kServerKey[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
                                               0x04, 0x22, 0x04, 0x20, 0xde, 0xbf, 0xf6, 0x2b, 0x7a, 0x1f, 0xda, 0xfc,
                                               0x35, 0xe2, 0x17, 0x6a, 0xed, 0xbc, 0x94, 0xeb, 0x97, 0x12, 0x0c, 0x78,
                                               0xce, 0x32, 0x88, 0x84, 0x91, 0xcb, 0x0f, 0xdc, 0x87, 0xaf, 0xdb, 0x7c};

// For second.example.
inline constexpr char kSecondCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjjCCAUCgAwIBAgIUcmM2UmLD4x8sCV6ypMIEUs/fXrswBQYDK2VwMB8xHTAb\n"
    "BgNVBAMMFFNrZWluIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEzMDE3NTYwN1oYDzIx\n"
    "MjYxMTA2MTc1NjA3WjAZMRcwFQYDVQQDDA5zZWNvbmQuZXhhbXBsZTAqMAUGAytl\n"
    "cAMhAC57Fu4rAMl+VeQu4W5qMMQUCzyElb7eb4cjrWVo6Zwxo4GRMIGOMAwGA1Ud\n"
    "EwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMBkG\n"
    "A1UdEQQSMBCCDnNlY29uZC5leGFtcGxlMB0GA1UdDgQWBBRGrVKb9MlcN2EmstRR\n"
    "3FkhpYqvJzAfBgNVHSMEGDAWgBTxmxKsWbyGVEjaUVTGob4MxgXdXjAFBgMrZXAD\n"
    "QQD/ODF3N3Bsub3pvVu3VwPyvvA5Fd4btuRx2GVQeJF04z4E8j7WhawJgAkwNR38\n"
    "Em6S58Y4GFbTBO0fUfQkm1kA\n"
    "-----END CERTIFICATE-----\n";

inline constexpr unsigned char kSecondKey[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
                                               0x04, 0x22, 0x04, 0x20, 0x09, 0x38, 0xc6, 0x93, 0x0d, 0x2a, 0x6a, 0x09,
                                               0x4a, 0x53, 0xe1, 0x01, 0x00, 0xc0, 0x5a, 0x4c, 0xb6, 0x5f, 0xfd, 0x99,
                                               0xba, 0x3e, 0xba, 0xf1, 0xb2, 0xe4, 0xca, 0xde, 0x51, 0xf5, 0x47, 0xb6};

// Of Ada, a client: spiffe://example.org/ada.
inline constexpr char kClientCertificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBnjCCAVCgAwIBAgIUcmM2UmLD4x8sCV6ypMIEUs/fXrwwBQYDK2VwMB8xHTAb\n"
    "BgNVBAMMFFNrZWluIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEzMDE3NTYwN1oYDzIx\n"
    "MjYxMTA2MTc1NjA3WjAOMQwwCgYDVQQDDANBZGEwKjAFBgMrZXADIQC70nokthSK\n"
    "lDygnPj00deABAZmuc+pHMGAKprivYuaBqOBrDCBqTAMBgNVHRMBAf8EAjAAMA4G\n"
    "A1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDAjA0BgNVHREELTArhhhz\n"
    "cGlmZmU6Ly9leGFtcGxlLm9yZy9hZGGBD2FkYUBleGFtcGxlLm9yZzAdBgNVHQ4E\n"
    "FgQUrhT+FhKrHCo6ez4KIyhfOlrjUmUwHwYDVR0jBBgwFoAU8ZsSrFm8hlRI2lFU\n"
    "xqG+DMYF3V4wBQYDK2VwA0EAQc2vgejGnXOjeOxMDEhFbC9udO/vJi4CI3q0j7/I\n"
    "pjrcaQxDcq2wAsPvAW61krOpF1ETYS/WOPjEKwK+Q9GqBA==\n"
    "-----END CERTIFICATE-----\n";

inline constexpr unsigned char kClientKey[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
                                               0x04, 0x22, 0x04, 0x20, 0xda, 0x16, 0x94, 0x87, 0x89, 0x85, 0x12, 0xf5,
                                               0xbf, 0xf4, 0xf6, 0x83, 0x58, 0xea, 0x20, 0x39, 0xae, 0xe2, 0x25, 0x4e,
                                               0x3e, 0x70, 0x1e, 0x3b, 0xba, 0x1f, 0x61, 0x86, 0x40, 0xac, 0x17, 0xb0};

}  // namespace skein::test
