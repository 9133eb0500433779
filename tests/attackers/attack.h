/*
 * What attackers share. The stage is a folder D that an outsider (outsider.c) has set up:
 *
 *   D/door/a/{stream,dgram,seqpacket}   a rule allows them; D/door/d/...: nothing does
 *   D/open/                             the session may write there
 *   D/tally                             what the outsider has counted
 *
 * and abstract names that are those paths. Whatever reaches a name with /d/ is a success of the attacker.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct tally {
	_Atomic long ready;
	_Atomic long denied;  /* connections and datagrams at what is denied */
	_Atomic long allowed; /* at the decoys */
	_Atomic long forged;  /* datagrams said to be root's */
};

struct stage {
	const char *directory;
	struct tally *tally;
	long tries;
	long done;    /* tries made */
	long answers; /* of those, calls that succeeded */
	bool stalls;  /* slow: each try waits for something */
	int error;    /* of the last connect that failed */
};

typedef void attack(struct stage *stage);

/* D/tally; makes: for him who writes it. */
struct tally *attack_tally(const char *directory, bool makes);

/* Of any attack: its tries so far are enough, or it has succeeded. */
bool attack_is_over(const struct stage *stage);

/* A slow one: that many tries of 100,000, no less than floor. */
void attack_slow(struct stage *stage, long share, long floor);

/* D/door/WHICH/TYPE, as a path or an abstract name. Returns where WHICH stands in sun_path. */
int attack_address(const struct stage *stage, char which, const char *type, bool abstract, struct sockaddr_un *address,
		   socklen_t *length);

/* D/open/NAME */
void attack_path(const struct stage *stage, const char *name, char *out, size_t size);

int attack_socket(int type);      /* AF_UNIX, non-blocking */
void *attack_memory(size_t size); /* shared with every process forked from here */
void attack_write(const char *path, const char *text);

/* Connects, and closes; counts the try. */
void attack_connect(struct stage *stage, int type, const struct sockaddr_un *address, socklen_t length);

/*
 * Makes call again and again until the attack is over, while disturb is called without end: in a
 * thread, or in another process, with which context must be shared.
 */
typedef void attack_step(struct stage *stage, void *context);
void attack_race(struct stage *stage, attack_step *disturb, attack_step *call, void *context, bool process);

/* address.c */
attack flip_thread, flip_process, flip_family, flip_abstract, flip_seqpacket, flip_dgram;
attack flip_sendto, flip_sendto_abstract, flip_sendmsg, flip_sendmmsg, flip_pair, flip_dissolved, flip_high, flip_files;
attack forged_credentials;

/* descriptor.c */
attack dup_swap, dup_flip, late_thread, ring;

/* path.c */
attack symlink_swap, directory_swap, proc_paths, linked;

/* namespace.c */
attack namespace_mount, namespace_directory, namespace_root, namespace_symlink, chroot_link;

/* stopped.c, fuse.c */
attack userfault_flip, fuse_link;

/* name.c */
attack rebound_stream, rebound_dgram;

/* stall.c */
attack stall_backlog, stall_userfault, flood_descriptors, flood_pieces, flood_messages, neighbour;

#endif
