/*
 * A file system of the attacker's own, without a library: a root with one symbolic link, which leads
 * elsewhere each time it is read. /dev/fuse, fuse(4).
 */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK 2 /* its number; the root's is FUSE_ROOT_ID */

struct served {
	int device;
	unsigned read; /* how often the link was */
	char targets[2][200];
	char path[200];
};

static void answer(const struct served *served, const struct fuse_in_header *request, int error, const void *bytes,
		   size_t size)
{
	struct {
		struct fuse_out_header head;
		char bytes[512];
	} out = {.head = {.len = (uint32_t)(sizeof(out.head) + size), .error = -error, .unique = request->unique}};

	if (size > 0)
		memcpy(out.bytes, bytes, size);
	if (write(served->device, &out, out.head.len) < 0 && errno != ENOENT)
		err(1, "/dev/fuse");
}

static struct fuse_attr attributes_of(uint64_t number)
{
	return (struct fuse_attr){
	    .ino = number, .mode = number == LINK ? S_IFLNK | 0777 : S_IFDIR | 0755, .nlink = 1, .size = 100};
}

static void answer_lookup(const struct served *served, const struct fuse_in_header *request)
{
	const struct fuse_entry_out entry = {.nodeid = LINK, .attr = attributes_of(LINK)};

	answer(served, request, 0, &entry, sizeof(entry));
}

static void answer_attributes(const struct served *served, const struct fuse_in_header *request)
{
	const struct fuse_attr_out out = {.attr = attributes_of(request->nodeid)};

	answer(served, request, 0, &out, sizeof(out));
}

static void answer_link(struct served *served, const struct fuse_in_header *request)
{
	const char *target = served->targets[served->read++ % 2];

	answer(served, request, 0, target, strlen(target));
}

static void serve(struct stage *stage, void *context)
{
	static char room[FUSE_MIN_READ_BUFFER + 4096];
	const struct fuse_in_header *request = (const struct fuse_in_header *)(const void *)room;
	const struct fuse_init_out begun = {
	    .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
	struct served *served = context;

	struct pollfd ready = {.fd = served->device, .events = POLLIN};

	(void)stage;
	if (poll(&ready, 1, 10) <= 0 || read(served->device, room, sizeof(room)) <= 0)
		return;
	switch (request->opcode) {
	case FUSE_INIT:
		answer(served, request, 0, &begun, sizeof(begun));
		break;
	case FUSE_LOOKUP:
		answer_lookup(served, request);
		break;
	case FUSE_GETATTR:
		answer_attributes(served, request);
		break;
	case FUSE_READLINK:
		answer_link(served, request);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(served, request, ENOSYS, NULL, 0);
		break;
	}
}

static void mount_it(struct served *served)
{
	char options[100];

	(void)mkdir(served->path, 0755);
	served->device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (served->device < 0)
		err(77, "/dev/fuse");
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		       served->device);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
	    mount("attack", served->path, "fuse", 0, options) != 0)
		err(77, "%s", served->path);
}

static void call_connect(struct stage *stage, void *context)
{
	const struct served *served = context;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/link", served->path);
	attack_connect(stage, SOCK_STREAM, &address, sizeof(address));
}

void fuse_link(struct stage *stage)
{
	struct served *served = attack_memory(sizeof(*served));

	if (getuid() != 0)
		errx(77, "/dev/fuse is root's");
	attack_path(stage, "fuse", served->path, sizeof(served->path));
	for (int i = 0; i < 2; i++)
		(void)snprintf(served->targets[i], sizeof(served->targets[i]), "%s/door/%c/stream", stage->directory,
			       i ? 'd' : 'a');
	mount_it(served);
	attack_slow(stage, 100, 1000);
	attack_race(stage, serve, call_connect, served, false);
}
