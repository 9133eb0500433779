#include "diagnostics.h"

#include <stdarg.h>
#include <string.h>

#include "error.h"

void diagnostics_init(struct diagnostics *diagnostics)
{
	diagnostics->count = 0;
	diagnostics->errors = 0;
	diagnostics->warnings = 0;
}

static void add(struct diagnostics *diagnostics, enum severity severity, unsigned line, const char *format,
		va_list arguments)
{
	struct diagnostic *item;

	if (severity == SEVERITY_ERROR)
		diagnostics->errors++;
	else
		diagnostics->warnings++;
	if (diagnostics->count == DIAGNOSTICS_MAX)
		return;
	item = &diagnostics->items[diagnostics->count++];
	item->severity = severity;
	item->line = line;
	(void)vsnprintf(item->text, sizeof(item->text), format, arguments);
}

int diagnostics_error(struct diagnostics *diagnostics, unsigned line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(diagnostics, SEVERITY_ERROR, line, format, arguments);
	va_end(arguments);
	return -1;
}

int diagnostics_warning(struct diagnostics *diagnostics, unsigned line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(diagnostics, SEVERITY_WARNING, line, format, arguments);
	va_end(arguments);
	return -1;
}

void diagnostics_sort(struct diagnostics *diagnostics)
{
	/* At most a hundred, nearly in order: insertion keeps equal lines as they were. */
	for (size_t i = 1; i < diagnostics->count; i++) {
		struct diagnostic item = diagnostics->items[i];
		size_t place = i;

		for (; place > 0 && diagnostics->items[place - 1].line > item.line; place--)
			diagnostics->items[place] = diagnostics->items[place - 1];
		diagnostics->items[place] = item;
	}
}

const struct diagnostic *diagnostics_first_error(const struct diagnostics *diagnostics)
{
	const struct diagnostic *first = NULL;

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *item = &diagnostics->items[i];

		if (item->severity == SEVERITY_ERROR && (!first || item->line < first->line))
			first = item;
	}
	return first;
}

void diagnostics_print(FILE *stream, const char *file, const struct diagnostics *diagnostics)
{
	size_t more = diagnostics->errors + diagnostics->warnings - diagnostics->count;

	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *item = &diagnostics->items[i];
		char text[2 * sizeof(item->text)];

		(void)error_escape(text, sizeof(text), item->text);
		fprintf(stream, "%s:%u: %s%s\n", file, item->line,
			item->severity == SEVERITY_WARNING ? "warning: " : "", text);
	}
	if (more)
		fprintf(stream, "%s:0: %zu more findings are not shown\n", file, more);
}
