/* http_pem.h: a certificate of "localhost" and 127.0.0.1 with its key, and another key, made for
 * tests with
 *     openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
 *         -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1
 */
#pragma once

static const char PEM_CERT[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBnDCCAUGgAwIBAgIUc1FaAvRd2ZXBRV4FSR+GCNoHPqkwCgYIKoZIzj0EAwIw\n"
                               "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTAzMTI1NVoYDzIxMjYxMTAx\n"
                               "MDMxMjU1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
                               "PQMBBwNCAAR9DC5f0HEHn1S/fIpFx7KlQj9etZ7iYgAsPTXkvwARZTgYJDX7Xbv8\n"
                               "fpV0tcWERacJWInQDRALny+XgUxmJvLBo28wbTAdBgNVHQ4EFgQULxML+vDZDOIw\n"
                               "dbdNfPYqXODDBsowHwYDVR0jBBgwFoAULxML+vDZDOIwdbdNfPYqXODDBsowDwYD\n"
                               "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
                               "zj0EAwIDSQAwRgIhAPmltU9N7HneFs32aX++qiuV/T/lfQRwpmh8xs/FxwKoAiEA\n"
                               "oXLDGg0fDrHXdy/29P5jqELrLC0tb8+2eB/IKcPx4Ow=\n"
                               "-----END CERTIFICATE-----\n";
static const char PEM_KEY[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq9fzSKC7j5UkFgqt\n"
                              "xoc+tx2ZDvwuiydDak47L9ZO+7ahRANCAAR9DC5f0HEHn1S/fIpFx7KlQj9etZ7i\n"
                              "YgAsPTXkvwARZTgYJDX7Xbv8fpV0tcWERacJWInQDRALny+XgUxmJvLB\n"
                              "-----END PRIVATE KEY-----\n";
static const char PEM_OTHER_KEY[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOoK+/FtG8xroZzml\n"
    "reb3ZOKEuTfFc3Z4vN/Jqg1s+bShRANCAATG3qVuH0uW3D/e5iy7YrAnmU2ZWiOI\n"
    "sk6V/uaMsm00UeIVbB6b7BOnhI4Nh4x8SlI/kxW7GhPIHHNbS/1iGu1P\n"
    "-----END PRIVATE KEY-----\n";
