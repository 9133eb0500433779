#include "list.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16U

static int make_room(struct list *list)
{
	size_t room = list->room ? list->room * 2 : FIRST_ROOM;
	struct list_entry *entries;

	if (list->count < list->room)
		return 0;
	entries = reallocarray(list->entries, room, sizeof(*entries));
	if (!entries)
		return -1;
	list->entries = entries;
	list->room = room;
	return 0;
}

int list_add(struct list *list, const char *text, size_t length, unsigned line)
{
	char *copy;

	if (make_room(list) != 0)
		return -1;
	copy = strndup(text, length);
	if (!copy)
		return -1;
	list->entries[list->count++] = (struct list_entry){.text = copy, .line = line, .number = LIST_NUMBER_UNKNOWN};
	return 0;
}

void list_clear(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->entries[i].text);
	free(list->entries);
	*list = (struct list){0};
}

const struct list_entry *list_find(const struct list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->entries[i].text, text) == 0)
			return &list->entries[i];
	return NULL;
}
