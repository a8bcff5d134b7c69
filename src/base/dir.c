#include "base/dir.h"

#include "base/fs.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

bool hl_dir_first(const char *dir, hl_str suffix, char *out, size_t cap) {
    DIR *d = opendir(dir);
    if (!d) return false;
    char best[sizeof((struct dirent *)0)->d_name] = "";
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        if (entry->d_name[0] == '.' || !hl_str_ends(hl_str_from(entry->d_name), suffix)) continue;
        if (best[0] && strcmp(entry->d_name, best) >= 0) continue;
        int n = snprintf(out, cap, "%s/%s", dir, entry->d_name);
        if (n < 0 || (size_t)n >= cap || !hl_path_is_file(out)) continue;
        memcpy(best, entry->d_name, strlen(entry->d_name) + 1);
    }
    closedir(d);
    if (!best[0]) return false;
    int n = snprintf(out, cap, "%s/%s", dir, best);
    return n > 0 && (size_t)n < cap;
}

void hl_dir_each(const char *dir, void (*each)(void *arg, const char *name), void *arg) {
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *entry = readdir(d); entry; entry = readdir(d))
        if (entry->d_name[0] != '.') each(arg, entry->d_name);
    closedir(d);
}

bool hl_dir_make(const char *dir) {
    return mkdir(dir, 0700) == 0 || hl_path_is_dir(dir);
}
