/*
 * The object that an event becomes, as it grows: members one after the other, and at the end the line that cJSON makes
 * of them. Pure. Without an allocation, which would be one for each member: the items are in the object itself, and
 * their texts in a room that its owner has for them.
 *
 * Where something has no room the object is spoiled, and there is no line.
 */
#ifndef AGENTSH_EVENT_OBJECT_H
#define AGENTSH_EVENT_OBJECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "text.h"

/* The names of a member: cJSON keeps the pointer, so they are literals. */
struct event_member {
	const char *name;
	const char *hex; /* of the member beside it that has all bytes, where the text has not */
	const char *cut; /* of the one that says how many there were, where the first are kept */
};

#define MEMBER(name) (&(const struct event_member){name, name "_hex", name "_cut"})

/* The members of the longest event, and the elements of those arrays that are no event_bytes. */
#define OBJECT_ITEMS_MAX 80U

struct event_object {
	cJSON root;
	struct text_room *room; /* borrowed; each text stays where it is until the line is made */
	bool spoiled;
	size_t used;
	cJSON items[OBJECT_ITEMS_MAX]; /* no more of it is touched than is needed */
};

void object_begin(struct event_object *object, struct text_room *room);

/* Bytes of the room, for a text. NULL: there are not so many. */
char *object_take(struct event_object *object, size_t length);

/* Items of a type of cJSON's, and of a text, which is borrowed (NULL: no room). NULL: none, or there are no more. */
cJSON *object_item(struct event_object *object, int type);
cJSON *object_string(struct event_object *object, const char *text);

/* As cJSON_AddItemToArray() and cJSON_AddItemToObjectCS(). NULL spoils the object. */
void object_append(struct event_object *object, cJSON *array, cJSON *added);
void object_add(struct event_object *object, const char *name, cJSON *added);

void object_add_null(struct event_object *object, const char *name);
void object_add_boolean(struct event_object *object, const char *name, bool value);
void object_add_unsigned(struct event_object *object, const char *name, uint64_t value);
void object_add_signed(struct event_object *object, const char *name, int64_t value);

/* null where the value is the one that stands for "not known". */
void object_add_known(struct event_object *object, const char *name, int64_t value, int64_t unknown);

/* Somebody's bytes, of which those below the bound are kept: NAME alone, the members beside it alone, or all of them.
 */
void object_add_plain(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound);
void object_add_beside(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		       size_t bound);
void object_add_bytes(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound);

/* The same of a text, or NULL. */
struct event_bytes event_bytes_of(const char *text);
void object_add_string(struct event_object *object, const struct event_member *member, const char *text, size_t bound);

/* An array of elements that each end with a NUL, and the members beside it. */
void object_add_array(struct event_object *object, const struct event_member *member, struct event_bytes bytes,
		      size_t bound);

/* The object and "\n", into size bytes. Returns how many; 0: it is spoiled, or has no room there. */
size_t object_print(struct event_object *object, char *line, size_t size);

#endif
