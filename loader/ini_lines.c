#include "ini_lines.h"

#include <string.h>

#define SECTION_NAME_MAX 49 /* inih's MAX_SECTION less the NUL */
#define KEY_NAME_MAX     49 /* inih's MAX_NAME less the NUL */

struct span {
	const char *start;
	size_t length;
};

/* A line without what means nothing: blanks at its end, a comment (";" or "#" first, or ";" after white space). */
struct text {
	struct span span;
	bool has_control; /* characters: such a line is refused */
	bool has_equals;
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

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/*
 * One more character: false at the line's end. Of a long list this is most of the work, so a letter, which says nothing
 * here, is known by one comparison.
 */
static bool scan(const char *start, const char *at, const char *end, struct text *text, const char **comment)
{
	const char c = *at;

	if (c > '=' && c != 0x7f)
		return true;
	if (c == '\n')
		return false;
	if (c == '=')
		text->has_equals = true;
	else if (c == ';' && at > start && is_blank(at[-1]) && !*comment)
		*comment = at;
	else if (is_control(c) && c != '\t' && !*comment && !(c == '\r' && (at + 1 == end || at[1] == '\n')))
		text->has_control = true;
	return true;
}

/* The next line, which ends with \n or \r\n, or with the text. */
static struct text take_line(struct ini_lines *lines)
{
	const char *const start = lines->next;
	const char *const end = start + lines->left;
	const char *comment = NULL;
	const char *at = start;
	const char *stop;
	struct text text = {.span.start = start};

	while (at < end && is_blank(*at))
		at++;
	if (at < end && (*at == ';' || *at == '#'))
		comment = start;
	while (at < end && scan(start, at, end, &text, &comment))
		at++;
	stop = comment ? comment : at;
	while (stop > start && (is_blank(stop[-1]) || (stop == at && stop[-1] == '\r')))
		stop--;
	text.span.length = (size_t)(stop - start);
	at += at < end;
	lines->left -= (size_t)(at - start);
	lines->next = at;
	lines->line++;
	return text;
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

static int judge_continuation(struct ini_lines *lines, const struct text *text)
{
	struct span inner = text->span;

	while (is_blank(*inner.start)) {
		inner.start++;
		inner.length--;
	}
	if (*inner.start == '[')
		return diagnostics_error(lines->diagnostics, lines->line,
					 "an indented line continues a list; a section begins in the first column");
	if (text->has_equals && key_length(inner) > 0)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "an indented line continues a list; a key begins in the first column");
	if (lines->skip_key)
		return -1;
	if (!lines->in_key)
		return diagnostics_error(lines->diagnostics, lines->line, "an indented line with no key to continue");
	return 0;
}

static int judge_bytes(struct ini_lines *lines, const struct text *text, size_t most)
{
	if (text->span.length > most)
		return diagnostics_error(lines->diagnostics, lines->line,
					 "the line is too long (%zu bytes, at most %zu)", text->span.length, most);
	if (text->has_control)
		return diagnostics_error(lines->diagnostics, lines->line, "the line holds a control character");
	return 0;
}

/* Sets lines->kind. -1: the line is refused, or belongs to what was refused. */
static int judge(struct ini_lines *lines, const struct text *text, size_t most)
{
	const char first = *text->span.start;

	if (is_blank(first))
		lines->kind = INI_CONTINUATION;
	else
		lines->kind = first == '[' ? INI_SECTION : INI_KEY;
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
	return lines->kind == INI_SECTION ? judge_section(lines, text->span) : judge_key(lines, text->span);
}

char *ini_lines_read(char *out, int size, void *stream)
{
	struct ini_lines *lines = stream;
	/* inih wants room for a line end and a NUL. */
	size_t most = (size_t)size - 2;

	while (lines->left > 0) {
		const struct text line = take_line(lines);
		const struct span text = line.span;

		if (text.length == 0 || judge(lines, &line, most) != 0)
			continue;
		if (lines->kind == INI_CONTINUATION && lines->continuation) {
			lines->continuation(lines->context, text.start, text.length, lines->line);
			continue;
		}
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
