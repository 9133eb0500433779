/*
 * unflushed USER DEVICE MOUNT COMMAND [ARGUMENT...]
 *
 * Serves, in a user and a mount namespace of its own, a file system of one file, MOUNT/file, and runs COMMAND there. By
 * root: in a mount namespace alone, open to all, and as USER from then on, as one who has a set-user-ID mount helper.
 * The file is empty, and takes everything; but close(2) of it (FUSE_FLUSH) and ioctl(2) are answered to nobody outside
 * of that namespace. DEVICE is /dev/fuse, or a node of that. Exits with COMMAND's status; 125: it cannot be served.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FAILED 125
#define NODE          2U /* the file's; the root's is 1 */
#define REQUEST_MAX   ((size_t)64 * 1024)
#define VALID_S       1000U

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		err(STATUS_FAILED, "%s", path);
	close(file);
}

/* The caller's ids are the same in there. */
static void enter_namespaces(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		err(STATUS_FAILED, "unshare");
	write_file("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	write_file("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	write_file("/proc/self/gid_map", map);
}

static void enter_mounts(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		err(STATUS_FAILED, "unshare");
}

static void become(uid_t user)
{
	if (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0)
		err(STATUS_FAILED, "setresuid");
}

/* The device, which is served from now on. */
static int mount_at(const char *device, const char *path, uid_t user, bool for_all)
{
	char options[128];
	int opened = open(device, O_RDWR | O_CLOEXEC);

	if (opened < 0)
		err(STATUS_FAILED, "%s", device);
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%u,group_id=%u%s", opened, user, user,
		       for_all ? ",allow_other" : "");
	if (mount("unflushed", path, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
		err(STATUS_FAILED, "%s", path);
	return opened;
}

static void answer(int device, uint64_t unique, int error, const void *data, size_t length)
{
	char reply[sizeof(struct fuse_out_header) + 256];
	const struct fuse_out_header head = {
	    .len = (uint32_t)(sizeof(head) + length), .error = -error, .unique = unique};

	memcpy(reply, &head, sizeof(head));
	if (length > 0)
		memcpy(reply + sizeof(head), data, length);
	if (write(device, reply, sizeof(head) + length) < 0 && errno != ENOENT)
		err(STATUS_FAILED, "reply");
}

static struct fuse_attr attributes_of(uint64_t node)
{
	return (struct fuse_attr){.ino = node,
				  .mode = node == NODE ? S_IFREG | 0666U : S_IFDIR | 0777U,
				  .nlink = 1,
				  .uid = getuid(),
				  .gid = getgid()};
}

/* Of others' processes nothing is to be seen. */
static bool is_inside(uint32_t process)
{
	char path[64];
	char theirs[64] = "";
	char ours[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/%u/ns/mnt", process);
	return readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
	       readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1) > 0 && strcmp(theirs, ours) == 0;
}

static void look_up(int device, const struct fuse_in_header *head)
{
	const struct fuse_entry_out entry = {.nodeid = NODE,
					     .generation = 1,
					     .entry_valid = VALID_S,
					     .attr_valid = VALID_S,
					     .attr = attributes_of(NODE)};

	if (strcmp((const char *)(head + 1), "file") == 0)
		answer(device, head->unique, 0, &entry, sizeof(entry));
	else
		answer(device, head->unique, ENOENT, NULL, 0);
}

static void serve_one(int device, const struct fuse_in_header *head)
{
	const struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
	const struct fuse_attr_out attributes = {.attr_valid = VALID_S, .attr = attributes_of(head->nodeid)};
	const struct fuse_open_out opened = {.fh = 1};
	struct fuse_write_in written;
	struct fuse_write_out taken = {.size = 0};

	switch (head->opcode) {
	case FUSE_INIT:
		answer(device, head->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		look_up(device, head);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer(device, head->unique, 0, &attributes, sizeof(attributes));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(device, head->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_WRITE:
		memcpy(&written, head + 1, sizeof(written));
		taken.size = written.size;
		answer(device, head->unique, 0, &taken, sizeof(taken));
		break;
	case FUSE_FLUSH:
		if (is_inside(head->pid))
			answer(device, head->unique, 0, NULL, 0);
		break;
	case FUSE_IOCTL:
		if (is_inside(head->pid))
			answer(device, head->unique, ENOTTY, NULL, 0);
		break;
	case FUSE_READ:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_ACCESS:
		answer(device, head->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* nobody waits for an answer */
	default:
		answer(device, head->unique, ENOSYS, NULL, 0);
		break;
	}
}

static _Noreturn void serve(int device)
{
	static union {
		struct fuse_in_header head;
		char bytes[REQUEST_MAX];
	} request;
	ssize_t length;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((length = read(device, request.bytes, sizeof(request.bytes))) >= 0 || errno == EINTR || errno == ENOENT)
		if (length >= (ssize_t)sizeof(request.head))
			serve_one(device, &request.head);
	_exit(0); /* it is mounted no more */
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child < 0)
		err(STATUS_FAILED, "fork");
	if (child > 0)
		return child;
	(void)execvp(command[0], command);
	err(STATUS_FAILED, "%s", command[0]);
}

int main(int argc, char **argv)
{
	bool is_root = getuid() == 0;
	pid_t server;
	uid_t user;
	int device;
	int status;

	if (argc < 5)
		errx(2, "usage: unflushed USER DEVICE MOUNT COMMAND [ARGUMENT...]");
	user = is_root ? (uid_t)strtoul(argv[1], NULL, 10) : getuid();
	if (is_root)
		enter_mounts();
	else
		enter_namespaces();
	device = mount_at(argv[2], argv[3], user, is_root);
	if (is_root)
		become(user);
	server = fork();
	if (server < 0)
		err(STATUS_FAILED, "fork");
	if (server == 0)
		serve(device);
	close(device);
	if (waitpid(start(argv + 4), &status, 0) < 0)
		err(STATUS_FAILED, "wait");
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
