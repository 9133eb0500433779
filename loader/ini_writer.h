/*
 * An INI text in the making: sections in the order in which they were begun, each with its lines,
 * and for every line the line of the source that it comes from. Pure.
 *
 * The caller sees to it that names and values can stand in the INI: nothing is quoted or altered.
 */
#ifndef AGENTSH_INI_WRITER_H
#define AGENTSH_INI_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "list.h"

#define INI_WRITER_LINE_MAX 189U /* bytes; inih takes no line of 200 */
#define INI_WRITER_NAME_MAX 49U  /* bytes of a section's name, as inih has it */

/* What adding to the text returns. */
enum ini_writer_result { INI_WRITER_OK, INI_WRITER_TOO_LONG, INI_WRITER_NO_MEMORY };

struct ini_writer_section {
	char name[INI_WRITER_NAME_MAX + 1];
	unsigned line;     /* of the source */
	struct list lines; /* with those of the source */
};

/* All zero is an empty text. Free with ini_writer_free. */
struct ini_writer {
	struct ini_writer_section *sections; /* owned */
	size_t count;
	/* The line that a list is being written to; empty: none. */
	char open[INI_WRITER_LINE_MAX + 1];
	size_t open_length;
	unsigned open_line;
	bool open_items; /* it holds an item, not only "key =" */
};

/* The finished text. */
struct ini_written {
	char *text;      /* owned; NUL-terminated */
	unsigned *lines; /* owned; lines[i] is the source's line of line i + 1 */
	size_t length;
	size_t line_count;
};

/* Begins a section, at index writer->count - 1. The name may be cut; "" is named later. */
enum ini_writer_result ini_writer_section(struct ini_writer *writer, const char *name, unsigned line);
void ini_writer_name(struct ini_writer *writer, size_t section, const char *name);

/* The section of that name, or NULL. */
const struct ini_writer_section *ini_writer_find(const struct ini_writer *writer, const char *name);

/* Adds "key = value". */
enum ini_writer_result ini_writer_scalar(struct ini_writer *writer, size_t section, const char *key, const char *value,
					 unsigned line);

/*
 * A list: begin, add each item, end. Items from one line of the source share a line as far as they
 * fit, so that whatever is found in the text can be told with the line it was written on.
 */
enum ini_writer_result ini_writer_list(struct ini_writer *writer, const char *key, unsigned line);
enum ini_writer_result ini_writer_item(struct ini_writer *writer, size_t section, const char *item, unsigned line);
enum ini_writer_result ini_writer_list_end(struct ini_writer *writer, size_t section);

/* Writes it all out. 0 (free with ini_written_free), or -1 where memory ran out. */
int ini_writer_finish(const struct ini_writer *writer, struct ini_written *written);

void ini_writer_free(struct ini_writer *writer);
void ini_written_free(struct ini_written *written);

#endif
