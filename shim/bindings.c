#include "bindings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int bindings_init(struct bindings *bindings)
{
	bindings->count = 0;
	socket_diag_open(&bindings->diag);
	bindings->all = calloc(BINDINGS_MAX, sizeof(*bindings->all));
	return bindings->all && pthread_mutex_init(&bindings->lock, NULL) == 0 ? 0 : -1;
}

static void forget(struct bindings *bindings, size_t place)
{
	if (bindings->all[place].descriptor >= 0)
		close(bindings->all[place].descriptor);
	bindings->all[place] = bindings->all[--bindings->count];
}

/* Pathnames that have been unlinked can be connected to no longer. */
static void forget_unlinked(struct bindings *bindings)
{
	struct stat status;

	for (size_t i = bindings->count; i-- > 0;)
		if (bindings->all[i].descriptor >= 0 &&
		    (fstat(bindings->all[i].descriptor, &status) != 0 || status.st_nlink == 0))
			forget(bindings, i);
}

static void forget_closed(struct bindings *bindings)
{
	for (size_t i = bindings->count; i-- > 0;)
		if (bindings->all[i].descriptor < 0 && !socket_diag_knows(&bindings->diag, bindings->all[i].inode))
			forget(bindings, i);
}

/* Room for one more; what is gone makes room. */
static struct binding *more(struct bindings *bindings)
{
	if (bindings->count == BINDINGS_MAX)
		forget_unlinked(bindings);
	if (bindings->count == BINDINGS_MAX)
		forget_closed(bindings);
	return bindings->count == BINDINGS_MAX ? NULL : &bindings->all[bindings->count++];
}

bool bindings_add_path(struct bindings *bindings, int descriptor, const struct stat *status)
{
	struct binding *binding;

	(void)pthread_mutex_lock(&bindings->lock);
	binding = more(bindings);
	if (binding)
		*binding =
		    (struct binding){.descriptor = descriptor, .device = status->st_dev, .inode = status->st_ino};
	(void)pthread_mutex_unlock(&bindings->lock);
	if (!binding)
		close(descriptor);
	return binding != NULL;
}

bool bindings_add_abstract(struct bindings *bindings, const char *name, size_t length, int socket)
{
	struct binding *binding = NULL;
	struct stat status;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (fstat(socket, &status) != 0 || getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
		return false;
	(void)pthread_mutex_lock(&bindings->lock);
	if (length <= sizeof(binding->name))
		binding = more(bindings);
	if (binding) {
		*binding =
		    (struct binding){.descriptor = -1, .inode = status.st_ino, .cookie = cookie, .length = length};
		memcpy(binding->name, name, length);
	}
	(void)pthread_mutex_unlock(&bindings->lock);
	return binding != NULL;
}

bool bindings_have_path(struct bindings *bindings, const struct stat *status)
{
	bool found = false;

	(void)pthread_mutex_lock(&bindings->lock);
	for (size_t i = 0; !found && i < bindings->count; i++)
		found = bindings->all[i].descriptor >= 0 && bindings->all[i].device == status->st_dev &&
			bindings->all[i].inode == status->st_ino;
	(void)pthread_mutex_unlock(&bindings->lock);
	return found;
}

bool bindings_have_abstract(struct bindings *bindings, const char *name, size_t length, ino_t client)
{
	bool have = false;

	(void)pthread_mutex_lock(&bindings->lock);
	for (size_t i = 0; !have && i < bindings->count; i++) {
		const struct binding *binding = &bindings->all[i];

		if (binding->descriptor < 0 && binding->length == length && memcmp(binding->name, name, length) == 0)
			have = socket_diag_is_named(
			    &bindings->diag,
			    &(struct socket_identity){.inode = binding->inode, .cookie = binding->cookie}, name,
			    length);
	}
	have = have && socket_diag_knows(&bindings->diag, client);
	(void)pthread_mutex_unlock(&bindings->lock);
	return have;
}
