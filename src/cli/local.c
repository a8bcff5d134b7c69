#include "cli/local.h"

#include "config/settings.h"

hl_status hl__local_store(hl_store **ret, hl_error *err) {
    hl_settings settings = {0};
    hl_status st = hl_settings_init(&settings, err);
    if (st >= 0) st = hl_settings_read(&settings, NULL, err);
    if (st >= 0) st = hl_settings_check(&settings, err);
    if (st >= 0) st = hl_store_open_default(settings.models, ret, err);
    hl_settings_deinit(&settings);
    return st;
}
