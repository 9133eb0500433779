/*
 * The list values of a policy: texts with the line that each stands on.
 */
#ifndef AGENTSH_LIST_H
#define AGENTSH_LIST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define LIST_NUMBER_UNKNOWN INT_MIN

/* One entry of a list value. */
struct list_entry {
	char *text;    /* owned */
	unsigned line; /* where it stands; 0: a built-in default */
	int number;    /* of a system call: syscall_number(), here; LIST_NUMBER_UNKNOWN: nobody has looked it up */
};

struct list {
	struct list_entry *entries; /* owned */
	size_t count;
	size_t room;
};

/* Appends a copy of length bytes of text. 0, or -1 where memory ran out (the list is as before). */
int list_add(struct list *list, const char *text, size_t length, unsigned line);

/* Frees the entries; the list is empty again. */
void list_clear(struct list *list);

/* The first entry with that text, or NULL. */
const struct list_entry *list_find(const struct list *list, const char *text);

#endif
