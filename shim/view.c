#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "decimal.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

/* What tells it apart. False: it cannot be. */
static bool identify(int directory, const char *name, int flags, struct place *place)
{
	struct statx about;

	if (statx(directory, name, flags, STATX_INO | STATX_MNT_ID, &about) != 0)
		return false;
	place->inode = about.stx_ino;
	place->major = about.stx_dev_major;
	place->minor = about.stx_dev_minor;
	/* Before Linux 5.8 there is no mount's number: then no two places are ever the same. */
	place->is_known = about.stx_mask & STATX_MNT_ID;
	place->mount = about.stx_mnt_id;
	return true;
}

bool place_take(int descriptor, struct place *place)
{
	*place = (struct place){.descriptor = descriptor};
	if (descriptor >= 0 && identify(descriptor, "", AT_EMPTY_PATH, place))
		return true;
	place_close(place);
	return false;
}

bool place_is(const struct place *a, const struct place *b)
{
	return a->is_known && b->is_known && a->mount == b->mount && a->inode == b->inode && a->major == b->major &&
	       a->minor == b->minor;
}

void place_close(struct place *place)
{
	if (place->descriptor >= 0)
		close(place->descriptor);
	place->descriptor = -1;
}

int view_origin_open(int first, struct view_origin *origin)
{
	*origin = (struct view_origin){.descriptors = -1};
	if (!place_take(first, &origin->first))
		return -1;
	if (place_take(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), &origin->ours)) {
		origin->is_ours = place_is(&origin->first, &origin->ours);
		origin->descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (origin->descriptors >= 0)
			return 0;
		place_close(&origin->ours);
	}
	place_close(&origin->first);
	return -1;
}

static int open_root(int directory, struct view *view)
{
	const struct view_origin *origin = view->origin;

	if (view->is_first) {
		view->root = origin->first;
		view->is_ours = place_is(&view->root, &origin->ours);
		return 0;
	}
	/* Nearly always it is ours, which is open already. */
	if (!identify(directory, "root", 0, &view->root))
		return EACCES;
	view->is_ours = place_is(&view->root, &origin->ours);
	if (view->is_ours || place_take(openat(directory, "root", O_PATH | O_DIRECTORY | O_CLOEXEC), &view->root))
		return 0;
	return EACCES;
}

int view_open(const struct view_origin *origin, int directory, bool is_first, mode_t mask, const char *path,
	      struct view *view)
{
	*view =
	    (struct view){.origin = origin, .is_first = is_first, .mask = mask, .root = {.descriptor = -1}, .cwd = -1};
	if (open_root(directory, view) != 0)
		return EACCES;
	if (path[0] == '/')
		return 0;
	view->cwd = openat(directory, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (view->cwd >= 0)
		return 0;
	view_close(view);
	return EACCES;
}

/* AT_FDCWD where it is absolute, and nobody looks. */
static int cwd_for(const struct view *view, const char *path)
{
	return path[0] == '/' ? AT_FDCWD : view->cwd;
}

void view_close(struct view *view)
{
	if (!view->is_first)
		place_close(&view->root);
	view->root.descriptor = -1;
	if (view->cwd >= 0)
		close(view->cwd);
	view->cwd = -1;
}

bool view_settle(const struct view_origin *origin)
{
	return fchdir(origin->descriptors) == 0;
}

int view_enter(struct view *view)
{
	if (!view->is_ours && (fchdir(view->root.descriptor) != 0 || chroot(".") != 0))
		return view_settle(view->origin) ? EACCES : EIO; /* it may have been in the target's */
	view->has_moved = !view->is_ours;
	if (view->mask != VIEW_NO_MASK)
		(void)umask(view->mask);
	return 0;
}

int view_change_directory(struct view *view)
{
	view->has_moved = true;
	return fchdir(view->cwd) == 0 ? 0 : errno;
}

bool view_leave(const struct view *view)
{
	if (view->mask != VIEW_NO_MASK)
		(void)umask(0077);
	if (!view->is_ours && (fchdir(view->origin->ours.descriptor) != 0 || chroot(".") != 0))
		return false;
	return !view->has_moved || view_settle(view->origin);
}

/* The link is opened when a number comes the second time in a row: where several threads open, they seldom do. */
static void keep_link(const struct view *view, int descriptor, const char *number, struct naming *naming)
{
	if (naming->number == descriptor) {
		naming->link = openat(view->origin->descriptors, number, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		return;
	}
	if (naming->link >= 0)
		close(naming->link);
	*naming = (struct naming){.number = descriptor, .link = -1};
}

/* The name of a descriptor's file, as the calling thread's root sees it. naming: NULL, or what may spare the walk. */
static ssize_t name_of(const struct view *view, int descriptor, struct naming *naming, char *out, size_t size)
{
	char number[DECIMAL_MAX];

	if (naming && naming->link >= 0 && naming->number == descriptor)
		return readlinkat(naming->link, "", out, size);
	(void)decimal_put((unsigned)descriptor, number);
	if (naming)
		keep_link(view, descriptor, number, naming);
	return readlinkat(view->origin->descriptors, number, out, size);
}

/*
 * A magic link, which is not followed, looks the same as a loop of links, which the target is to
 * hear of: without that restriction only the loop is one still. Nothing is done with what that finds.
 */
static int error_of_loop(int cwd, const char *path, struct open_how how)
{
	int descriptor;

	how.resolve = 0;
	descriptor = (int)syscall(SYS_openat2, cwd, path, &how, sizeof(how));
	if (descriptor < 0)
		return errno == ELOOP ? ELOOP : VIEW_MAGIC_LINK;
	close(descriptor);
	return VIEW_MAGIC_LINK;
}

/* What was opened; it is closed where that cannot be told. 0, or VIEW_NAMELESS. */
static int describe(const struct view *view, struct naming *naming, struct pinned *pinned)
{
	ssize_t length = name_of(view, pinned->descriptor, naming, pinned->name, sizeof(pinned->name) - 1);

	pinned->length = 0; /* of a name that is long: it is not cleared */
	pinned->is_in_first = false;
	if (length > 0 && pinned->name[0] == '/' && fstat(pinned->descriptor, &pinned->status) == 0) {
		pinned->name[length] = '\0';
		pinned->length = (size_t)length;
		return 0;
	}
	view_unpin(pinned);
	return VIEW_NAMELESS;
}

int view_pin(const struct view *view, const char *path, bool directory, struct pinned *pinned)
{
	const struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | (directory ? O_DIRECTORY : 0)),
				     .resolve = RESOLVE_NO_MAGICLINKS};
	int cwd = cwd_for(view, path);

	pinned->descriptor = (int)syscall(SYS_openat2, cwd, path, &how, sizeof(how));
	if (pinned->descriptor < 0 && errno == ELOOP)
		return error_of_loop(cwd, path, how);
	if (pinned->descriptor < 0)
		return errno == ENOSYS ? EACCES : errno;
	return describe(view, NULL, pinned);
}

/*
 * procfs alone asks a lookup for that right, to hide processes (hidepid) and what is in them, and has no socket: so one
 * that has been reached downwards all the way has been reached without it.
 */
bool view_pin_straight(const struct view *view, const char *path, struct naming *naming, struct pinned *pinned)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
				     .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

	if (path[0] != '/' || strstr(path, ".."))
		return false;
	pinned->descriptor = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (pinned->descriptor < 0 || describe(view, naming, pinned) != 0)
		return false;
	pinned->is_in_first = view->is_ours && view->origin->is_ours && strcmp(path, pinned->name) == 0;
	if (S_ISSOCK(pinned->status.st_mode))
		return true;
	view_unpin(pinned);
	return false;
}

void view_unpin(struct pinned *pinned)
{
	if (pinned->descriptor >= 0)
		close(pinned->descriptor);
	pinned->descriptor = -1;
}

/* The directory part. False: the path ends with none that could be made. */
static bool split(const char *path, char directory[PATH_MAX], const char **last)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	*last = slash ? slash + 1 : path;
	if (**last == '\0' || strcmp(*last, ".") == 0 || strcmp(*last, "..") == 0 || length >= PATH_MAX)
		return false;
	(void)snprintf(directory, PATH_MAX, "%.*s", (int)length, path);
	if (length == 0)
		memcpy(directory, slash ? "/" : ".", 2);
	return true;
}

int view_pin_parent(const struct view *view, const char *path, struct new_name *name)
{
	char directory[PATH_MAX];
	int written;
	int error;

	if (!split(path, directory, &name->last))
		return EISDIR;
	error = view_pin(view, directory, true, &name->parent);
	if (error)
		return error;
	written = snprintf(name->full, sizeof(name->full), "%s/%s", name->parent.length == 1 ? "" : name->parent.name,
			   name->last);
	name->length = written > 0 ? (size_t)written : 0;
	if (name->length > 0 && name->length < sizeof(name->full))
		return 0;
	view_unpin(&name->parent);
	return ENAMETOOLONG;
}

bool view_is_same_in_first(const struct view_origin *origin, const char *name, size_t length, const struct stat *status)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
				     .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT};
	char path[PATH_MAX];
	struct stat there;
	int descriptor;
	bool same;

	if (length >= sizeof(path))
		return false;
	memcpy(path, name, length);
	path[length] = '\0';
	descriptor = (int)syscall(SYS_openat2, origin->first.descriptor, path, &how, sizeof(how));
	if (descriptor < 0)
		return false;
	same = fstat(descriptor, &there) == 0 && there.st_dev == status->st_dev && there.st_ino == status->st_ino;
	close(descriptor);
	return same;
}
