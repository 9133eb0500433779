/*
 * Names that lie: in a root or mount namespace of its own a session gives what is denied the name of
 * what is allowed. By open_tree(2) and move_mount(2), which mount(2) being blocked does not keep from
 * anybody.
 */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif

/* An honest call first: what is found out of the caller then is not to be believed afterwards. */
static void be_known(const struct stage *stage)
{
	struct sockaddr_un address;
	socklen_t length;
	int made = attack_socket(SOCK_STREAM);

	(void)attack_address(stage, 'a', "stream", false, &address, &length);
	if (connect(made, (const struct sockaddr *)(const void *)&address, length) != 0)
		err(1, "%s", address.sun_path);
	close(made);
}

static void new_namespace(const struct stage *stage)
{
	unsigned uid = getuid();
	unsigned gid = getgid();
	char map[40];

	be_known(stage);
	if (uid == 0) {
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
			err(77, "unshare");
		return;
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		err(77, "unshare");
	attack_write("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	attack_write("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	attack_write("/proc/self/gid_map", map);
}

/* Mounts a folder on another, here alone. */
static void put(const char *what, const char *where)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, what, OPEN_TREE_CLONE | O_CLOEXEC);

	if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		err(77, "%s on %s", what, where);
	close(tree);
}

static void door(const struct stage *stage, char which, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/door/%c", stage->directory, which);
}

/* D/door/a is D/door/d here. */
static void put_denied_on_allowed(const struct stage *stage)
{
	char denied[200];
	char allowed[200];

	door(stage, 'd', denied, sizeof(denied));
	door(stage, 'a', allowed, sizeof(allowed));
	put(denied, allowed);
}

static void connect_often(struct stage *stage, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long", path);
	memcpy(address.sun_path, path, strlen(path));
	attack_slow(stage, 10, 100);
	while (!attack_is_over(stage))
		attack_connect(stage, SOCK_STREAM, &address, sizeof(address));
}

static void connect_allowed(struct stage *stage)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/door/a/stream", stage->directory);
	connect_often(stage, path);
}

void namespace_mount(struct stage *stage)
{
	new_namespace(stage);
	put_denied_on_allowed(stage);
	connect_allowed(stage);
}

/* The child's table of descriptors is this process's too; its namespace lasts as long as it does. */
static int open_elsewhere(const struct stage *stage)
{
	char path[200];
	int said[2];
	int place = -1;
	pid_t child = pipe(said) == 0 ? (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL) : -1;

	if (child < 0)
		err(1, "clone");
	if (child > 0) {
		if (read(said[0], &place, sizeof(place)) != (ssize_t)sizeof(place) || place < 0)
			errx(77, "no other namespace");
		return place;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	new_namespace(stage);
	put_denied_on_allowed(stage);
	door(stage, 'a', path, sizeof(path));
	place = open(path, O_PATH | O_DIRECTORY);
	if (write(said[1], &place, sizeof(place)) < 0)
		_exit(1);
	for (;;)
		pause();
}

/* The root stays the first, the working directory comes from elsewhere. */
void namespace_directory(struct stage *stage)
{
	if (fchdir(open_elsewhere(stage)) != 0)
		err(1, "fchdir");
	connect_often(stage, "stream");
}

/* In the other namespace, with the first one's root. */
void namespace_root(struct stage *stage)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[200];
	int inside;

	new_namespace(stage);
	put_denied_on_allowed(stage);
	door(stage, 'a', path, sizeof(path));
	inside = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fchdir(root) != 0 || chroot(".") != 0 || fchdir(inside) != 0)
		err(1, "chroot");
	connect_often(stage, "stream");
}

/*
 * The policy allows D/open/mine, where in the first namespace there is a link to what is denied, and
 * in the other one a directory.
 */
void namespace_symlink(struct stage *stage)
{
	char denied[200];
	char link[200];
	char open_folder[200];
	char over[200];
	char mine[220];

	door(stage, 'd', denied, sizeof(denied));
	attack_path(stage, "mine", link, sizeof(link));
	attack_path(stage, "", open_folder, sizeof(open_folder));
	attack_path(stage, "over", over, sizeof(over));
	(void)snprintf(mine, sizeof(mine), "%s/mine", over);
	(void)unlink(link);
	(void)mkdir(over, 0755);
	(void)mkdir(mine, 0755);
	if (symlink(denied, link) != 0)
		err(1, "%s", link);
	new_namespace(stage);
	put(over, open_folder);
	put(denied, link);
	(void)snprintf(mine, sizeof(mine), "%s/stream", link);
	connect_often(stage, mine);
}

/* In a root of its own the names begin elsewhere. */
void chroot_link(struct stage *stage)
{
	char jail[200];
	char inside[420];
	char denied[200];

	attack_path(stage, "jail", jail, sizeof(jail));
	(void)mkdir(jail, 0755);
	for (const char *at = stage->directory; at; at = strchr(at + 1, '/')) {
		(void)snprintf(inside, sizeof(inside), "%s%.*s", jail, (int)(at - stage->directory), stage->directory);
		(void)mkdir(inside, 0755);
	}
	(void)snprintf(inside, sizeof(inside), "%s%s", jail, stage->directory);
	(void)mkdir(inside, 0755);
	(void)snprintf(inside, sizeof(inside), "%s%s/door", jail, stage->directory);
	(void)mkdir(inside, 0755);
	(void)snprintf(inside, sizeof(inside), "%s%s/door/a", jail, stage->directory);
	(void)mkdir(inside, 0755);
	door(stage, 'd', denied, sizeof(denied));
	new_namespace(stage);
	put(denied, inside);
	if (chroot(jail) != 0 || chdir("/") != 0)
		err(77, "chroot");
	connect_allowed(stage);
}
