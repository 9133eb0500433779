/*
 * A seccomp listener: seccomp_unotify(2).
 */
#ifndef AGENTSH_LISTENER_H
#define AGENTSH_LISTENER_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define LISTENER_NOTIF_MAX 256U /* room for a struct seccomp_notif of a newer kernel */

/*
 * Is it one? Told by asking for a notification that there cannot be: ENOENT from a listener alone. Nobody who has
 * opened another kind of file can have this wait.
 */
bool listener_is_one(int descriptor);

/*
 * Checks that this kernel's structures fit into ours, and asks for wake-ups on the same processor
 * (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) where it has them. 0, or -1 and *err.
 */
int listener_begin(int listener, struct error *err);

/*
 * Receives the next notification straight into *notif, which has room for LISTENER_NOTIF_MAX bytes
 * and is zeroed here before. 1; 0 where there was none (it has gone again, or a signal came); -1
 * with errno where the listener is broken.
 */
int listener_receive(int listener, struct seccomp_notif *notif);

/* Is the target still waiting for the answer? */
bool listener_is_valid(int listener, uint64_t id);

/* Answers with an errno (positive). False: the target waits no longer. */
bool listener_refuse(int listener, uint64_t id, int error);

/* Answers with an errno, or, where error is 0, with a value. */
bool listener_answer(int listener, uint64_t id, int64_t value, int error);

/* Lets the kernel carry the call out. Never for one that was refused, nor for one that names memory. */
bool listener_continue(int listener, uint64_t id);

/*
 * Gives the target a descriptor, close-on-exec or not, and answers nothing. Its number, or -1 and errno: EMFILE, it has
 * as many as it may. Not in one step with the answer (SECCOMP_ADDFD_FLAG_SEND): one that a signal interrupts, also that
 * which kills us, before the target has woken answers 0, as if that were the number.
 */
int listener_put(int listener, uint64_t id, int descriptor, bool closes);

/*
 * Puts a descriptor (borrowed) into the target's table, O_CLOEXEC, and answers with its number, in
 * one step where the kernel can: what is interrupted then may answer 0, whereupon the target asks again
 * (attestation.c). again: it has been tried before, and in one step not done; in two it may have been, and is not done
 * twice. 0, or the errno that the target should get instead.
 */
int listener_give(int listener, uint64_t id, int descriptor, bool again);

#endif
