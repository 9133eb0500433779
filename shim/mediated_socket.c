#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listener.h"
#include "made_look.h"
#include "made_sockets.h"
#include "mediation.h"
#include "socket_event.h"
#include "worker.h"

#define NETWORK       "ns/net" /* below a thread's directory in /proc */
#define NOT_MADE      "socket_not_made"
#define NO_ROOM       "too_many_sockets"
#define OTHER_NETWORK "other_network_namespace"
#define NOT_GIVEN     "socket_not_given"
#define ACCESS_ALLOWED                                                                                                 \
	(S_IRUSR | S_IWUSR) /* of a link in /proc/PID/fd: what its descriptor is open for; O_PATH: nothing */

/* The inode of the target's socket with that number, in its own table. 0, or an errno; EACCES: it cannot be read. */
static int inode_of(const struct mediation *mediation, int number, ino_t *inode)
{
	struct stat status;
	char name[32];

	(void)snprintf(name, sizeof(name), "fd/%d", number);
	if (fstatat(mediation->directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? EBADF : EACCES;
	if (!(status.st_mode & ACCESS_ALLOWED))
		return EBADF;
	if (fstatat(mediation->directory, name, &status, 0) != 0)
		return errno == ENOENT ? EBADF : EACCES;
	*inode = status.st_ino;
	return S_ISSOCK(status.st_mode) ? 0 : ENOTSOCK;
}

struct outcome made_socket_find(struct mediation *mediation, int number)
{
	ino_t inode = 0;
	int error = inode_of(mediation, number, &inode);

	if (error == EACCES)
		return mediation_deny_unreadable(mediation);
	if (error)
		return mediation_fail(error);
	/* Whatever stands there by now: the copy is of a socket of this session. */
	mediation->socket = made_sockets_find(&mediation->worker->made, inode);
	if (mediation->socket >= 0)
		return mediation_result(0);
	if (errno != ESRCH)
		return mediation_fail(errno == EISCONN && mediation_is_call(mediation, SYS_bind) ? EINVAL : errno);
	if (!mediation_is_valid(mediation))
		return mediation_fail(EINTR);
	/* What a worker that died has begun: the copy has gone with it, and the socket cannot be asked. */
	return mediation->is_resumed ? mediation_deny_unknown(mediation) : mediation_deny(mediation, NOT_MADE);
}

void made_socket_used(const struct mediation *mediation, const struct outcome *outcome)
{
	struct worker *worker = mediation->worker;
	bool is_connecting = outcome->error == EINPROGRESS || outcome->error == EALREADY;

	if (mediation->socket < 0)
		return;
	made_sockets_connected(&worker->made, mediation_inode(mediation), is_connecting);
	if (is_connecting)
		made_look_now(&worker->look);
}

void made_socket_look(struct mediation *mediation)
{
	mediation_return(mediation);
	made_look(&mediation->worker->look, &mediation->server->own, 1);
}

/*
 * A socket is of the network namespace of whoever makes it. A caller that cannot be read gets one of ours, in which the
 * session has begun, and can do no more with it than with any that it has: connect(2) has to read it.
 */
static struct outcome check_network(struct mediation *mediation)
{
	const char *ours = mediation->worker->network_namespace;
	char link[NAMESPACE_NAME];
	ssize_t length = readlinkat(mediation->directory, NETWORK, link, sizeof(link));

	if (!mediation_is_valid(mediation))
		return mediation_fail(EINTR);
	if (length < 0)
		return mediation_result(0);
	if ((size_t)length == strlen(ours) && memcmp(link, ours, (size_t)length) == 0)
		return mediation_result(0);
	return mediation_deny(mediation, OTHER_NETWORK);
}

/* With the target's rights: a socket keeps those of its maker. 0, or an errno. */
static int make(struct mediation *mediation, int *one)
{
	const uint64_t *arguments = (const uint64_t *)mediation->notif->data.args;
	int error;

	if (!mediation_take(mediation, 0))
		return EACCES;
	*one = socket((int)(uint32_t)arguments[0], (int)(uint32_t)arguments[1] | SOCK_CLOEXEC,
		      (int)(uint32_t)arguments[2]);
	error = *one < 0 ? errno : 0;
	mediation_return(mediation);
	return error;
}

/* Into the table; what nobody has any more makes room. False: there is none. */
static bool add(struct mediation *mediation, int one, ino_t *inode)
{
	struct made_sockets *made = &mediation->worker->made;

	if (made_sockets_add(made, one, inode))
		return true;
	made_socket_look(mediation);
	return made_sockets_add(made, one, inode);
}

/*
 * From here on the target may use it: it has been added before. A worker that dies before the number is in the slot
 * leaves the target a descriptor that it does not know of, and the next one gives it another.
 */
static struct outcome give(struct mediation *mediation, int one, ino_t inode)
{
	struct worker *worker = mediation->worker;
	const uint64_t type = mediation->notif->data.args[1];
	int number = listener_put(worker->listener, mediation->notif->id, one, type & SOCK_CLOEXEC);
	int error = errno;

	if (number >= 0) {
		made_sockets_give(&worker->made, inode);
		made_look_later(&worker->look);
		return mediation_result(number);
	}
	made_sockets_remove(&worker->made, inode);
	if (error == EMFILE || !mediation_is_valid(mediation))
		return mediation_fail(error);
	return mediation_deny(mediation, NOT_GIVEN);
}

struct outcome mediated_socket(struct mediation *mediation)
{
	struct outcome outcome = check_network(mediation);
	ino_t inode;
	int one = -1;

	if (outcome.error == 0)
		outcome = mediation_fail(make(mediation, &one));
	if (outcome.error)
		return outcome;
	if (add(mediation, one, &inode))
		return give(mediation, one, inode);
	close(one);
	socket_event_unread(mediation, NO_ROOM);
	return mediation_fail(ENFILE);
}

/* Its arguments are numbers, and what it does to another socket than the one that is looked at is no harm to anybody.
 */
struct outcome mediated_listen(struct mediation *mediation)
{
	ino_t inode;

	if (inode_of(mediation, (int)(uint32_t)mediation->notif->data.args[0], &inode) == 0)
		made_sockets_listens(&mediation->worker->made, inode);
	return (struct outcome){.is_continued = true};
}
