/* The path of a call, led elsewhere while the call is being judged; and paths that lead around. */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct swapped {
	char one[200];
	char other[200];
	struct sockaddr_un address;
};

static void door(const struct stage *stage, char which, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/door/%c%s%s", stage->directory, which, *name ? "/" : "", name);
}

static struct swapped *prepare(struct stage *stage, const char *one, const char *other)
{
	struct swapped *swapped = attack_memory(sizeof(*swapped));

	attack_path(stage, one, swapped->one, sizeof(swapped->one));
	attack_path(stage, other, swapped->other, sizeof(swapped->other));
	swapped->address.sun_family = AF_UNIX;
	return swapped;
}

static void point_at(const struct stage *stage, char which, const char *path)
{
	char target[200];

	door(stage, which, "", target, sizeof(target));
	(void)unlink(path);
	if (symlink(target, path) != 0)
		err(1, "%s", path);
}

static void exchange(struct stage *stage, void *context)
{
	const struct swapped *swapped = context;

	(void)stage;
	(void)renameat2(AT_FDCWD, swapped->one, AT_FDCWD, swapped->other, RENAME_EXCHANGE);
}

static void call_connect(struct stage *stage, void *context)
{
	const struct swapped *swapped = context;

	attack_connect(stage, SOCK_STREAM, &swapped->address, sizeof(swapped->address));
}

static void aim(struct swapped *swapped, const char *behind)
{
	int written =
	    snprintf(swapped->address.sun_path, sizeof(swapped->address.sun_path), "%s%s", swapped->one, behind);

	if (written < 0 || (size_t)written >= sizeof(swapped->address.sun_path))
		errx(2, "%s: too long", swapped->one);
}

void symlink_swap(struct stage *stage)
{
	struct swapped *swapped = prepare(stage, "link", "link.other");

	point_at(stage, 'a', swapped->one);
	point_at(stage, 'd', swapped->other);
	aim(swapped, "/stream");
	attack_race(stage, exchange, call_connect, swapped, false);
}

/* Real directories: what leads on from them does not change. */
void directory_swap(struct stage *stage)
{
	struct swapped *swapped = prepare(stage, "folder", "folder.other");
	char path[220];

	(void)mkdir(swapped->one, 0755);
	(void)mkdir(swapped->other, 0755);
	(void)snprintf(path, sizeof(path), "%s/on", swapped->one);
	point_at(stage, 'a', path);
	(void)snprintf(path, sizeof(path), "%s/on", swapped->other);
	point_at(stage, 'd', path);
	aim(swapped, "/on/stream");
	attack_race(stage, exchange, call_connect, swapped, false);
}

static void try_path(struct stage *stage, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "%s: too long", path);
	memcpy(address.sun_path, path, strlen(path));
	attack_connect(stage, SOCK_STREAM, &address, sizeof(address));
}

/* Links that are no names: whose they are depends on who follows them. */
void proc_paths(struct stage *stage)
{
	static const char *const forms[] = {
	    "/proc/self/root%s",
	    "/proc/thread-self/root%s",
	    "/proc/self/cwd/stream",
	    "/proc/thread-self/cwd/stream",
	    "/proc/self/fd/50",
	    "/proc/thread-self/fd/50",
	    "/proc/self/fd/51/stream",
	    "/dev/fd/51/stream",
	    "/proc/self/task/../cwd/stream",
	};
	char folder[200];
	char denied[200];
	int socket_itself;

	door(stage, 'd', "stream", denied, sizeof(denied));
	door(stage, 'd', "", folder, sizeof(folder));
	socket_itself = open(denied, O_PATH);
	if (chdir(folder) != 0 || dup2(socket_itself, 50) < 0 || dup2(open(".", O_PATH), 51) < 0)
		err(1, "%s", folder);
	attack_slow(stage, 10, 100);
	while (!attack_is_over(stage)) {
		char path[sizeof(denied) + 40];
		const char *form = forms[(size_t)stage->done % (sizeof(forms) / sizeof(forms[0]))];
		const char *rest = strchr(form, '%');

		(void)snprintf(path, sizeof(path), "%.*s%s", rest ? (int)(rest - form) : (int)strlen(form), form,
			       rest ? denied : "");
		try_path(stage, path);
	}
}

/*
 * Another name of the same socket. A policy that allows names in a directory which the session can
 * write has allowed whatever can be linked there: of that check warns.
 */
void linked(struct stage *stage)
{
	char denied[200];
	char path[200];

	door(stage, 'd', "stream", denied, sizeof(denied));
	attack_path(stage, "linked", path, sizeof(path));
	if (link(denied, path) != 0)
		err(77, "%s", path);
	attack_slow(stage, 10, 100);
	while (!attack_is_over(stage))
		try_path(stage, path);
}
