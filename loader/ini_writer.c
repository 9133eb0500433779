#include "ini_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT "        "

enum ini_writer_result ini_writer_section(struct ini_writer *writer, const char *name, unsigned line)
{
	struct ini_writer_section *sections =
	    reallocarray(writer->sections, writer->count + 1, sizeof(*writer->sections));

	if (!sections)
		return INI_WRITER_NO_MEMORY;
	writer->sections = sections;
	sections[writer->count] = (struct ini_writer_section){.line = line};
	writer->count++;
	ini_writer_name(writer, writer->count - 1, name);
	return INI_WRITER_OK;
}

void ini_writer_name(struct ini_writer *writer, size_t section, const char *name)
{
	(void)snprintf(writer->sections[section].name, sizeof(writer->sections[section].name), "%s", name);
}

const struct ini_writer_section *ini_writer_find(const struct ini_writer *writer, const char *name)
{
	for (size_t i = 0; i < writer->count; i++)
		if (strcmp(writer->sections[i].name, name) == 0)
			return &writer->sections[i];
	return NULL;
}

static enum ini_writer_result add_line(struct ini_writer *writer, size_t section, const char *text, unsigned line)
{
	if (list_add(&writer->sections[section].lines, text, strlen(text), line) != 0)
		return INI_WRITER_NO_MEMORY;
	return INI_WRITER_OK;
}

enum ini_writer_result ini_writer_scalar(struct ini_writer *writer, size_t section, const char *key, const char *value,
					 unsigned line)
{
	char text[INI_WRITER_LINE_MAX + 1];
	int length = snprintf(text, sizeof(text), "%s =%s%s", key, *value ? " " : "", value);

	if (length < 0 || (size_t)length > INI_WRITER_LINE_MAX)
		return INI_WRITER_TOO_LONG;
	return add_line(writer, section, text, line);
}

static enum ini_writer_result flush(struct ini_writer *writer, size_t section)
{
	writer->open_length = 0;
	return add_line(writer, section, writer->open, writer->open_line);
}

/* Appends to the open line. Its caller has seen that it fits. */
static void append(struct ini_writer *writer, const char *text)
{
	size_t length = strlen(text);

	memcpy(writer->open + writer->open_length, text, length + 1);
	writer->open_length += length;
}

enum ini_writer_result ini_writer_list(struct ini_writer *writer, const char *key, unsigned line)
{
	if (strlen(key) + strlen(" =") > INI_WRITER_LINE_MAX)
		return INI_WRITER_TOO_LONG;
	writer->open_length = 0;
	writer->open_line = line;
	writer->open_items = false;
	append(writer, key);
	append(writer, " =");
	return INI_WRITER_OK;
}

enum ini_writer_result ini_writer_item(struct ini_writer *writer, size_t section, const char *item, unsigned line)
{
	/* What may follow on the line is a space, or a comma and a space, before it, and a comma after it. */
	bool fits = writer->open_length + strlen(", ") + strlen(item) + strlen(",") <= INI_WRITER_LINE_MAX;

	if (strlen(INDENT) + strlen(item) + strlen(",") > INI_WRITER_LINE_MAX)
		return INI_WRITER_TOO_LONG;
	if (writer->open_items)
		append(writer, ",");
	if (!fits || (writer->open_items && line != writer->open_line)) {
		enum ini_writer_result result = flush(writer, section);

		if (result != INI_WRITER_OK)
			return result;
		append(writer, INDENT);
	} else {
		append(writer, " ");
	}
	append(writer, item);
	writer->open_line = line;
	writer->open_items = true;
	return INI_WRITER_OK;
}

enum ini_writer_result ini_writer_list_end(struct ini_writer *writer, size_t section)
{
	return flush(writer, section);
}

static void put(struct ini_written *written, const char *text, unsigned line)
{
	size_t length = strlen(text);

	memcpy(written->text + written->length, text, length);
	written->length += length;
	written->text[written->length++] = '\n';
	written->lines[written->line_count++] = line;
}

int ini_writer_finish(const struct ini_writer *writer, struct ini_written *written)
{
	size_t bytes = 1;
	size_t lines = 1;

	for (size_t i = 0; i < writer->count; i++) {
		const struct list *list = &writer->sections[i].lines;

		/* An empty line before it, and its head. */
		bytes += INI_WRITER_NAME_MAX + strlen("\n[]\n");
		lines += list->count + 2;
		for (size_t j = 0; j < list->count; j++)
			bytes += strlen(list->entries[j].text) + 1;
	}
	*written = (struct ini_written){.text = malloc(bytes), .lines = calloc(lines, sizeof(*written->lines))};
	if (!written->text || !written->lines) {
		ini_written_free(written);
		return -1;
	}
	for (size_t i = 0; i < writer->count; i++) {
		const struct ini_writer_section *section = &writer->sections[i];
		char head[INI_WRITER_NAME_MAX + sizeof("[]")];

		if (i > 0)
			put(written, "", section->line);
		(void)snprintf(head, sizeof(head), "[%s]", section->name);
		put(written, head, section->line);
		for (size_t j = 0; j < section->lines.count; j++)
			put(written, section->lines.entries[j].text, section->lines.entries[j].line);
	}
	written->text[written->length] = '\0';
	return 0;
}

void ini_writer_free(struct ini_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		list_clear(&writer->sections[i].lines);
	free(writer->sections);
	*writer = (struct ini_writer){0};
}

void ini_written_free(struct ini_written *written)
{
	free(written->text);
	free(written->lines);
	*written = (struct ini_written){0};
}
