#include "text.h"

#include <stdint.h>
#include <string.h>

#define ESCAPE_LENGTH 4U /* \xNN */
#define SEQUENCE_MAX  4U /* bytes of a character */

static const char digits[] = "0123456789abcdef";

/* What a first byte asks for: the length, and which second bytes are not overlong, surrogate or beyond U+10FFFF. */
struct sequence {
	unsigned char first;
	unsigned char last;
	unsigned char length;
	unsigned char low;
	unsigned char high;
};

/* Table 3-7 of the Unicode Standard. */
static const struct sequence sequences[] = {
    {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static bool follows(const struct sequence *sequence, const unsigned char *byte)
{
	if (byte[1] < sequence->low || byte[1] > sequence->high)
		return false;
	for (size_t i = 2; i < sequence->length; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* The length of the character that stands first. 0: NUL, or no UTF-8. */
static size_t character(const unsigned char *byte, size_t length)
{
	if (byte[0] < 0x80)
		return byte[0] != '\0';
	for (size_t i = 0; i < sizeof(sequences) / sizeof(*sequences); i++) {
		const struct sequence *sequence = &sequences[i];

		if (byte[0] < sequence->first || byte[0] > sequence->last)
			continue;
		return length >= sequence->length && follows(sequence, byte) ? sequence->length : 0;
	}
	return 0;
}

size_t text_kept(const void *data, size_t length, size_t bound)
{
	const unsigned char *bytes = data;

	if (length <= bound)
		return length;
	for (size_t back = 1; back < SEQUENCE_MAX && back <= bound; back++)
		if (character(bytes + bound - back, length - bound + back) > back)
			return bound - back;
	return bound;
}

bool text_is_clean(const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t at = 0, step; at < length; at += step) {
		step = character(bytes + at, length - at);
		if (step == 0)
			return false;
	}
	return true;
}

const char *text_escape(struct text_room *room, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	char *text = room->at;
	size_t used = 0;

	for (size_t at = 0; at < length;) {
		size_t whole = character(bytes + at, length - at);
		size_t needed = whole ? whole : ESCAPE_LENGTH;

		if (room->left <= used + needed)
			return NULL;
		if (whole) {
			memcpy(text + used, bytes + at, whole);
		} else {
			text[used] = '\\';
			text[used + 1] = 'x';
			text[used + 2] = digits[bytes[at] >> 4];
			text[used + 3] = digits[bytes[at] & 0xf];
		}
		used += needed;
		at += whole ? whole : 1;
	}
	if (room->left <= used)
		return NULL;
	text[used] = '\0';
	room->at += used + 1;
	room->left -= used + 1;
	return text;
}

const char *text_hex(struct text_room *room, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	char *text = room->at;

	if (room->left < 1 || (room->left - 1) / 2 < length)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	text[2 * length] = '\0';
	room->at += 2 * length + 1;
	room->left -= 2 * length + 1;
	return text;
}
