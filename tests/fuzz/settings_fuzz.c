/* config.yaml. */
#include "config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hl_settings s;
    hl_error err = {0};
    if (hl_settings_init(&s, NULL) >= 0) {
        hl_status st = hl_settings_read_yaml(&s, (hl_str){(const char *)data, size}, "x", &err);
        HL_ASSERT(st >= 0 || err.text[0]);
        HL_ASSERT(s.host && s.origins && s.max_queue >= 1 && s.max_queue <= 65535);
        (void)hl_settings_check(&s, &err);
    }
    hl_settings_deinit(&s);
    return 0;
}
