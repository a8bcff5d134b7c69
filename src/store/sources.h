/* store/sources.h
 *
 * What FROM and ADAPTER of a Modelfile name on this machine: a model of a store, or files.
 *
 *     NAME                     a model, when no file has that name
 *     FILE.gguf                weights; one part of several (…-00001-of-00003.gguf) means all
 *     DIR with *.safetensors   every file that a conversion reads (store/convert.h): weights are
 *                              model*.safetensors, or all where there are none
 *     DIR with *.gguf          one model, with a projector perhaps
 *
 * PyTorch's files are refused by name.  In directories, links that lead out of them are refused.
 *
 * Ownership: texts belong to the arena.
 * Errors: ENOTFOUND, EINVAL (a directory that holds several models; no name), EFORMAT (a file that
 * is no GGUF), EUNSUPPORTED (PyTorch), ELIMIT, EIO, ENOMEM.
 * Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"

enum { HL_SOURCE_PATH_MAX = 4096, HL_SOURCE_FILES_MAX = 4096 };

typedef struct hl_source_file {
    hl_str name;      /* alone: what the server is told */
    const char *path; /* real */
} hl_source_file;

typedef struct hl_source {
    hl_str model;                /* as it was written; empty: files */
    const hl_source_file *files; /* [n_files], by name */
    size_t n_files;
} hl_source;

/* Absolute, or relative to base (a directory; "": this one); "~" and "~user" are home directories.
 */
hl_status hl_path_expand(hl_str path, const char *base, char ret[HL_SOURCE_PATH_MAX],
                         hl_error *err) HL_NODISCARD;
/* Whether a file's name is one of PyTorch's, and the refusal of such a file, which is the same
 * wherever it turns up (EUNSUPPORTED). */
bool hl_source_is_pytorch(hl_str name);
hl_status hl_source_refuse_pytorch(hl_str name, hl_error *err);
hl_status hl_source_find(hl_str value, const char *base, hl_arena *arena, hl_source *ret,
                         hl_error *err) HL_NODISCARD;
