#include "session.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define NEW_ID        "sess_"
#define RANDOM_BYTES  6U

static int new_id(char out[SESSION_ID_SIZE], struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[RANDOM_BYTES];
	char *at = out + strlen(NEW_ID);

	/* By its number: before its first answer, glibc 2.41's own function maps memory, which is four calls more. */
	if (syscall(SYS_getrandom, bytes, sizeof(bytes), 0) != (long)sizeof(bytes))
		return error_set(err, "session: getrandom: %m (name one with -s)");
	memcpy(out, NEW_ID, sizeof(NEW_ID));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	*at = '\0';
	return 0;
}

int session_id(const char *wanted, const char *how, char out[SESSION_ID_SIZE], struct error *err)
{
	size_t length;

	if (!wanted || !*wanted)
		return new_id(out, err);
	length = strlen(wanted);
	if (length >= SESSION_ID_SIZE || strspn(wanted, ID_CHARACTERS) != length)
		return error_set(err, "%s: no session ID (1 to 64 of A-Z a-z 0-9 _ . -)", how);
	memcpy(out, wanted, length + 1);
	return 0;
}
