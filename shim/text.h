/*
 * Somebody's bytes as text that JSON can hold, and from which they can be had back.
 *
 * Bytes that are UTF-8 (RFC 3629: no overlong form, no surrogate) without a NUL are clean and stand
 * as they are. Of others those that are not, and NUL, become \xNN (lower case): for people. For
 * programs there is the hexadecimal of all of them.
 */
#ifndef AGENTSH_TEXT_H
#define AGENTSH_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where texts are put, one after the other; the owner provides the memory. N bytes need at most
 * 4 * N + 1 for the text and 2 * N + 1 for the hexadecimal.
 */
struct text_room {
	char *at;
	size_t left;
};

/* How many of length bytes are kept under a bound: no more, and no character of UTF-8 is cut in two. */
size_t text_kept(const void *data, size_t length, size_t bound);

/* Are they UTF-8, without a NUL? */
bool text_is_clean(const void *data, size_t length);

/* NUL-terminated text, valid UTF-8 without another NUL. NULL: no room. */
const char *text_escape(struct text_room *room, const void *data, size_t length);

/* Two digits a byte, NUL-terminated. NULL: no room. */
const char *text_hex(struct text_room *room, const void *data, size_t length);

#endif
