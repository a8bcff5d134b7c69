/* store/registry.h
 *
 * Models from and to registries, by Ollama's protocol, which Hugging Face speaks, too:
 *
 *     [scheme://]HOST/NAMESPACE/MODEL:TAG → GET https://HOST/v2/NAMESPACE/MODEL/manifests/TAG
 *     blobs, several at a time, each in parts over several connections → the store
 *     the manifest, once all its blobs are there
 *
 * A pull that ends at any moment, by whatever means, leaves what has arrived beside the blobs
 * (sha256-HEX-partial) for the next one.  Pulls of one blob, in one process or several, wait for
 * each other.
 *
 * A registry's answers are a stranger's: digests and sizes are checked, tokens are asked of its own
 * host only, nothing secret follows a redirect, and no connection is made to an address that is
 * not public unless the user asks for it (insecure, or HYPERLLAMA_ALLOW_PRIVATE).
 *
 * Environment: HYPERLLAMA_PULL_CONNECTIONS (8), _PULL_STALL_MS (30000), _PULL_BACKOFF_MS (500: the
 * first pause, which doubles), SSL_CERT_FILE (whom TLS trusts).
 *
 * Errors: in Ollama's words where it has some.  EINVAL (names, refused addresses, digests that do
 * not match), ENOTFOUND ("… file does not exist"), EREMOTE (the registry or the way to it),
 * ECANCELLED, EFORMAT and ELIMIT (a manifest that is none or too large), EIO (the disk), ENOMEM.
 * Threads: any; a call takes as long as its transfer.
 */
#pragma once

#include "store/create.h"

#include <stdatomic.h>

typedef struct hl_registry_ask {
    hl_str model;                 /* a name, perhaps with "https://" or "http://" before it */
    bool insecure;                /* http, and any address */
    const atomic_bool *cancelled; /* looked at several times a second; NULL: never */
    hl_create_report *report;     /* what is being done, on the caller's thread; not NULL */
    void *arg;
} hl_registry_ask;

/* Whether this is no name, but the URL of a file: "https://HOST/…/NAME.gguf". */
bool hl_registry_is_file(hl_str model);
/* Where a model's name leads: checks it without asking anybody. */
hl_status hl_registry_check(hl_str model, bool insecure, hl_name *ret, hl_error *err) HL_NODISCARD;

/* Reports "pulling manifest", "pulling HEX" with amounts, "verifying sha256 digest", "writing
 * manifest", "removing unused layers" when there are some, "success".  A file's URL is fetched as a
 * blob is, and then becomes a model of that NAME (store/create.h). */
hl_status hl_registry_pull(const hl_store *s, const hl_registry_ask *ask,
                           hl_error *err) HL_NODISCARD;
/* Reports "retrieving manifest", "pushing HEX" with amounts, "pushing manifest", "success". */
hl_status hl_registry_push(const hl_store *s, const hl_registry_ask *ask,
                           hl_error *err) HL_NODISCARD;
