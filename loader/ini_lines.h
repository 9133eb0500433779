/*
 * The lines of an INI text, made ready for inih one at a time.
 *
 * inih as Debian builds it gives no line numbers, cuts long lines and long section names without
 * a word, keeps comments on continuation lines, takes an indented section or key for a list value
 * and cannot tell a repeated key from a continuation. So it reads from here: this reader knows the
 * line, strips comments, marks continuations and refuses what would be misread. The grammar is in
 * agentsh.ini(5).
 *
 * Pure: reads from memory.
 */
#ifndef AGENTSH_INI_LINES_H
#define AGENTSH_INI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnostics.h"

enum ini_line_kind { INI_BLANK, INI_SECTION, INI_KEY, INI_CONTINUATION };

struct ini_lines {
	const char *next; /* borrowed; the rest of the text */
	size_t left;      /* bytes of it */
	struct diagnostics *diagnostics;
	unsigned line;           /* of the line last handed out; from 1 */
	enum ini_line_kind kind; /* of that line */
	bool in_section;         /* a section has begun */
	bool in_key;             /* a key has been seen that a continuation could belong to */
	bool skip_section;       /* its head was refused: one error, not one more for each of its lines */
	bool skip_key;           /* likewise for a key and its continuations */
	/* Called for each section head, also of a section without a key, which inih keeps to itself. */
	void (*section)(void *context, const char *name, unsigned line);
	/*
	 * NULL, or called for each continuation: length bytes of the text, without a NUL. inih then is not given it: it
	 * would only hand it on.
	 */
	void (*continuation)(void *context, const char *value, size_t length, unsigned line);
	void *context;
};

void ini_lines_init(struct ini_lines *lines, const char *text, size_t length, struct diagnostics *diagnostics);

/*
 * An ini_reader for ini_parse_stream(3): stream is a struct ini_lines. Hands out the next line
 * that means something, at most size - 1 bytes; a line that is refused is an error in
 * *diagnostics and is passed over. NULL at the end.
 */
char *ini_lines_read(char *out, int size, void *stream);

#endif
