/*
 * Sessions in systemd's FD store: https://systemd.io/FILE_DESCRIPTOR_STORE, sd_notify(3). What is kept
 * of a session is there in one descriptor: a socket in whose queue it all lies, as one message. So it is
 * there whole or not at all; one that several sessions have (a stderr, a table) is not taken for one that
 * is there already; and it is as many as there are sessions, whose names systemd hands over in one
 * variable, of 128 KiB at the most.
 */
#ifndef AGENTSH_STORE_H
#define AGENTSH_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define STORE_NAME_SIZE 12 /* "s", a number in hexadecimal, NUL */

/* Is there a store, and does it keep what it is given? Asks, and waits for the answer. */
bool store_is_there(void);

/*
 * The session's descriptors (KEPT_COUNT of them, keeper.h; borrowed; -1: none) go there, under the name of
 * that number. From its return on they outlive this process. 0, or -1 and *err.
 */
int store_put(uint32_t number, uint64_t ticket, const int *descriptors, struct error *err);

/* What is there under that number is let go. */
void store_remove(uint32_t number);
void store_remove_named(const char *name); /* "": nothing */

/*
 * What of a session lies in a descriptor (borrowed) that came from the store, and stays there as well:
 * KEPT_COUNT descriptors, the caller's then; listener, area and root are among them. 0, or -1 and *err.
 */
int store_read(int stored, uint64_t *ticket, int *descriptors, struct error *err);

/* The number in such a name; 0: it is none of ours. */
uint32_t store_number(const char *name);

#endif
