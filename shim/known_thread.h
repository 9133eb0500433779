/*
 * The threads that have called lately, as descriptors of theirs that are kept open. Each speaks of
 * one thread alone: once that has ended it answers ESRCH, and never of another with its number.
 * Whatever can change is asked anew each time.
 */
#ifndef AGENTSH_KNOWN_THREAD_H
#define AGENTSH_KNOWN_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "credentials.h"

#define KNOWN_THREADS        32U /* at most; three descriptors each */
#define KNOWN_THREADS_FEW    4U  /* where descriptors are few, or the server seldom reads */
#define DESCRIPTORS_A_THREAD 64U /* that there have to be for each thread that is known */
#define NAMESPACE_NAME       32U

struct known_thread {
	pid_t tid;     /* 0: free */
	int directory; /* owned, as all of them; in /proc */
	int status;    /* /proc/TID/status; -1: not as long as it is settled */
	int space;     /* the link /proc/TID/ns/user itself; -1: only as long as it is settled */
	int pidfd;     /* of the thread, for its own descriptor table */
	uint64_t used; /* when, by the server's count */
	struct credentials credentials;
	bool is_foreign; /* it has capabilities, and they are another user namespace's: they mean nothing here */
	/*
	 * Its credentials (but the umask), its root and its mount namespace cannot change for as long as its user
	 * namespace does not: whatever changes them takes a capability (credentials(7), chroot(2), setns(2)), of
	 * which the session has none but in user namespaces of its own, from which there is no way back.
	 */
	bool is_settled;
	/*
	 * Nor can its user namespace, and its pidfd is its own: a process changes its own by unshare(2) or setns(2)
	 * alone, which refuse that to one with several threads, as each has that has a thread which is not its first,
	 * and which its policy may refuse altogether. (clone(2) gives a new one to a new thread, which is not known.)
	 * So there is nothing to be asked but whether it is there.
	 */
	bool is_bound;
};

struct known_threads {
	struct known_thread all[KNOWN_THREADS];
	uint64_t count;
	/* Constant: */
	size_t kept;                         /* of them, at once */
	char user_namespace[NAMESPACE_NAME]; /* our own, as its link in /proc has it */
	bool is_plain; /* the session began without any capability, and with no_new_privs: none of it gets one */
	bool is_bound; /* its policy refuses both unshare(2) and setns(2) */
};

/* What is wanted of a thread; bits. */
enum known_wish {
	KNOWN_MASK = 1, /* the umask too */
	KNOWN_UNSEEN =
	    2, /* the caller asks its pidfd next, which answers ESRCH where it has gone: known_thread_forget() */
};

/*
 * The thread of that number as it is now: its credentials are read anew, unless they are settled. wishes: enum
 * known_wish. NULL where it is gone or may not be read. What is returned is the table's, until the next call.
 */
const struct known_thread *known_thread_find(struct known_threads *known, pid_t tid, unsigned wishes);

/* It has gone: whoever has its number now is another. */
void known_thread_forget(struct known_threads *known, pid_t tid);

#endif
