/*
 * JSON that is read to be written again for a container runtime, which reads it in a way of its own: numbers of 64 bits
 * come through, and there is no name that a reader in Go takes for another. Pure.
 */
#ifndef AGENTSH_OCI_JSON_H
#define AGENTSH_OCI_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "error.h"

#define OCI_JSON_MAX ((size_t)16 * 1024 * 1024) /* bytes */

/* The object (cJSON_Delete it) that text of length bytes, with a NUL behind them, is. NULL and *err: it is none, or
 * longer than may be. */
cJSON *oci_json_parse(const char *text, size_t length, struct error *err);

/* What has been parsed, as text; free(3) it. Its numbers are marked no more then. NULL and *err: out of memory. */
char *oci_json_print(cJSON *object, struct error *err);

/* Two of a name, or two that differ in case alone, are one to a reader in Go, and nobody knows which. */
bool oci_json_has_twice(const cJSON *object);

/* The object of that name in it (or in NULL), borrowed; NULL: there is none. */
cJSON *oci_json_object(const cJSON *object, const char *name);

#endif
