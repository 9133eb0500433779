/*
 * The value of one key, from YAML to INI: the part of flatten.h that knows types and bytes. Pure.
 */
#ifndef AGENTSH_FLATTEN_VALUE_H
#define AGENTSH_FLATTEN_VALUE_H

#include "ini_writer.h"
#include "policy_keys.h"
#include "yaml_reader.h"

/*
 * Adds the current node of the reader to a section, as the value of key, whose name stands on
 * that line. Returns at the node's end: 0, also after an error told to reader->diagnostics, or -1
 * where nothing more can be read (told).
 */
int flatten_value(struct yaml_reader *reader, struct ini_writer *writer, size_t section, const struct policy_key *key,
		  unsigned line);

/*
 * Is the current node an alias, or has it an anchor or a tag that does not agree? Told, and -1;
 * else 0. What is ours may have none of them: to pass over one would be to lose what it means.
 */
int flatten_refuse_properties(const struct yaml_reader *reader);

/* What the current node is, for "..., not a list". */
const char *flatten_kind(const struct node *node);

/* Tells a result of the writer: 0 where it is INI_WRITER_OK, else -1. */
int flatten_told(struct diagnostics *diagnostics, enum ini_writer_result result, unsigned line);

#endif
