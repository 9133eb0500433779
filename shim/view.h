/*
 * The file system as a target sees it, and names in it: path_resolution(7).
 *
 * A serving thread has a root, a working directory and a umask of its own (unshare(2), CLONE_FS).
 * For a lookup it takes those of the target, so that the kernel resolves as it would have for the
 * target; without CAP_SYS_CHROOT only where the target's root is ours, else the call is denied.
 */
#ifndef AGENTSH_VIEW_H
#define AGENTSH_VIEW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A directory, told apart from every other for as long as it is held open. */
struct place {
	int descriptor; /* owned; O_PATH; -1: none */
	bool is_known;  /* by its mount, so that it can be told apart */
	uint64_t mount;
	uint64_t inode;
	uint32_t major, minor;
};

/* For lookups that make nothing. */
#define VIEW_NO_MASK (~(mode_t)0)

/* What stays the same for a worker. */
struct view_origin {
	struct place ours;  /* our own root */
	struct place first; /* the root in which the session began: its rules speak of that one */
	int descriptors;    /* owned; /proc/self/fd, reachable from any root: where a serving thread works */
	bool is_ours;       /* the two are one */
};

struct view {
	const struct view_origin *origin;
	struct place root; /* its descriptor is open where it is not ours, and the origin's where it is the first */
	int cwd;           /* owned; O_PATH; -1: it is not needed */
	mode_t mask;       /* VIEW_NO_MASK: it is not needed */
	bool is_ours;      /* root is our own */
	bool is_first;     /* root is the origin's first */
	bool has_moved;    /* the calling thread's working directory is not its own */
};

/*
 * The name of a descriptor's file, a thread's own. A link in /proc/self/fd that is kept open speaks of whatever file
 * has that number when it is read: it spares the walk to a link that was asked for the last time, too.
 */
struct naming {
	int number; /* of the latest descriptor that was asked for */
	int link;   /* owned; of that one; -1: there is none yet */
};

/* An inode that cannot become another one. */
struct pinned {
	int descriptor;      /* owned; O_PATH */
	char name[PATH_MAX]; /* as the kernel has it, seen from the root it was looked up in */
	size_t length;
	struct stat status;
	bool is_in_first; /* by this very name, and no link, it was found in the root in which the session began */
};

/* Takes a directory over. False where it cannot be told apart; it is closed then. */
bool place_take(int descriptor, struct place *place);
bool place_is(const struct place *a, const struct place *b);
void place_close(struct place *place);

/* first is taken over. 0, or -1 and errno. */
int view_origin_open(int first, struct view_origin *origin);

/*
 * The view of a thread, from its directory in /proc, to look path up: the working directory is had only
 * where that is relative, and now, for the target's own rights may not be enough to ask for it. is_first: its
 * root is known to be the one in which the session began. 0, or an errno: EACCES where it may not be had.
 */
int view_open(const struct view_origin *origin, int directory, bool is_first, mode_t mask, const char *path,
	      struct view *view);
void view_close(struct view *view);

/*
 * The calling thread, which has a file system view of its own, takes the target's root and umask,
 * with its own rights still. 0, then view_leave; or EACCES: its root and umask are its own.
 */
int view_enter(struct view *view);

/*
 * The calling thread, which has a file system view of its own, works where descriptors are from now on: there a number
 * is the name of a descriptor's file. False: it cannot.
 */
bool view_settle(const struct view_origin *origin);

/* And the target's working directory, with the target's rights: for what cannot be told of it otherwise. Of a relative
 * path. */
int view_change_directory(struct view *view);

/* Its own again, as view_settle() has it, with its own rights. False: it cannot be trusted any more, and must end. */
bool view_leave(const struct view *view);

/* No errnos: why no rule can speak of a path. */
#define VIEW_MAGIC_LINK (-1) /* it leads through one of proc(5), which would be followed as the worker's own */
#define VIEW_NAMELESS   (-2) /* the name of what it leads to is longer than any that can be read */

/*
 * In the view: looks up path (from the working directory, no magic link is followed) and pins what
 * is there; directory: it must be one. 0, or the errno that the target gets, or one of the above.
 */
int view_pin(const struct view *view, const char *path, bool directory, struct pinned *pinned);
void view_unpin(struct pinned *pinned);

/*
 * The same of an absolute path, with rights to read targets beside the target's own (CAP_SYS_PTRACE). False: it is to
 * be looked up without those; only what they change nothing for is pinned.
 */
bool view_pin_straight(const struct view *view, const char *path, struct naming *naming, struct pinned *pinned);

/* A name that is to be made: the directory that is to hold it, pinned, and the name in that. */
struct new_name {
	struct pinned parent;
	const char *last; /* in the path that was given */
	char full[PATH_MAX];
	size_t length;
};

/* In the view: where path would be made. 0 (then view_unpin the parent), EISDIR: it is no name, or as view_pin(). */
int view_pin_parent(const struct view *view, const char *path, struct new_name *name);

/*
 * Is the name, looked up in the session's first root, the very same inode? From any view. A link on the
 * way is no: no name that the kernel gives has one.
 */
bool view_is_same_in_first(const struct view_origin *origin, const char *name, size_t length,
			   const struct stat *status);

#endif
