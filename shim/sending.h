/*
 * What a target sends: a message of its own memory and descriptors, copied once and sent from the
 * copy. sendmsg(2), cmsg(3), unix(7).
 */
#ifndef AGENTSH_SENDING_H
#define AGENTSH_SENDING_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "address.h"
#include "credentials.h"
#include "memory.h"

#define SENDING_PIECES_MAX      1024U                      /* UIO_MAXIOV */
#define SENDING_PIECES_FEW      8U                         /* for which no memory is allocated */
#define SENDING_BYTES_FEW       ((size_t)4 * 1024)         /* the same, of a message */
#define SENDING_CONTROL_FEW     ((size_t)256)              /* and of its control data, with what comes before it */
#define SENDING_MESSAGE_MAX     ((size_t)16 * 1024 * 1024) /* of one message: no socket takes as much */
#define SENDING_CHUNK           ((size_t)256 * 1024)       /* of a stream, at once */
#define SENDING_CONTROL_MAX     ((size_t)64 * 1024)
#define SENDING_DESCRIPTORS_MAX 253U /* SCM_MAX_FD */
/* To send the target's ids in place of ours: scm_check_creds. */
#define SENDING_CLAIM ((1ULL << CAP_SYS_ADMIN) | (1ULL << CAP_SETUID) | (1ULL << CAP_SETGID))

struct sending {
	struct address address;
	bool has_place;       /* sendto(2) was given an address, of whatever length */
	struct iovec *pieces; /* of the target's memory */
	size_t piece_count;
	size_t total;  /* bytes of all pieces */
	char *control; /* ours: with our descriptors in place of the target's */
	size_t control_length;
	struct iovec few_pieces[SENDING_PIECES_FEW];                    /* what pieces is, where they fit */
	_Alignas(struct cmsghdr) char few_control[SENDING_CONTROL_FEW]; /* the same of control */
	int descriptors[SENDING_DESCRIPTORS_MAX];                       /* owned */
	size_t descriptor_count;
	bool has_claim;
	struct ucred claim; /* what the target says of itself, checked; as our pid namespace numbers it */
	int flags;
	const char *refusal; /* why it is not carried out; NULL: it was tried */
};

/* Whose message it is. */
struct sender {
	struct memory memory;
	int thread; /* a pidfd of the thread, for its descriptors */
	int socket; /* ours: a copy of its descriptor */
	int domain; /* AF_UNIX ... */
	bool is_unix;
	bool may_claim;                        /* the target's ids are sent in place of ours: sending_may_claim() */
	const struct credentials *credentials; /* of the target */
	const struct credentials *own;         /* the calling thread's */
	uid_t user;                            /* the session's, whose what is in flight is */
};

/*
 * May the calling thread, whose rights these are, send the ids of others in place of its own? The kernel asks for
 * CAP_SYS_ADMIN where the pid namespace belongs: a user namespace of one's own in somebody else's has it in vain.
 */
bool sending_may_claim(const struct credentials *own);

/* sendto(2): one piece and an address. 0, or an errno. What was copied stays where it is: *sending cannot be moved. */
int sending_from_buffer(const struct sender *sender, uint64_t buffer, uint64_t length, int flags, uint64_t address,
			uint64_t address_length, struct sending *sending);

/* sendmsg(2): a struct msghdr in the target's memory. 0, or an errno. */
int sending_from_header(const struct sender *sender, uint64_t header, int flags, struct sending *sending);

void sending_free(struct sending *sending);

/*
 * Sends it to address (ours, already decided; length 0: to nobody in particular). A stream in
 * pieces, as much of it as is taken. Returns the bytes, or -1 and errno (with sending->refusal: it was not tried).
 * Never SIGPIPE: that is the target's.
 */
ssize_t sending_send(const struct sender *sender, struct sending *sending, const struct sockaddr *address,
		     socklen_t length);

/* Reads an address, of at most ADDRESS_MAX bytes, and takes it apart. 0, or an errno. */
int sending_read_address(const struct memory *memory, uint64_t where, uint64_t length, bool is_unix,
			 struct address *address);

#endif
