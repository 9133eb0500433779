#include "made_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_option.h"

int made_sockets_init(struct made_sockets *made)
{
	made->count = 0;
	made->next = 0;
	return pthread_mutex_init(&made->lock, NULL) == 0 ? 0 : -1;
}

static void lock(struct made_sockets *made)
{
	(void)pthread_mutex_lock(&made->lock);
}

static void unlock(struct made_sockets *made)
{
	(void)pthread_mutex_unlock(&made->lock);
}

/* With the lock, as all that follow. */
static struct made_socket *find(struct made_sockets *made, ino_t inode)
{
	for (size_t i = 0; i < made->count; i++)
		if (made->all[i].inode == inode)
			return &made->all[i];
	return NULL;
}

static void let_go(struct made_socket *one, int error)
{
	if (one->copy >= 0)
		close(one->copy);
	one->copy = -1;
	one->error = error;
	one->is_connecting = false;
}

/* The last takes its place. */
static void remove_at(struct made_sockets *made, size_t place)
{
	let_go(&made->all[place], ESRCH);
	made->all[place] = made->all[--made->count];
}

/* One that has been let go of makes room, another one each time. */
static bool make_room(struct made_sockets *made)
{
	for (size_t i = 0; made->count == MADE_SOCKETS_MAX && i < MADE_SOCKETS_MAX; i++) {
		size_t place = made->next++ % MADE_SOCKETS_MAX;

		if (made->all[place].copy < 0)
			remove_at(made, place);
	}
	return made->count < MADE_SOCKETS_MAX;
}

static bool is_stream(int socket)
{
	int type = socket_option(socket, SO_TYPE);

	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

bool made_sockets_add(struct made_sockets *made, int socket, ino_t *inode)
{
	struct made_socket *before;
	struct stat status;
	bool added;

	if (fstat(socket, &status) != 0)
		return false;
	*inode = status.st_ino;
	lock(made);
	before = find(made, status.st_ino); /* whose number it has now */
	if (before)
		remove_at(made, (size_t)(before - made->all));
	added = make_room(made);
	if (added)
		made->all[made->count++] =
		    (struct made_socket){.inode = status.st_ino, .copy = socket, .is_stream = is_stream(socket)};
	unlock(made);
	return added;
}

void made_sockets_give(struct made_sockets *made, ino_t inode)
{
	struct made_socket *one;

	lock(made);
	one = find(made, inode);
	if (one)
		one->is_given = true;
	unlock(made);
}

void made_sockets_remove(struct made_sockets *made, ino_t inode)
{
	struct made_socket *one;

	lock(made);
	one = find(made, inode);
	if (one)
		remove_at(made, (size_t)(one - made->all));
	unlock(made);
}

int made_sockets_find(struct made_sockets *made, ino_t inode)
{
	const struct made_socket *one;
	int copy = -1;
	int error = ESRCH;

	lock(made);
	one = find(made, inode);
	if (one && one->copy >= 0) {
		copy = fcntl(one->copy, F_DUPFD_CLOEXEC, 0);
		error = errno;
	} else if (one) {
		error = one->error;
	}
	unlock(made);
	errno = error;
	return copy;
}

void made_sockets_listens(struct made_sockets *made, ino_t inode)
{
	struct made_socket *one;

	lock(made);
	one = find(made, inode);
	if (one && one->is_stream)
		let_go(one, EINVAL);
	unlock(made);
}

static bool is_connected(int socket)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);

	return getpeername(socket, (struct sockaddr *)&peer, &size) == 0;
}

void made_sockets_connected(struct made_sockets *made, ino_t inode, bool is_connecting)
{
	struct made_socket *one;

	lock(made);
	one = find(made, inode);
	if (one && one->copy >= 0 && one->is_stream) {
		one->is_connecting = is_connecting;
		if (is_connected(one->copy))
			let_go(one, EISCONN);
	}
	unlock(made);
}

size_t made_sockets_connecting(struct made_sockets *made, int *copies, ino_t *inodes, size_t size)
{
	size_t count = 0;

	lock(made);
	for (size_t i = 0; i < made->count && count < size; i++) {
		if (!made->all[i].is_connecting)
			continue;
		copies[count] = made->all[i].copy;
		inodes[count++] = made->all[i].inode;
	}
	unlock(made);
	return count;
}

bool made_sockets_any(struct made_sockets *made)
{
	bool any = false;

	lock(made);
	for (size_t i = 0; !any && i < made->count; i++)
		any = made->all[i].copy >= 0;
	unlock(made);
	return any;
}

void made_sockets_begin_look(struct made_sockets *made)
{
	lock(made);
	for (size_t i = 0; i < made->count; i++)
		made->all[i].is_looked_for = made->all[i].is_given && made->all[i].copy >= 0;
	unlock(made);
}

void made_sockets_seen(struct made_sockets *made, ino_t inode)
{
	struct made_socket *one;

	lock(made);
	one = find(made, inode);
	if (one) {
		one->is_looked_for = false;
		one->missed = 0;
	}
	unlock(made);
}

bool made_sockets_all_seen(struct made_sockets *made)
{
	bool all = true;

	lock(made);
	for (size_t i = 0; all && i < made->count; i++)
		all = !made->all[i].is_looked_for;
	unlock(made);
	return all;
}

void made_sockets_end_look(struct made_sockets *made, unsigned patience)
{
	lock(made);
	for (size_t i = made->count; i-- > 0;) {
		struct made_socket *one = &made->all[i];

		if (one->is_looked_for && ++one->missed >= patience)
			remove_at(made, i);
		else if (one->copy >= 0 && one->is_given && one->is_stream && is_connected(one->copy))
			let_go(one, EISCONN);
		else
			one->is_looked_for = false;
	}
	unlock(made);
}
