#include "event_object.h"

#include <limits.h>
#include <string.h>

#include "decimal.h"

void object_begin(struct event_object *object, struct text_room *room)
{
	object->root = (cJSON){.type = cJSON_Object};
	object->room = room;
	object->spoiled = false;
	object->used = 0;
}

cJSON *object_item(struct event_object *object, int type)
{
	cJSON *made = object->used < OBJECT_ITEMS_MAX ? &object->items[object->used++] : NULL;

	if (made)
		*made = (cJSON){.type = type};
	return made;
}

void object_append(struct event_object *object, cJSON *array, cJSON *added)
{
	cJSON *first = array ? array->child : NULL;

	if (!array || !added) {
		object->spoiled = true;
	} else if (!first) {
		array->child = added;
		added->prev = added;
	} else {
		first->prev->next = added;
		added->prev = first->prev;
		first->prev = added;
	}
}

void object_add(struct event_object *object, const char *name, cJSON *added)
{
	if (added)
		added->string = (char *)name;
	object_append(object, &object->root, added);
}

/* Borrows the text, which the room or a literal holds longer than the object lives. NULL: no room. */
static cJSON *borrowed(struct event_object *object, int type, const char *text)
{
	cJSON *made = text ? object_item(object, type) : NULL;

	if (made)
		made->valuestring = (char *)text;
	return made;
}

cJSON *object_string(struct event_object *object, const char *text)
{
	return borrowed(object, cJSON_String, text);
}

void object_add_null(struct event_object *object, const char *name)
{
	object_add(object, name, object_item(object, cJSON_NULL));
}

void object_add_boolean(struct event_object *object, const char *name, bool value)
{
	object_add(object, name, object_item(object, value ? cJSON_True : cJSON_False));
}

char *object_take(struct event_object *object, size_t length)
{
	char *text = object->room->at;

	if (object->room->left < length)
		return NULL;
	object->room->at += length;
	object->room->left -= length;
	return text;
}

/*
 * As decimal text of our own: cJSON's numbers are doubles, which it prints with 15 digits and an
 * exponent where that comes near enough, and which end at 2^53.
 */
static cJSON *number(struct event_object *object, uint64_t value, bool negative)
{
	char digits[1 + DECIMAL_MAX] = "-";
	size_t size = decimal_put(value, digits + 1) + 1 + negative;
	char *text = object_take(object, size);

	if (text)
		memcpy(text, digits + !negative, size);
	return borrowed(object, cJSON_Raw, text);
}

void object_add_unsigned(struct event_object *object, const char *name, uint64_t value)
{
	object_add(object, name, number(object, value, false));
}

void object_add_signed(struct event_object *object, const char *name, int64_t value)
{
	object_add(object, name, number(object, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0));
}

void object_add_known(struct event_object *object, const char *name, int64_t value, int64_t unknown)
{
	if (value == unknown)
		object_add_null(object, name);
	else
		object_add_signed(object, name, value);
}

void object_add_plain(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound)
{
	if (!bytes.data)
		object_add_null(object, member->name);
	else
		object_add(object, member->name,
			   object_string(object, text_escape(object->room, bytes.data,
							     text_kept(bytes.data, bytes.length, bound))));
}

void object_add_beside(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		       size_t bound)
{
	size_t kept;

	if (!bytes.data)
		return;
	kept = text_kept(bytes.data, bytes.length, bound);
	if (!text_is_clean(bytes.data, kept))
		object_add(object, member->hex, object_string(object, text_hex(object->room, bytes.data, kept)));
	if (kept < bytes.length)
		object_add_unsigned(object, member->cut, bytes.length);
}

void object_add_bytes(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound)
{
	object_add_plain(object, member, bytes, bound);
	object_add_beside(object, member, bytes, bound);
}

struct event_bytes event_bytes_of(const char *text)
{
	return (struct event_bytes){.data = text, .length = text ? strlen(text) : 0};
}

void object_add_string(struct event_object *object, const struct event_member *member, const char *text, size_t bound)
{
	object_add_bytes(object, member, event_bytes_of(text), bound);
}

/* Where the NUL of an element is, or the end. */
static const char *element_end(const char *element, const char *end)
{
	const char *nul = memchr(element, '\0', (size_t)(end - element));

	return nul ? nul : end;
}

typedef const char *(*element_text)(struct text_room *, const void *, size_t);

/* One more byte of text that is put together. */
static void put(struct event_object *object, char byte)
{
	char *place = object_take(object, 1);

	if (place)
		*place = byte;
	else
		object->spoiled = true;
}

/* The text as cJSON prints it, in its own place. */
static void put_element(struct event_object *object, const char *at, size_t length, element_text text)
{
	struct text_room before = *object->room;
	const char *escaped = text(object->room, at, length);
	cJSON element = {.type = cJSON_String, .valuestring = (char *)escaped};
	char *printed = object->room->at;
	size_t size;

	if (!escaped || !cJSON_PrintPreallocated(&element, printed, (int)object->room->left, false)) {
		object->spoiled = true;
		return;
	}
	size = strlen(printed);
	*object->room = before;
	memmove(object_take(object, size), printed, size);
}

/* There may be thousands: they are printed as they come, and the array is what they are together. */
static void add_elements(struct event_object *object, const char *name, const char *at, const char *end,
			 element_text text)
{
	const char *array = object->room->at;

	put(object, '[');
	while (at < end && !object->spoiled) {
		const char *nul = element_end(at, end);

		put_element(object, at, (size_t)(nul - at), text);
		at = nul + 1;
		if (at < end)
			put(object, ',');
	}
	put(object, ']');
	put(object, '\0');
	object_add(object, name, borrowed(object, cJSON_Raw, array));
}

static bool elements_are_clean(const char *at, const char *end)
{
	while (at < end) {
		const char *nul = element_end(at, end);

		if (!text_is_clean(at, (size_t)(nul - at)))
			return false;
		at = nul + 1;
	}
	return true;
}

void object_add_array(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound)
{
	const char *data = bytes.data;
	const char *end;

	if (!data) {
		object_add_null(object, member->name);
		return;
	}
	end = data + text_kept(data, bytes.length, bound);
	add_elements(object, member->name, data, end, text_escape);
	if (!elements_are_clean(data, end))
		add_elements(object, member->hex, data, end, text_hex);
	if ((size_t)(end - data) < bytes.length)
		object_add_unsigned(object, member->cut, bytes.length);
}

/* The NUL that cJSON ends it with gives its place to the newline. */
size_t object_print(struct event_object *object, char *line, size_t size)
{
	size_t length;

	if (object->spoiled ||
	    !cJSON_PrintPreallocated(&object->root, line, size > INT_MAX ? INT_MAX : (int)size, false))
		return 0;
	length = strlen(line);
	line[length] = '\n';
	return length + 1;
}
