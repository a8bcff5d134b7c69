/* api/health.h — how the server is, for those who watch it; private to api/. */
#pragma once

#include "api/api.h"

/* Counts an answer for /metrics: by the route that the path belongs to, "other" where there is
 * none. arg is the hl_api.  Threads: any. */
void hl_api_count(void *arg, const char *method, const char *path, int status);
