#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int error_set(struct error *err, const char *format, ...)
{
	va_list arguments;

	if (!err)
		return -1;
	va_start(arguments, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	return -1;
}

/*
 * Is it one of the characters that put what follows them in another order on a screen: U+061C,
 * U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069? (Unicode Standard Annex 9)
 */
static bool reorders(const unsigned char *text)
{
	if (text[0] == 0xd8)
		return text[1] == 0x9c;
	if (text[0] != 0xe2)
		return false;
	if (text[1] == 0x80)
		return text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xaa && text[2] <= 0xae);
	return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9;
}

/*
 * The length of what stands at text and may be shown: a printable character of ASCII, or of UTF-8
 * beyond the control characters (C1 ends at U+009F). 0: its first byte is to be escaped.
 */
static size_t printable(const unsigned char *text)
{
	size_t length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f;
	if (text[0] < 0xc2 || text[0] > 0xf4 || (text[0] == 0xc2 && text[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return reorders(text) ? 0 : length;
}

size_t error_escape(char *out, size_t size, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t length = 0;

	for (const unsigned char *byte = (const unsigned char *)text; *byte;) {
		size_t whole = printable(byte);
		size_t needed = whole ? whole : 4;

		if (size - length <= needed)
			break;
		if (whole) {
			memcpy(out + length, byte, whole);
		} else {
			out[length] = '\\';
			out[length + 1] = 'x';
			out[length + 2] = digits[*byte >> 4];
			out[length + 3] = digits[*byte & 0xf];
		}
		length += needed;
		byte += whole ? whole : 1;
	}
	out[length] = '\0';
	return length;
}

void error_print(int descriptor, const char *program, const struct error *err)
{
	char text[64 + 2 * sizeof(err->text)];
	size_t length = 0;
	ssize_t written;

	length += error_escape(text, 64, program);
	length += error_escape(text + length, sizeof(text) - length, ": ");
	length += error_escape(text + length, sizeof(text) - length - 1, err->text);
	text[length++] = '\n';
	/* Where stderr is closed or full there is nobody left to tell. */
	written = write(descriptor, text, length);
	(void)written;
}
