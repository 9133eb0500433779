/*
 * The nodes of a YAML text, one at a time, as libyaml's event parser finds them: no tree is built.
 *
 * Pure: reads from memory. Bounded: POLICY_TEXT_MAX bytes, YAML_DEPTH_MAX levels; an alias is
 * handed out as such and never expanded.
 */
#ifndef AGENTSH_YAML_READER_H
#define AGENTSH_YAML_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "diagnostics.h"

#define YAML_DEPTH_MAX 64U

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING, NODE_ALIAS, NODE_END };

/* What a scalar is by YAML 1.1 (and 1.2's numbers): its tag says so, or its style and spelling. */
enum scalar_type { SCALAR_STRING, SCALAR_TRUE, SCALAR_FALSE, SCALAR_NULL, SCALAR_NUMBER };

struct node {
	enum node_kind kind; /* NODE_END: of the list or mapping that was begun last */
	unsigned line;       /* where it begins */
	bool anchored;       /* it has an anchor */
	bool bad_tag;        /* it has a tag that we do not know, or that its text does not agree with */
	/* Of a scalar: */
	enum scalar_type type;
	bool merge;       /* a plain "<<" */
	const char *text; /* until the next node is read; NUL-terminated, may hold NULs */
	size_t length;
};

struct yaml_reader {
	yaml_parser_t parser;
	yaml_event_t event; /* that node stands for */
	struct node node;
	struct diagnostics *diagnostics;
	const char *text; /* borrowed */
	size_t length;
	unsigned depth;
};

/*
 * Begins to read length bytes of text, which stay the caller's; the root is then in reader->node.
 * 0 (end with yaml_reader_close), or -1 with an error in *diagnostics and nothing to close: too
 * large, no document, not YAML, no UTF-8, or a line end that is neither LF nor CRLF.
 */
int yaml_reader_open(struct yaml_reader *reader, const char *text, size_t length, struct diagnostics *diagnostics);
void yaml_reader_close(struct yaml_reader *reader);

/* Puts the next node into reader->node. 0, or -1 with an error told: nothing more can be read. */
int yaml_reader_next(struct yaml_reader *reader);

/* Passes over what is left of the node that was begun last: reader->node is then its end. 0 or -1 as above. */
int yaml_reader_skip(struct yaml_reader *reader);

/* After the root's end: 0 where the text ends there as well, -1 where not (told), as with a second document. */
int yaml_reader_finish(struct yaml_reader *reader);

#endif
