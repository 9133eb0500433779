#include "ini_lines.h"

#include <string.h>

#define SECTION_NAME_MAX 49 /* inih's MAX_SECTION less the NUL */
#define KEY_NAME_MAX     49 /* inih's MAX_NAME less the NUL */

struct span {
	const char *start;
	size_t length;
};

void ini_lines_init(struct ini_lines *lines, const char *text, size_t length, struct diagnostics *diagnostics)
{
	*lines = (struct ini_lines){.next = text, .left = length, .diagnostics = diagnostics};
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
		lines->next += 3;
		lines->left -= 3;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
	       c == '-';
}

/* The next physical line, without its end (\n or \r\n). */
static struct span take_line(struct ini_lines *lines)
{
	struct span line = {.start = lines->next};
	const char *end = memchr(lines->next, '\n', lines->left);
	size_t taken = end ? (size_t)(end - lines->next) + 1 : lines->left;

	line.length = end ? taken - 1 : taken;
	if (line.length > 0 && line.start[line.length - 1] == '\r')
		line.length--;
	lines->next += taken;
	lines->left -= taken;
	lines->line++;
	return line;
}

/* Cuts comments (";" or "#" first, or ";" after white space) and white space at the end. */
static struct span strip(struct span line)
{
	size_t length = 0;

	while (length < line.length && is_blank(line.start[length]))
		length++;
	if (length < line.length && (line.start[length] == '#' || line.start[length] == ';'))
		return (struct span){.start = line.start};
	for (; length < line.length; length++)
		if (line.start[length] == ';' && length > 0 && is_blank(line.start[length - 1]))
			break;
	while (length > 0 && is_blank(line.start[length - 1]))
		length--;
	return (struct span){.start = line.start, .length = length};
}

static bool has_control_character(struct span line)
{
	for (size_t i = 0; i < line.length; i++) {
		unsigned char c = (unsigned char)line.start[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* Length of the key's name where the text is "name =", else 0. */
static size_t key_length(struct span text)
{
	size_t name = 0;
	size_t equals;

	while (name < text.length && is_name(text.start[name]))
		name++;
	for (equals = name; equals < text.length && is_blank(text.start[equals]);)
		equals++;
	return equals < text.length && text.start[equals] == '=' ? name : 0;
}

/* "[name]" and nothing else? Then the name's length, else 0. */
static size_t section_length(struct span text)
{
	size_t name = 1;

	while (name < text.length && is_name(text.start[name]))
		name++;
	return name > 1 && name + 1 == text.length && text.start[name] == ']' ? name - 1 : 0;
}

static int judge_section(struct ini_lines *lines, struct span text)
{
	size_t length = section_length(text);

	lines->in_key = false;
	lines->skip_section = true;
	if (length == 0)
		return diagnostics_error(lines->diagnostics, lines->line, "a section is written [name]");
	if (length > SECTION_NAME_MAX)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "the section's name is too long (%zu bytes, at most %d)", length,
					 SECTION_NAME_MAX);
	lines->in_section = true;
	lines->skip_section = false;
	return 0;
}

static int judge_key(struct ini_lines *lines, struct span text)
{
	size_t length = key_length(text);

	lines->in_key = false;
	lines->skip_key = true;
	if (length == 0)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "expected [section], key = value, or an indented continuation of a list");
	if (length > KEY_NAME_MAX)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "the key's name is too long (%zu bytes, at most %d)", length, KEY_NAME_MAX);
	if (!lines->in_section)
		return diagnostics_error(lines->diagnostics, lines->line, "a key before the first [section]");
	lines->in_key = true;
	lines->skip_key = false;
	return 0;
}

static int judge_continuation(struct ini_lines *lines, struct span text)
{
	struct span inner = text;

	while (is_blank(*inner.start)) {
		inner.start++;
		inner.length--;
	}
	if (*inner.start == '[')
		return diagnostics_error(lines->diagnostics, lines->line,
					 "an indented line continues a list; a section begins in the first column");
	if (key_length(inner) > 0)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "an indented line continues a list; a key begins in the first column");
	if (lines->skip_key)
		return -1;
	if (!lines->in_key)
		return diagnostics_error(lines->diagnostics, lines->line, "an indented line with no key to continue");
	return 0;
}

static int judge_bytes(struct ini_lines *lines, struct span text, size_t most)
{
	if (text.length > most)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "the line is too long (%zu bytes, at most %zu)", text.length, most);
	if (has_control_character(text))
		return diagnostics_error(lines->diagnostics, lines->line, "the line holds a control character");
	return 0;
}

/* Sets lines->kind. -1: the line is refused, or belongs to what was refused. */
static int judge(struct ini_lines *lines, struct span text, size_t most)
{
	if (is_blank(*text.start))
		lines->kind = INI_CONTINUATION;
	else
		lines->kind = *text.start == '[' ? INI_SECTION : INI_KEY;
	if (lines->skip_section && lines->kind != INI_SECTION)
		return -1;
	if (judge_bytes(lines, text, most) != 0) {
		lines->skip_section = lines->kind == INI_SECTION;
		lines->skip_key = lines->kind == INI_KEY;
		lines->in_key = false;
		return -1;
	}
	if (lines->kind == INI_CONTINUATION)
		return judge_continuation(lines, text);
	return lines->kind == INI_SECTION ? judge_section(lines, text) : judge_key(lines, text);
}

char *ini_lines_read(char *out, int size, void *stream)
{
	struct ini_lines *lines = stream;
	/* inih wants room for a line end and a NUL. */
	size_t most = (size_t)size - 2;

	while (lines->left > 0) {
		struct span text = strip(take_line(lines));

		if (text.length == 0 || judge(lines, text, most) != 0)
			continue;
		memcpy(out, text.start, text.length);
		out[text.length] = '\0';
		if (lines->kind == INI_SECTION && lines->section) {
			char name[SECTION_NAME_MAX + 1] = {0};

			memcpy(name, text.start + 1, text.length - 2);
			lines->section(lines->context, name, lines->line);
		}
		return out;
	}
	return NULL;
}
