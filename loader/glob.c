#include "glob.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

/* A pattern taken apart: each unit but the stars stands for one byte. */
enum unit_kind { UNIT_BYTE, UNIT_ANY, UNIT_SET, UNIT_STAR, UNIT_STARS, UNIT_END };

struct unit {
	const char *set;     /* of UNIT_SET: behind its '[' and its '!' */
	const char *end;     /* behind the unit */
	const char *problem; /* or NULL */
	enum unit_kind kind;
	unsigned char byte; /* of UNIT_BYTE */
	bool negated;       /* of UNIT_SET */
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads one byte, plain or escaped, to *byte. Returns what is behind it; NULL: no good escape. */
static const char *read_byte(const char *at, unsigned char *byte)
{
	*byte = (unsigned char)*at;
	if (*at != '\\')
		return at + 1;
	if (at[1] == '\\')
		return at + 2;
	if (at[1] != 'x' || digit_of(at[2]) < 0 || digit_of(at[3]) < 0)
		return NULL;
	*byte = (unsigned char)(digit_of(at[2]) * 16 + digit_of(at[3]));
	return at + 4;
}

/* One byte or range of a set. Returns what is behind it; NULL: *problem. */
static const char *read_range(const char *at, unsigned char *first, unsigned char *last, const char **problem)
{
	const char *behind = read_byte(at, first);

	*last = *first;
	/* A '-' before the ']' is a byte of the set. */
	if (behind && behind[0] == '-' && behind[1] != ']' && behind[1] != '\0')
		behind = read_byte(behind + 1, last);
	if (!behind)
		*problem = "has a '\\' that is neither \\xNN nor \\\\";
	else if (*last < *first)
		*problem = "has a range whose end is before its beginning";
	return *problem ? NULL : behind;
}

static void read_set(const char *at, struct unit *unit)
{
	unit->kind = UNIT_SET;
	unit->negated = *at == '!' || *at == '^';
	unit->set = at + unit->negated;
	at = unit->set;
	/* A ']' that comes first is a byte of the set. */
	do {
		unsigned char first;
		unsigned char last;

		if (*at == '\0')
			unit->problem = "has a '[' without its ']'";
		else if (at[0] == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '='))
			unit->problem = "has a class of characters, which there are none of here";
		else
			at = read_range(at, &first, &last, &unit->problem);
	} while (!unit->problem && *at != ']');
	unit->end = at ? at + 1 : at;
}

static struct unit read_unit(const char *at)
{
	struct unit unit = {.kind = UNIT_END, .end = at};
	size_t stars = strspn(at, "*");

	if (*at == '\0')
		return unit;
	unit.end = at + 1;
	if (stars) {
		unit.kind = stars == 1 ? UNIT_STAR : UNIT_STARS;
		unit.end = at + stars;
	} else if (*at == '?') {
		unit.kind = UNIT_ANY;
	} else if (*at == '[') {
		read_set(at + 1, &unit);
	} else {
		unit.kind = UNIT_BYTE;
		unit.end = read_byte(at, &unit.byte);
		if (!unit.end)
			unit.problem = "has a '\\' that is neither \\xNN nor \\\\";
	}
	return unit;
}

static bool set_has(const struct unit *unit, unsigned char byte)
{
	const char *problem = NULL;
	const char *at = unit->set;
	unsigned char first;
	unsigned char last;

	do {
		at = read_range(at, &first, &last, &problem);
		if (at && byte >= first && byte <= last)
			return true;
	} while (at && *at != ']');
	return false;
}

/* Is the '/' named in the set of a path's pattern? It could never match. */
static bool names_slash(const struct unit *unit)
{
	for (const char *at = unit->set; at < unit->end - 1;) {
		unsigned char byte;

		at = read_byte(at, &byte);
		if (byte == '/')
			return true;
	}
	return false;
}

const char *glob_problem(enum glob_kind kind, const char *pattern, unsigned *stars)
{
	*stars = 0;
	if (strlen(pattern) > GLOB_PATTERN_MAX)
		return "is too long";
	for (struct unit unit = read_unit(pattern); unit.kind != UNIT_END; unit = read_unit(unit.end)) {
		if (unit.problem)
			return unit.problem;
		if (kind == GLOB_PATHNAME && unit.kind == UNIT_SET && names_slash(&unit))
			return "can match nothing: a '/' in [...] is in no path's component";
		if (kind == GLOB_PATHNAME && unit.kind == UNIT_BYTE && unit.byte == '\0')
			return "can match nothing: no path has a NUL in it";
		*stars += unit.kind == UNIT_STAR || unit.kind == UNIT_STARS;
	}
	return NULL;
}

static bool takes(enum glob_kind kind, const struct unit *unit, unsigned char byte)
{
	bool free_byte = kind == GLOB_ABSTRACT || byte != '/';

	switch (unit->kind) {
	case UNIT_BYTE:
		return unit->byte == byte;
	case UNIT_ANY:
	case UNIT_STAR:
		return free_byte;
	case UNIT_SET:
		return free_byte && set_has(unit, byte) != unit->negated;
	case UNIT_STARS:
		return true;
	case UNIT_END:
		break;
	}
	return false;
}

static bool is_star(const struct unit *unit)
{
	return unit->kind == UNIT_STAR || unit->kind == UNIT_STARS;
}

/* Takes the rest of a pattern apart. Returns how many units there are; -1: it has a problem. */
static int read_units(const char *pattern, struct unit units[GLOB_PATTERN_MAX])
{
	int count = 0;

	for (struct unit unit = read_unit(pattern); unit.kind != UNIT_END; unit = read_unit(unit.end)) {
		if (unit.problem || count == (int)GLOB_PATTERN_MAX)
			return -1;
		units[count++] = unit;
	}
	return count;
}

/*
 * All ways to match at once: reached[i] says that the units before the i-th can have taken the
 * bytes so far. So no way is tried twice, and none has to be tried again.
 */
static bool match_units(enum glob_kind kind, const struct unit *units, int count, const char *name, size_t length)
{
	bool reached[GLOB_PATTERN_MAX + 1] = {true};
	bool alive = true;

	for (int i = 0; i < count && is_star(&units[i]); i++)
		reached[i + 1] = true;
	for (size_t n = 0; n < length && alive; n++) {
		unsigned char byte = (unsigned char)name[n];

		/* From the end, so that what one byte has reached is not reached again by the same byte. */
		reached[count] = false;
		for (int i = count - 1; i >= 0; i--) {
			bool taken = reached[i] && takes(kind, &units[i], byte);

			reached[i] = taken && is_star(&units[i]);
			if (taken && !is_star(&units[i]))
				reached[i + 1] = true;
		}
		/* A star may also take nothing. */
		alive = reached[count];
		for (int i = 0; i < count; i++) {
			alive |= reached[i];
			if (reached[i] && is_star(&units[i]))
				reached[i + 1] = true;
		}
	}
	return alive && reached[count];
}

bool glob_match(enum glob_kind kind, const char *pattern, const char *name, size_t length)
{
	struct unit units[GLOB_PATTERN_MAX];
	int count;

	/* Most patterns differ from most names here. */
	while (length > 0 && *pattern == *name && !strchr("*?[\\", *pattern)) {
		pattern++;
		name++;
		length--;
	}
	if (*pattern == '\0')
		return length == 0;
	if (length > 0 && !strchr("*?[\\", *pattern))
		return false;
	count = read_units(pattern, units);
	return count >= 0 && match_units(kind, units, count, name, length);
}

size_t glob_literal(const char *pattern, char *bytes, size_t size, bool *whole)
{
	struct unit unit = read_unit(pattern);
	size_t length = 0;

	for (; unit.kind == UNIT_BYTE && !unit.problem && length < size; unit = read_unit(unit.end))
		bytes[length++] = (char)unit.byte;
	*whole = unit.kind == UNIT_END;
	return length;
}

/* Can the byte stand for itself in a list of the INI, wherever it stands in an entry? */
static bool is_plain(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f && !strchr("*?[\\,;", byte);
}

size_t glob_quote(const char *bytes, size_t length, char *pattern, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		size_t room = is_plain(byte) ? 1 : 4;

		if (size - used <= room)
			return 0;
		if (room == 1) {
			pattern[used++] = (char)byte;
			continue;
		}
		memcpy(pattern + used, (const char[]){'\\', 'x', digits[byte >> 4], digits[byte & 15]}, room);
		used += room;
	}
	pattern[used] = '\0';
	return used;
}

bool glob_unquote(const char *text, char *bytes, size_t size, size_t *length)
{
	for (*length = 0; *text; (*length)++) {
		unsigned char byte;

		text = read_byte(text, &byte);
		if (!text || *length == size)
			return false;
		bytes[*length] = (char)byte;
	}
	return true;
}

bool glob_has_odd_component(const char *path)
{
	const char *component = path + 1;

	for (;;) {
		size_t length = strcspn(component, "/");

		if (length == 0 || (length == 1 && component[0] == '.') ||
		    (length == 2 && component[0] == '.' && component[1] == '.'))
			return true;
		if (component[length] == '\0')
			return false;
		component += length + 1;
	}
}
